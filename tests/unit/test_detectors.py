"""Detectors against their contract: shapes, reach, equivariance."""

import numpy as np
import pytest
import torch
from basinwatch import detectors
from basinwatch.detectors.basinnet import BasinNet
from basinwatch.encoding import encode
from basinwatch.errors import InputError


def trained_like(widths=(4, 6, 8), seed=0):
    """A small net with arbitrary weights and normalisation statistics that differ from the start."""
    torch.manual_seed(seed)
    net = BasinNet(widths)
    with torch.no_grad():
        net.head.weight.normal_()
        for _ in range(3):
            net(torch.randn(4, 3, 48, 48))
    return net.eval()


def test_every_registered_detector_keeps_the_contract():
    for name in detectors.available():
        net = detectors.build(name).eval()
        side = 3 * net.stride
        with torch.inference_mode():
            assert net(torch.zeros(2, 3, side, side)).shape == (2, 1, side, side)
        assert net.kind == "semantic"
        assert net.halo > 0


def test_an_unknown_detector_or_option_is_refused_in_one_sentence():
    with pytest.raises(InputError, match=r"expected one of .*basinnet"):
        detectors.build("nosuchnet")
    with pytest.raises(InputError, match="'depth'"):
        detectors.build("basinnet", {"depth": 3})
    with pytest.raises(InputError, match="widths"):
        detectors.build("basinnet", {"widths": [8]})


def test_the_default_has_between_one_and_eight_million_parameters():
    count = sum(p.numel() for p in detectors.build("basinnet").parameters())
    assert 1e6 < count < 8e6


def test_an_untrained_detector_expects_the_usual_share_of_basin_pixels():
    with torch.inference_mode():
        share = torch.sigmoid(BasinNet((8, 8)).eval()(torch.randn(2, 3, 32, 32))).mean()
    assert 0.01 < float(share) < 0.06


@pytest.mark.parametrize("widths", [(4, 4), (4, 6, 8)])
def test_no_output_pixel_sees_farther_than_the_halo(widths):
    net = trained_like(widths)
    side = -(-3 * net.halo // net.stride) * net.stride
    reach = 0
    for centre in range(side // 2, side // 2 + net.stride):
        x = torch.randn(1, 3, side, side, requires_grad=True)
        net(x)[0, 0, centre, centre].backward()
        rows = torch.nonzero(x.grad[0].abs().sum(dim=(0, 2)))[:, 0]
        reach = max(reach, centre - int(rows.min()), int(rows.max()) - centre)
    assert net.halo / 2 < reach <= net.halo


def test_windows_shifted_by_the_stride_agree_beyond_the_halo():
    net = trained_like()
    x = torch.randn(1, 3, 128, 128)
    with torch.inference_mode():
        whole, part = net(x), net(x[..., net.stride :, net.stride :])
    inner = slice(net.halo, -net.halo)
    torch.testing.assert_close(part[..., inner, inner], whole[..., net.stride :, net.stride :][..., inner, inner])


def test_encoding_does_not_see_full_turns_and_is_zero_without_data():
    random = np.random.default_rng(1)
    phase = random.uniform(-np.pi, np.pi, (2, 5, 7)).astype(np.float32)
    phase[0, 0, 0] = np.nan
    coherence = random.random((2, 5, 7), dtype=np.float32)
    coherence[1, 2, 3] = np.nan
    channels = encode(phase, coherence)
    np.testing.assert_allclose(channels, encode(phase + np.float32(2 * np.pi), coherence), atol=1e-5)
    np.testing.assert_allclose(np.arctan2(channels[:, 0], channels[:, 1])[1], phase[1], atol=1e-6)
    np.testing.assert_allclose(channels[1, 2, 0], 2 * coherence[1, 0] - 1, atol=1e-6)
    assert not channels[0, :, 0, 0].any()
    assert channels[1, 2, 2, 3] == 0
    assert channels[1, 1, 2, 3] != 0
    assert not encode(phase, None)[:, 2].any()

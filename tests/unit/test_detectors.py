"""Detectors against their contract: shapes, reach, equivariance, cores, losses."""

import numpy as np
import pytest
import torch
from basinwatch import detectors
from basinwatch.datasets.tiles import IGNORED
from basinwatch.detectors.basinnet import BasinNet, core_target
from basinwatch.detectors.losses import segmentation_loss
from basinwatch.encoding import available as encodings
from basinwatch.encoding import channels, encode, is_picture
from basinwatch.errors import InputError
from basinwatch.phase_color import to_rgb
from narrow_detectors import NARROW
from PIL import Image
from scipy import ndimage
from torch.nn import functional


def trained_like(widths=(4, 6, 8), seed=0):
    """A small net with arbitrary weights and normalisation statistics that differ from the start."""
    torch.manual_seed(seed)
    net = BasinNet(widths)
    with torch.no_grad():
        net.head.weight.normal_()
        for _ in range(3):
            net(torch.randn(4, 3, 48, 48))
    return net.eval()


def check_objects(found, side):
    """Objects are inside the tile, the best first, with masks of the size of their boxes."""
    boxes = found.boxes
    assert boxes.shape == (len(found), 4)
    assert boxes.dtype == found.scores.dtype == np.float32
    assert ((boxes[:, :2] >= 0) & (boxes[:, :2] < boxes[:, 2:]) & (boxes[:, 2:] <= side)).all()
    assert ((found.scores > 0) & (found.scores <= 1)).all()
    assert (np.diff(found.scores) <= 0).all()
    for mask, (left, top, right, bottom) in zip(found.masks or [], boxes, strict=found.masks is not None):
        assert mask.dtype == bool
        assert mask.shape == (np.ceil(bottom) - np.floor(top), np.ceil(right) - np.floor(left))


@pytest.mark.parametrize("name", detectors.available())
def test_every_registered_detector_keeps_the_contract(name):
    torch.manual_seed(0)
    for encoding in encodings():
        net = detectors.build(name, NARROW[name] | {"encoding": encoding}).eval()
        assert net.encoding == encoding
        assert net.stride > 0
        assert net.halo >= 0
        side = -(-64 // net.stride) * net.stride
        x = torch.randn(2, channels(encoding), side, side)
        with torch.inference_mode():
            if net.kind == "semantic":
                assert net(x).shape == (2, net.maps, side, side)
            else:
                found = net.predict(x)
                assert len(found) == 2
                for objects in found:
                    check_objects(objects, side)


@pytest.mark.parametrize("name", detectors.available())
def test_the_same_seed_gives_the_same_losses_and_gradients(name):
    target = torch.zeros(2, 64, 64, dtype=torch.uint8)
    target[0, 10:30, 10:40], target[1, 30:60, 5:25], target[1, :5] = 1, 2, IGNORED
    x, runs = torch.randn(2, 3, 64, 64), []
    for _ in range(2):
        torch.manual_seed(3)
        net = detectors.build(name, NARROW[name]).train()
        losses = net.loss(x, target)
        torch.stack(list(losses.values())).sum().backward()
        runs.append((losses, torch.cat([p.grad.ravel() for p in net.parameters() if p.grad is not None])))
    (first, gradient), (second, again) = runs
    assert {k: v.item() for k, v in first.items()} == {k: v.item() for k, v in second.items()}
    assert torch.equal(gradient, again)
    assert torch.isfinite(gradient).all()
    assert gradient.any()


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


def test_basin_and_core_are_maps_of_their_own_and_the_core_can_be_left_out():
    x, target = torch.randn(2, 3, 32, 32), torch.zeros(2, 32, 32, dtype=torch.uint8)
    target[:, 4:20, 4:20] = 1
    both, one = BasinNet((4, 6)), BasinNet((4, 6), core=False)
    assert (both.maps, one.maps) == (2, 1)
    assert both(x).shape[1] == 2
    assert set(both.loss(x, target)) == {"entropy", "dice", "core_entropy", "core_dice"}
    assert set(one.loss(x, target)) == {"entropy", "dice"}


def disc(shape, row, column, radius):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def test_the_core_of_a_disc_is_a_disc_of_half_its_radius():
    target = disc((100, 100), 50, 48, 40).astype(np.uint8)[None]
    core = core_target(target)[0]
    assert core.dtype == np.float32
    assert core.sum() == pytest.approx(np.pi * 20**2, rel=0.05)
    assert core[disc((100, 100), 50, 48, 18)].all()
    assert not core[~disc((100, 100), 50, 48, 22)].any()


def test_cores_of_basins_that_touch_do_not_and_each_basin_has_one():
    target = np.zeros((2, 60, 80), np.uint8)
    target[0][disc((60, 80), 30, 25, 16)] = 1
    target[0][disc((60, 80), 30, 50, 14)] = 2
    target[1, :30, :40], target[1, :30, 40:], target[1, 30:] = 7, 254, IGNORED
    core = core_target(target)
    for tile, marked, count in zip(target, core, (1, 1), strict=True):
        assert ndimage.label((tile > 0) & (tile != IGNORED), np.ones((3, 3)))[1] == count
        labels, cores = ndimage.label(marked, np.ones((3, 3)))
        assert cores == 2
        assert len({int(tile[labels == n].min()) for n in (1, 2)}) == 2
    assert not core[1, 30:].any()


def test_a_basin_cut_by_the_tile_has_its_core_inside_what_is_seen():
    target = np.zeros((1, 40, 40), np.uint8)
    target[0, :20, :20] = 1
    core = core_target(target)[0]
    np.testing.assert_array_equal(np.argwhere(core)[[0, -1]], [[4, 4], [15, 15]])
    assert core.sum() == 12 * 12


def test_losses_are_those_of_torch_and_of_dice_by_hand_and_blind_to_ignored_pixels():
    random = np.random.default_rng(7)
    logits = torch.from_numpy(random.normal(0, 2, (2, 12, 9)).astype(np.float32))
    target = torch.from_numpy(random.choice([0, 1, 2, IGNORED], (2, 12, 9)).astype(np.uint8))
    losses = segmentation_loss(logits, target, 10.0, 0.5)
    use, truth = target != IGNORED, ((target > 0) & (target != IGNORED)).float()
    weight = torch.where(truth > 0, 10.0, 1.0)[use]
    each = functional.binary_cross_entropy_with_logits(logits[use], truth[use], weight, reduction="sum")
    torch.testing.assert_close(losses["entropy"], each / weight.sum())
    share = logits.sigmoid()[use]
    dice = 1 - (2 * (share * truth[use]).sum() + 1) / (share.sum() + truth[use].sum() + 1)
    torch.testing.assert_close(losses["dice"], dice / 2)
    blind = segmentation_loss(torch.where(use, logits, 50.0), target, 10.0, 0.5)
    for name, value in losses.items():
        torch.testing.assert_close(blind[name], value)


def test_a_batch_without_anything_to_learn_from_has_a_loss_of_zero():
    target = torch.full((2, 8, 8), IGNORED, dtype=torch.uint8)
    losses = segmentation_loss(torch.randn(2, 8, 8), target, 10.0, 1.0)
    assert {k: float(v) for k, v in losses.items()} == {"entropy": 0, "dice": 0}


OF_PHASE = [name for name in encodings() if not is_picture(name) and name != "abs_rate"]


@pytest.mark.parametrize("name", OF_PHASE)
def test_every_encoding_of_phase_is_blind_to_full_turns_bounded_and_zero_without_data(name):
    random = np.random.default_rng(1)
    phase = random.uniform(-3, 3, (2, 5, 7)).astype(np.float32)
    phase[0, 0, 0] = np.nan
    coherence = random.random((2, 5, 7), dtype=np.float32)
    encoded = encode(phase, coherence, name)
    assert encoded.shape == (2, channels(name), 5, 7)
    assert encoded.dtype == np.float32
    assert not encoded[0, :, 0, 0].any()
    assert np.abs(encoded).max() < 1.7
    np.testing.assert_allclose(encode(phase + np.float32(2 * np.pi), coherence, name), encoded, atol=0.03)


@pytest.mark.parametrize("name", OF_PHASE)
def test_all_encodings_but_phase_are_continuous_across_the_wrap(name):
    near = np.array([[-np.pi + 1e-3, np.pi - 1e-3]], np.float32)
    encoded = encode(near, None, name)
    step = np.abs(encoded[..., 1] - encoded[..., 0]).max()
    assert (step > 1.9) == (name == "phase")
    assert step < 0.05 or name == "phase"


def test_the_picture_encodings_are_the_colour_wheel_and_its_luminance():
    phase = np.linspace(-3.1, 3.1, 50, dtype=np.float32)[None]
    colours = to_rgb(phase).astype(np.float64)
    np.testing.assert_allclose(encode(phase, None, "rgb"), np.moveaxis((colours - 170) / 80, -1, 0), atol=1e-6)
    luminance = np.array(Image.fromarray(to_rgb(phase)).convert("L"), np.float64)
    np.testing.assert_allclose(encode(phase, None, "grey")[0], (luminance - 170) / 80, atol=1 / 80)


def test_an_unknown_encoding_is_refused_in_one_sentence():
    for call in (lambda: channels("hue"), lambda: encode(np.zeros((2, 2), np.float32), None, "hue")):
        with pytest.raises(InputError, match="found 'hue', expected one of sincos_coherence, sincos"):
            call()


def test_the_default_encoding_is_sine_cosine_and_scaled_coherence():
    random = np.random.default_rng(1)
    phase = random.uniform(-np.pi, np.pi, (2, 5, 7)).astype(np.float32)
    phase[0, 0, 0] = np.nan
    coherence = random.random((2, 5, 7), dtype=np.float32)
    coherence[1, 2, 3] = np.nan
    encoded = encode(phase, coherence)
    np.testing.assert_allclose(encoded, encode(phase + np.float32(2 * np.pi), coherence), atol=1e-5)
    np.testing.assert_allclose(np.arctan2(encoded[:, 0], encoded[:, 1])[1], phase[1], atol=1e-6)
    np.testing.assert_allclose(encoded[1, 2, 0], 2 * coherence[1, 0] - 1, atol=1e-6)
    assert not encoded[0, :, 0, 0].any()
    assert encoded[1, 2, 2, 3] == 0
    assert encoded[1, 1, 2, 3] != 0
    assert not encode(phase, None)[:, 2].any()

"""Deformable sampling against torchvision's operators and closed forms."""

import pytest
import torch
from basinwatch.detectors.deform_resnet import DeformableConvolution
from basinwatch.detectors.roi_pooling import DeformableRoIPool, RoIPool, deform_roi_pool
from torch import nn
from torchvision import ops

# Inside, across every border, tiny, large, in both tiles.
ROIS = torch.tensor(
    [
        [0, 4.0, 6, 30, 41], [1, 0, 0, 64, 64], [0, -9, -5, 12, 20], [1, 50, 40, 90, 80],
        [0, 20.3, 20.1, 20.9, 20.8], [1, 1, 60, 63, 64],
    ]
)  # fmt: skip


def test_without_offsets_it_is_aligned_roi_align():
    torch.manual_seed(0)
    features = torch.randn(2, 3, 16, 16)
    expected = ops.roi_align(features, ROIS, 7, 0.25, 2, aligned=True)
    torch.testing.assert_close(deform_roi_pool(features, ROIS, None, 7, 0.25), expected, atol=1e-5, rtol=1e-5)
    still = torch.zeros(len(ROIS), 2, 7, 7)
    torch.testing.assert_close(deform_roi_pool(features, ROIS, still, 7, 0.25), expected, atol=1e-5, rtol=1e-5)


def test_on_a_ramp_an_offset_adds_its_share_of_the_region():
    columns = torch.arange(32.0).expand(32, 32)
    features = torch.stack([columns, columns.T])[None]
    region = torch.tensor([[0, 16.0, 24, 80, 64]])
    offsets = torch.zeros(1, 2, 3, 3)
    offsets[0, 0, 1, 2], offsets[0, 1, 0, 0] = 0.5, -0.25
    moved = deform_roi_pool(features, region, offsets, 3, 0.25) - deform_roi_pool(features, region, None, 3, 0.25)
    expected = torch.zeros(1, 2, 3, 3)
    expected[0, 0, 1, 2] = 0.1 * 0.5 * 64 / 4
    expected[0, 1, 0, 0] = -0.1 * 0.25 * 40 / 4
    torch.testing.assert_close(moved, expected, atol=1e-5, rtol=0)


def test_its_gradient_is_that_of_finite_differences():
    torch.manual_seed(1)
    features = torch.randn(1, 1, 6, 6, dtype=torch.float64, requires_grad=True)
    offsets = torch.randn(1, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    region = torch.tensor([[0, 3.1, 2.3, 17.9, 19.2]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda f, o: deform_roi_pool(f, region, o, 2, 0.25), (features, offsets))


def pyramid(width=8, side=128):
    """Four maps of noise of a batch of two tiles, by name, and a fifth that pooling must not touch."""
    torch.manual_seed(2)
    maps = {str(level): torch.randn(2, width, side // 4 // 2**level, side // 4 // 2**level) for level in range(4)}
    return maps | {"pool": torch.full((2, width, 1, 1), torch.nan)}


BOXES = [torch.tensor([[3.0, 5, 40, 30], [0, 0, 127, 120]]), torch.tensor([[10.0, 10, 126, 126], [60, 60, 70, 75]])]
SHAPES = [(128, 128)] * 2


def test_new_layers_pool_from_the_levels_that_torchvisions_pooler_chooses():
    flat = {name: torch.full_like(maps, float(level)) for level, (name, maps) in enumerate(pyramid().items())}
    sides = torch.tensor([8.0, 56, 111, 112, 224, 448, 500])
    boxes = [torch.stack([-sides / 4, -sides / 4, 3 * sides / 4, 3 * sides / 4], dim=1), BOXES[1]]
    chosen = ops.MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2)(flat, boxes, SHAPES).amax(dim=(1, 2, 3))
    assert set(chosen.tolist()) == {0.0, 1.0, 2.0, 3.0}
    for layer in (RoIPool(7), DeformableRoIPool(8, 7)):
        torch.testing.assert_close(layer(flat, boxes, SHAPES).amax(dim=(1, 2, 3)), chosen)


def test_roi_pool_equals_the_operator_on_the_level_of_each_box():
    features, layer = pyramid(), RoIPool(7)
    found = layer(features, BOXES, SHAPES)
    expected = ops.roi_pool(features["0"], [BOXES[0][:1], BOXES[1][1:]], 7, 0.25)
    torch.testing.assert_close(found[[0, 3]], expected)


def test_no_box_at_all_gives_no_features():
    for layer in (RoIPool(7), DeformableRoIPool(8, 7)):
        assert layer(pyramid(), [torch.zeros(0, 4)] * 2, SHAPES).shape == (0, 8, 7, 7)


def test_offsets_start_at_zero_and_learn():
    features, layer = pyramid(), DeformableRoIPool(8, 7)
    boxes = [torch.tensor([[3.0, 5, 40, 30]]), torch.zeros(0, 4)]
    found = layer(features, boxes, SHAPES)
    torch.testing.assert_close(found, ops.roi_align(features["0"], boxes, 7, 0.25, 2, aligned=True))
    found.square().sum().backward()
    offsets = torch.zeros(1, 2, 7, 7, requires_grad=True)
    rois = torch.tensor([[0, 3.0, 5, 40, 30]])
    deform_roi_pool(features["0"], rois, offsets, 7, 0.25).square().sum().backward()
    torch.testing.assert_close(layer.offset.bias.grad, offsets.grad.flatten())


@pytest.mark.parametrize("bias", [True, False])
def test_a_deformable_convolution_starts_as_the_convolution_it_replaces(bias):
    torch.manual_seed(3)
    plain, x = nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=bias), torch.randn(2, 4, 10, 12)
    torch.testing.assert_close(DeformableConvolution(plain)(x), plain(x), atol=1e-5, rtol=1e-5)


def test_a_deformable_convolution_that_moves_all_taps_by_a_cell_sees_the_shifted_map():
    torch.manual_seed(4)
    plain, x = nn.Conv2d(2, 3, 3, padding=1, bias=False), torch.randn(1, 2, 9, 9)
    layer = DeformableConvolution(plain)
    with torch.no_grad():
        layer.offset.bias[1::2] = 1.0
    torch.testing.assert_close(layer(x)[..., :7], plain(x)[..., 1:8], atol=1e-5, rtol=1e-5)

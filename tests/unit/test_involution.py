"""Involution and RedNet against the definition, a convolution and the published sizes."""

import pytest
import torch
from basinwatch.detectors.involution import Involution, involution
from basinwatch.detectors.pyramid import DEPTHS, NORMS, build_backbone
from basinwatch.detectors.rednet import involve
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.resnet import Bottleneck, ResNet

CLASSIFIER = 2048 * 1000 + 1000


def unfolded(x, kernels, size, stride):
    """Involution as Li et al. (2021) define it: unfold, multiply, sum."""
    tiles, groups, _, rows, columns = kernels.shape
    patches = functional.unfold(x, size, padding=size // 2, stride=stride)
    patches = patches.reshape(tiles, groups, -1, size**2, rows, columns)
    return (kernels[:, :, None] * patches).sum(dim=3).flatten(1, 2)


@pytest.mark.parametrize(("size", "stride"), [(7, 1), (3, 2), (1, 1)])
def test_it_equals_the_unfolded_definition_in_value_and_gradient(size, stride):
    torch.manual_seed(0)
    x = torch.randn(2, 6, 8, 12, requires_grad=True)
    kernels = torch.randn(2, 3, size**2, 8 // stride, 12 // stride, requires_grad=True)
    ours, reference = involution(x, kernels, stride), unfolded(x, kernels, size, stride)
    torch.testing.assert_close(ours, reference)
    pull = torch.randn_like(ours)
    for found, expected in zip(
        torch.autograd.grad(ours, (x, kernels), pull), torch.autograd.grad(reference, (x, kernels), pull), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_its_gradient_is_that_of_finite_differences(stride):
    torch.manual_seed(1)
    x = torch.randn(1, 4, 4, 6, dtype=torch.float64, requires_grad=True)
    kernels = torch.randn(1, 2, 9, 4 // stride, 6 // stride, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: involution(a, b, stride), (x, kernels))


def test_one_kernel_everywhere_is_a_depthwise_convolution():
    torch.manual_seed(2)
    x, kernel = torch.randn(2, 4, 9, 9), torch.randn(4, 1, 5, 5)
    everywhere = kernel.flatten(1)[None, :, :, None, None].expand(2, -1, -1, 9, 9)
    torch.testing.assert_close(involution(x, everywhere), functional.conv2d(x, kernel, padding=2, groups=4))


def test_low_precision_is_accumulated_in_single():
    torch.manual_seed(3)
    x, kernels = torch.randn(1, 16, 12, 12).bfloat16(), torch.randn(1, 1, 49, 12, 12).bfloat16()
    exact = unfolded(x.double(), kernels.double(), 7, 1)
    found = involution(x, kernels)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, exact.float().bfloat16())


def test_the_layer_halves_the_map_and_refuses_channels_it_cannot_group():
    torch.manual_seed(4)
    layer = Involution(32, stride=2)
    assert layer(torch.randn(2, 32, 16, 24)).shape == (2, 32, 8, 12)
    with pytest.raises(ValueError, match="groups of 16"):
        Involution(24)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("rednet26", 9_233_166), ("rednet38", 12_386_986), ("rednet50", 15_540_806), ("rednet101", 25_652_950)],
)
def test_rednets_have_the_published_number_of_parameters(name, parameters):
    with torch.device("meta"):
        network = ResNet(Bottleneck, list(DEPTHS[name]))
        involve(network, 3, NORMS["batch"], stem_kernel=3)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert sum(p.numel() for n, p in network.named_parameters() if n.startswith("fc.")) == CLASSIFIER


def test_rednet_50_has_the_published_size_for_detection_and_cost_for_classification():
    with torch.device("meta"):
        network = build_backbone("rednet50", 3).eval()
        assert sum(p.numel() for p in network.parameters()) == 13_492_526 + CLASSIFIER
        classifier = ResNet(Bottleneck, list(DEPTHS["rednet50"]))
        involve(classifier, 3, NORMS["batch"], stem_kernel=3)
        image = torch.empty(1, 3, 224, 224)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        classifier.eval()(image)
    convolutions = counter.get_total_flops() / 2 - 2048 * 1000
    assert convolutions == pytest.approx(2.575e9, abs=0.0005e9)


def test_the_involutions_of_rednet_50_cost_little_beside_its_convolutions():
    taps = []
    with torch.device("meta"):
        network = ResNet(Bottleneck, list(DEPTHS["rednet50"]))
        involve(network, 3, NORMS["batch"], stem_kernel=3)
        for module in network.modules():
            if isinstance(module, Involution):
                module.register_forward_hook(lambda m, _, y: taps.append(y.numel() * m.span.out_channels // m.groups))
        with torch.inference_mode():
            network.eval()(torch.empty(1, 3, 224, 224))
    assert sum(taps) == pytest.approx(0.071e9, abs=0.0005e9)

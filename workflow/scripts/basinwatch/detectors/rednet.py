"""RedNet (Li et al. 2021): a ResNet whose 3×3 convolutions are involutions."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torchvision.models.resnet import ResNet

from basinwatch.detectors.involution import Involution

_STEM_WIDTH = 32
_KERNEL = 7


def involve(network: ResNet, inputs: int, norm: Callable[[int], nn.Module], stem_kernel: int = _KERNEL) -> None:
    """Turn a ResNet of bottlenecks into the RedNet of the same depths, in place.

    Parameters
    ----------
    inputs
        Channels of the input.
    norm
        Normalisation, as in the ResNet.
    stem_kernel
        Kernel of the stem's involution: 7 in the published detectors, 3 in the published classifiers.
    """
    network.conv1 = _stem(inputs, network.bn1.weight.shape[0], norm, stem_kernel)
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        for block in stage:
            block.conv2 = Involution(block.conv2.in_channels, _KERNEL, block.stride, norm=norm)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _stem(inputs: int, outputs: int, norm: Callable[[int], nn.Module], kernel: int) -> nn.Sequential:
    """Convolution with stride, involution, and the convolution that the ResNet's own normalisation follows."""
    return nn.Sequential(
        nn.Conv2d(inputs, _STEM_WIDTH, 3, 2, 1, bias=False), norm(_STEM_WIDTH), nn.ReLU(inplace=True),
        Involution(_STEM_WIDTH, kernel, norm=norm), norm(_STEM_WIDTH), nn.ReLU(inplace=True),
        nn.Conv2d(_STEM_WIDTH, outputs, 3, padding=1, bias=False),
    )  # fmt: skip

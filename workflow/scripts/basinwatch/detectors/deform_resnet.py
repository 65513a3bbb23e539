"""Deformable convolutions (Dai et al. 2017) in the place of a ResNet's 3×3 ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision import ops
from torchvision.models.resnet import ResNet


class DeformableConvolution(nn.Conv2d):
    """A convolution whose taps every place moves, starting from where they are.

    Parameters
    ----------
    plain
        The convolution it takes the place of, with its weights.
    """

    def __init__(self, plain: nn.Conv2d) -> None:
        size, stride, padding = plain.kernel_size, plain.stride, plain.padding
        super().__init__(plain.in_channels, plain.out_channels, size, stride, padding, bias=plain.bias is not None)  # type: ignore[arg-type]
        self.load_state_dict(plain.state_dict())
        self.offset = nn.Conv2d(plain.in_channels, 2 * size[0] * size[1], size, stride, padding)  # type: ignore[arg-type]
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, y, x) to (n, outputs, y / stride, x / stride); samples in float32."""
        exact = torch.promote_types(x.dtype, torch.float32)
        bias = None if self.bias is None else self.bias.to(exact)
        answer: Tensor = ops.deform_conv2d(
            x.to(exact), self.offset(x).to(exact), self.weight.to(exact), bias, self.stride, self.padding
        )
        return answer.to(x.dtype)


def deform(network: ResNet) -> None:
    """Make the 3×3 convolutions of the stages 3 to 5 of a ResNet deformable, in place."""
    for stage in (network.layer2, network.layer3, network.layer4):
        for block in stage:
            block.conv2 = DeformableConvolution(block.conv2)

"""Path aggregation: features of three scales exchange what they know, downwards and upwards again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from basinwatch.detectors.darknet import STRIDES, CrossStage, convolution, spatial_convolution


class PathAggregation(nn.Module):
    """Neck of the YOLO-Basin family (Liu et al. 2018, with cross-stage blocks).

    Parameters
    ----------
    widths
        Channels of the three maps, the finest first; each twice the one before. The output has the same.
    count
        Bottlenecks per block.
    light
        Whether 3×3 convolutions are depthwise separable.
    upsampling
        How coarse maps are enlarged.

    Attributes
    ----------
    reach_px
        How far a cell sees in the maps it is given.
    """

    def __init__(
        self, widths: Sequence[int], count: int, light: bool, upsampling: Literal["bilinear", "nearest"]
    ) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.upsampling = upsampling
        fine_px, middle_px, coarse_px = STRIDES
        self.reach_px = (2 + 2 * count) * middle_px + (1 + count) * (fine_px + coarse_px)
        self.reduce = nn.ModuleList([convolution(coarse, middle), convolution(middle, fine)])
        self.down = nn.ModuleList(
            [CrossStage(coarse, middle, count, False, light), CrossStage(middle, fine, count, False, light)]
        )
        self.shrink = nn.ModuleList([spatial_convolution(w, w, 2, light) for w in (fine, middle)])
        self.up = nn.ModuleList(
            [CrossStage(middle, middle, count, False, light), CrossStage(coarse, coarse, count, False, light)]
        )

    def _enlarge(self, x: Tensor) -> Tensor:
        """Double both sides."""
        return functional.interpolate(x, scale_factor=2.0, mode=self.upsampling)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Map three maps, the finest first, to three of the same shapes."""
        fine, middle, coarse = maps
        from_coarse = self.reduce[0](coarse)
        from_middle = self.reduce[1](self.down[0](torch.cat([self._enlarge(from_coarse), middle], dim=1)))
        fine = self.down[1](torch.cat([self._enlarge(from_middle), fine], dim=1))
        middle = self.up[0](torch.cat([self.shrink[0](fine), from_middle], dim=1))
        coarse = self.up[1](torch.cat([self.shrink[1](middle), from_coarse], dim=1))
        return [fine, middle, coarse]

"""Darknet backbones: CSPDarknet of the YOLO-Basin family and Darknet-53 of YOLOv3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
SCALES: dict[str, dict[str, Any]] = {
    "L": {"width": 1.0, "depth": 1.0},
    "M": {"width": 0.75, "depth": 0.67},
    "S": {"width": 0.5, "depth": 0.33},
}
_EPSILON, _MOMENTUM = 1e-3, 0.03
_POOLING_REACH = 6


def choose_variant(variants: Mapping[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the options of a variant by its name.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name not in variants:
        raise ValueError(f"variant {name!r} is not one of {', '.join(variants)}")
    return variants[name]


def bottlenecks(depth: float) -> int:
    """Bottlenecks of the shortest blocks at a share of the full depth."""
    return max(round(3 * depth), 1)


def convolution(
    inputs: int,
    outputs: int,
    size: int = 1,
    stride: int = 1,
    groups: int = 1,
    activation: Literal["silu", "leaky"] = "silu",
) -> nn.Sequential:
    """Convolution without bias, batch normalisation, and SiLU or leaky ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, _EPSILON, _MOMENTUM),
        nn.SiLU(inplace=True) if activation == "silu" else nn.LeakyReLU(0.1, inplace=True),
    )


def spatial_convolution(inputs: int, outputs: int, stride: int = 1, light: bool = False) -> nn.Sequential:
    """3×3 convolution; if light, one per channel followed by a 1×1 convolution (Howard et al. 2017)."""
    if not light:
        return convolution(inputs, outputs, 3, stride)
    return nn.Sequential(convolution(inputs, inputs, 3, stride, groups=inputs), convolution(inputs, outputs))


class _Bottleneck(nn.Module):
    """1×1 and 3×3 convolution, optionally added to the input."""

    def __init__(self, width: int, add: bool, light: bool) -> None:
        super().__init__()
        self.add = add
        self.layers = nn.Sequential(convolution(width, width), spatial_convolution(width, width, light=light))

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y: Tensor = self.layers(x)
        return x + y if self.add else y


class CrossStage(nn.Module):
    """Half of the channels pass through bottlenecks, half do not (CSPNet, Wang et al. 2020)."""

    def __init__(self, inputs: int, outputs: int, count: int, add: bool, light: bool) -> None:
        super().__init__()
        hidden = outputs // 2
        bottlenecks = [_Bottleneck(hidden, add, light) for _ in range(count)]
        self.through = nn.Sequential(convolution(inputs, hidden), *bottlenecks)
        self.around = convolution(inputs, hidden)
        self.merge = convolution(2 * hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, y, x) to (n, outputs, y, x)."""
        y: Tensor = self.merge(torch.cat([self.through(x), self.around(x)], dim=1))
        return y


class _PyramidPooling(nn.Module):
    """Maxima over 5, 9 and 13 cells beside the features themselves (He et al. 2015).

    Maxima over 9 and 13 cells are maxima over 5 of maxima over 5.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduce = convolution(width, width // 2)
        self.merge = convolution(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        pooled = [self.reduce(x)]
        for _ in range(3):
            pooled.append(functional.max_pool2d(pooled[-1], 5, stride=1, padding=2))
        y: Tensor = self.merge(torch.cat(pooled, dim=1))
        return y


class _Stages(nn.Module):
    """A stem and stages, each of which halves the map.

    Attributes
    ----------
    widths
        Channels of the maps it gives.
    reach_px
        How far a cell sees.
    """

    def __init__(self, stem: nn.Module, widths: tuple[int, int, int], reach_px: int) -> None:
        super().__init__()
        self.stem, self.stages = stem, nn.ModuleList()
        self.widths, self.reach_px = widths, reach_px

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (n, inputs, y, x) to three maps of `widths` channels, the finest first."""
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps[-3:]


class CspDarknet(_Stages):
    """Features at 1/8, 1/16 and 1/32 of the input's resolution.

    Parameters
    ----------
    inputs
        Channels of the input.
    base
        Channels after the first convolution, 64 at full width; every stage doubles them.
    count
        Bottlenecks of the shortest stages, 3 at full depth.
    light
        Whether 3×3 convolutions are depthwise separable.
    """

    def __init__(self, inputs: int, base: int, count: int, light: bool) -> None:
        stem = nn.Sequential(nn.PixelUnshuffle(2), convolution(4 * inputs, base, 3))
        super().__init__(stem, (4 * base, 8 * base, 16 * base), 3 + _POOLING_REACH * STRIDES[-1])
        for level, blocks in enumerate((count, 3 * count, 3 * count, count), 1):
            width, deepest = base * 2**level, level == 4
            layers: list[nn.Module] = [spatial_convolution(width // 2, width, 2, light)]
            if deepest:
                layers.append(_PyramidPooling(width))
            self.stages.append(nn.Sequential(*layers, CrossStage(width, width, blocks, not deepest, light)))
            self.reach_px += 2**level + blocks * 2 ** (level + 1)


class _Residual(nn.Module):
    """1×1 convolution to half the channels and 3×3 back, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            convolution(width, width // 2, activation="leaky"),
            convolution(width // 2, width, 3, activation="leaky"),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y: Tensor = x + self.layers(x)
        return y


class Darknet53(_Stages):
    """Features at 1/8, 1/16 and 1/32 of the input's resolution (Redmon & Farhadi 2018, table 1).

    Parameters
    ----------
    inputs
        Channels of the input.
    base
        Channels after the first convolution, 32 as published; every stage doubles them.
    """

    def __init__(self, inputs: int, base: int) -> None:
        stem = convolution(inputs, base, 3, activation="leaky")
        super().__init__(stem, (8 * base, 16 * base, 32 * base), 1)
        for level, blocks in enumerate((1, 2, 8, 8, 4), 1):
            width = base * 2**level
            down = convolution(width // 2, width, 3, 2, activation="leaky")
            self.stages.append(nn.Sequential(down, *(_Residual(width) for _ in range(blocks))))
            self.reach_px += 2 ** (level - 1) + blocks * 2**level

"""The project's own detector: a compact encoder–decoder that works at half the input's resolution.

Follows the U-Net (Ronneberger, Fischer & Brox 2015) with three changes that make it cheap on a CPU:
pixels are folded 2×2 into channels before the first convolution and unfolded after the last, so
nothing runs at full resolution and nothing is thrown away; decoder features are reduced before they
are enlarged; and the widths grow late, where maps are small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from basinwatch.detectors.registry import Detector, register
from basinwatch.encoding import CHANNELS

BASIN_SHARE = 0.03
_FOLD = 2


def _block(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3×3 convolutions, each with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
    )  # fmt: skip


@register("basinnet")
class BasinNet(Detector):
    """Basin logits from (sin φ, cos φ, 2γ − 1).

    Parameters
    ----------
    widths
        Channels of each level; level l works on maps 2^(l+1) times smaller than the input.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 128, 192)) -> None:
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError("widths need at least two positive numbers")
        self.stride = _FOLD * 2 ** (len(widths) - 1)
        self.halo = _reach(len(widths))
        folded = CHANNELS * _FOLD**2
        self.fold = nn.PixelUnshuffle(_FOLD)
        self.encoder = nn.ModuleList(_block(i, o) for i, o in zip((folded, *widths), widths, strict=False))
        self.reduce = nn.ModuleList(nn.Conv2d(i, o, 1) for o, i in pairwise(widths))
        self.decoder = nn.ModuleList(_block(2 * w, w) for w in widths[:-1])
        self.head = nn.Conv2d(widths[0], _FOLD**2, 1)
        self.unfold = nn.PixelShuffle(_FOLD)
        self._initialise()

    def _initialise(self) -> None:
        """Draw weights after He et al. (2015); start from the usual share of basin pixels."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.bias, math.log(BASIN_SHARE / (1 - BASIN_SHARE)))  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 3, y, x), sides multiples of `stride`, to logits (n, 1, y, x)."""
        x = self.encoder[0](self.fold(x))
        skips = []
        for level in self.encoder[1:]:
            skips.append(x)
            x = level(functional.max_pool2d(x, 2))
        for skip, reduce, level in zip(reversed(skips), reversed(self.reduce), reversed(self.decoder), strict=True):
            x = level(torch.cat([skip, functional.interpolate(reduce(x), scale_factor=2.0, mode="nearest")], dim=1))
        logits: Tensor = self.unfold(self.head(x))
        return logits


def _reach(levels: int) -> int:
    """Pixels beyond which an output pixel cannot see.

    On the way to the deepest level and back every level adds four convolutions and two cells of
    resampling, the deepest two convolutions, and folding at most one pixel at either end.
    """
    cells = [_FOLD * 2**level for level in range(levels)]
    return 6 * sum(cells[:-1]) + 2 * cells[-1] + 2 * (_FOLD - 1)

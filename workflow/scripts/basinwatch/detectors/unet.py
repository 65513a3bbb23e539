"""U-Net (Ronneberger, Fischer & Brox 2015) and ECA-UNet, which attends to channels in its encoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from basinwatch.detectors.basinnet import double_convolution
from basinwatch.detectors.class_scores import ScoringDetector, basin_logit, initialise
from basinwatch.detectors.eca import EfficientChannelAttention
from basinwatch.detectors.registry import register
from basinwatch.encoding import channels


@register("unet")
class UNet(ScoringDetector):
    """Encoder and decoder with skips at every level, padded so that the output has the input's size.

    Parameters
    ----------
    widths
        Channels of each level; every level halves the map.
    scoring
        Of :class:`basinwatch.detectors.class_scores.ScoringDetector`.
    """

    def __init__(self, widths: Sequence[int] = (64, 128, 256, 512, 1024), **scoring: Any) -> None:
        super().__init__(**scoring)
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError("widths need at least two positive numbers")
        self.stride = 2 ** (len(widths) - 1)
        self.halo = _reach(len(widths))
        inputs = (channels(self.encoding), *widths)
        self.encoder = nn.ModuleList(double_convolution(i, o) for i, o in zip(inputs, widths, strict=False))
        self.attention = nn.ModuleList(nn.Identity() for _ in widths[:-1])
        self.shrink = nn.MaxPool2d(2)
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, 2) for o, i in pairwise(widths))
        self.decoder = nn.ModuleList(double_convolution(2 * w, w) for w in widths[:-1])
        self.head = nn.Conv2d(widths[0], self.classes, 1)
        initialise(self, self.head)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, y, x), sides multiples of `stride`, to logits (n, 1, y, x)."""
        skips = []
        for level, attention in zip(self.encoder[:-1], self.attention, strict=True):
            x = attention(level(x))
            skips.append(x)
            x = self.shrink(x)
        x = self.encoder[-1](x)
        for skip, enlarge, level in zip(reversed(skips), reversed(self.enlarge), reversed(self.decoder), strict=True):
            x = level(torch.cat([skip, enlarge(x)], dim=1))
        return basin_logit(self.head(x))


@register("eca_unet")
class EcaUNet(UNet):
    """U-Net with channel attention (Lin et al. 2022) after every level of the encoder but the deepest.

    Skip and next level both take what was attended to. Options are those of :class:`UNet`. Attention takes means over
    the window, so the answer depends on it.
    """

    free_size = False

    def __init__(self, widths: Sequence[int] = (64, 128, 256, 512, 1024), **options: Any) -> None:
        super().__init__(widths, **options)
        self.attention = nn.ModuleList(EfficientChannelAttention(w) for w in widths[:-1])


def _reach(levels: int) -> int:
    """Pixels beyond which an output pixel cannot see.

    Every level but the deepest has four convolutions of its cell size, the deepest two; and a pixel may lie at the far
    end of its deepest cell.
    """
    deepest = 2 ** (levels - 1)
    return 4 * (deepest - 1) + 2 * deepest + deepest - 1

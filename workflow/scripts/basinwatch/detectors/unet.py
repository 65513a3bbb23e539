"""U-Net (Ronneberger, Fischer & Brox 2015) and ECA-UNet, which attends to channels in its encoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from basinwatch.detectors.class_scores import basin_logit, check_classes, initialise
from basinwatch.detectors.eca import EfficientChannelAttention
from basinwatch.detectors.losses import segmentation_loss
from basinwatch.detectors.registry import SemanticDetector, register
from basinwatch.encoding import DEFAULT, channels


def _double(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3×3 convolutions, each with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
    )  # fmt: skip


@register("unet")
class UNet(SemanticDetector):
    """Encoder and decoder with skips at every level, padded so that the output has the input's size.

    Parameters
    ----------
    widths
        Channels of each level; every level halves the map.
    classes
        Scores per pixel: 2 as published, or 1.
    encoding
        What it sees, see :mod:`basinwatch.encoding`.
    positive_weight, dice_weight
        Weight of basin pixels in the cross-entropy, and of the Dice loss beside it; published are 1 and 0.
    """

    def __init__(
        self,
        widths: Sequence[int] = (64, 128, 256, 512, 1024),
        classes: int = 2,
        encoding: str = DEFAULT,
        positive_weight: float = 1.0,
        dice_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError("widths need at least two positive numbers")
        self.encoding, self.positive_weight, self.dice_weight = encoding, positive_weight, dice_weight
        self.stride = 2 ** (len(widths) - 1)
        self.halo = _reach(len(widths))
        self.encoder = nn.ModuleList(_double(i, o) for i, o in zip((channels(encoding), *widths), widths, strict=False))
        self.attention = nn.ModuleList(nn.Identity() for _ in widths[:-1])
        self.shrink = nn.MaxPool2d(2)
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, 2) for o, i in pairwise(widths))
        self.decoder = nn.ModuleList(_double(2 * w, w) for w in widths[:-1])
        self.head = nn.Conv2d(widths[0], check_classes(classes), 1)
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

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy and Dice, see :meth:`Detector.loss`."""
        return segmentation_loss(self(x)[:, 0], target, self.positive_weight, self.dice_weight)


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

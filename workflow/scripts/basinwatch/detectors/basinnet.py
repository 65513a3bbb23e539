"""The project's own detector: a compact encoder–decoder that works at half the input's resolution.

It gives two maps: whether a pixel lies in a basin, and whether it lies in the core of one (see :func:`core_target`), so
that basins whose outlines touch are still told apart.

Follows the U-Net (Ronneberger, Fischer & Brox 2015) with three changes that make it cheap on a CPU:
pixels are folded 2×2 into channels before the first convolution and unfolded after the last, so
nothing runs at full resolution and nothing is thrown away; decoder features are reduced before they
are enlarged; and the widths grow late, where maps are small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from basinwatch.datasets.tiles import IGNORED
from basinwatch.detectors.losses import mask_loss, segmentation_loss
from basinwatch.detectors.registry import SemanticDetector, register
from basinwatch.encoding import DEFAULT, channels

BASIN_SHARE = 0.03
CORE_DEPTH = 0.5
_FOLD = 2


def double_convolution(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3×3 convolutions, each with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
    )  # fmt: skip


@register("basinnet")
class BasinNet(SemanticDetector):
    """Logits of basin and, if wanted, core.

    Parameters
    ----------
    widths
        Channels of each level; level l works on maps 2^(l+1) times smaller than the input.
    core
        Whether to give the map of cores too.
    encoding
        What it sees, see :mod:`basinwatch.encoding`.
    positive_weight
        Weight of basin pixels in the cross-entropy; basins are a few percent of all pixels, and without a weight of
        about 10 training lingers at finding nothing.
    dice_weight
        Weight of the soft Dice loss beside the cross-entropy.
    """

    def __init__(
        self,
        widths: Sequence[int] = (24, 48, 96, 192, 256),
        core: bool = True,
        encoding: str = DEFAULT,
        positive_weight: float = 10.0,
        dice_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.encoding, self.positive_weight, self.dice_weight = encoding, positive_weight, dice_weight
        self.maps = 2 if core else 1
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError("widths need at least two positive numbers")
        self.stride = _FOLD * 2 ** (len(widths) - 1)
        self.halo = _reach(len(widths))
        folded = channels(encoding) * _FOLD**2
        self.fold = nn.PixelUnshuffle(_FOLD)
        inputs = (folded, *widths)
        self.encoder = nn.ModuleList(double_convolution(i, o) for i, o in zip(inputs, widths, strict=False))
        self.reduce = nn.ModuleList(nn.Conv2d(i, o, 1) for o, i in pairwise(widths))
        self.decoder = nn.ModuleList(double_convolution(2 * w, w) for w in widths[:-1])
        self.head = nn.Conv2d(widths[0], self.maps * _FOLD**2, 1)
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
        """Map (n, channels, y, x), sides multiples of `stride`, to logits (n, maps, y, x)."""
        x = self.encoder[0](self.fold(x))
        skips = []
        for level in self.encoder[1:]:
            skips.append(x)
            x = level(functional.max_pool2d(x, 2))
        for skip, reduce, level in zip(reversed(skips), reversed(self.reduce), reversed(self.decoder), strict=True):
            x = level(torch.cat([skip, functional.interpolate(reduce(x), scale_factor=2.0, mode="nearest")], dim=1))
        logits: Tensor = self.unfold(self.head(x))
        return logits

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy and Dice of every map, see :meth:`Detector.loss`."""
        logits = self(x)
        losses = segmentation_loss(logits[:, 0], target, self.positive_weight, self.dice_weight)
        if self.maps == 1:
            return losses
        core = torch.from_numpy(core_target(target.cpu().numpy())).to(target.device)
        counted = (target != IGNORED).float()
        losses |= {
            f"core_{name}": value
            for name, value in mask_loss(logits[:, 1], core, counted, self.positive_weight, self.dice_weight).items()
        }
        return losses


def core_target(target: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Where a pixel lies in the core of its basin: at least half as far from the outside as any pixel of the basin.

    Other basins are outside too, so cores of basins five pixels wide or more never touch.

    Parameters
    ----------
    target
        uint8 (n, y, x), see :func:`basinwatch.datasets.tiles.instance_target`.

    Returns
    -------
    NDArray
        float32 (n, y, x) of 0 and 1.
    """
    core = np.zeros(target.shape, np.float32)
    for tile, marked in zip(np.where(target == IGNORED, 0, target), core, strict=True):
        for number, place in enumerate(ndimage.find_objects(tile), 1):
            if place is not None:
                inside = np.pad(tile[place] == number, 1)
                depth = ndimage.distance_transform_edt(inside)[1:-1, 1:-1]
                marked[place][inside[1:-1, 1:-1] & (depth >= CORE_DEPTH * depth.max())] = 1
    return core


def _reach(levels: int) -> int:
    """Pixels beyond which an output pixel cannot see.

    On the way to the deepest level and back every level adds four convolutions and two cells of
    resampling, the deepest two convolutions, and folding at most one pixel at either end.
    """
    cells = [_FOLD * 2**level for level in range(levels)]
    return 6 * sum(cells[:-1]) + 2 * cells[-1] + 2 * (_FOLD - 1)

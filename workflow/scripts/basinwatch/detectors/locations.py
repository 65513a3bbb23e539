"""Where the cells of feature maps lie in a tile, and what is asked of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from basinwatch.datasets.tiles import IGNORED

PRIOR = 0.01
PRIOR_LOGIT = math.log(PRIOR / (1 - PRIOR))


@dataclass(frozen=True)
class Locations:
    """Cells of several feature maps in one list, map by map, row by row.

    Parameters
    ----------
    corners
        float32 (a, 2), column and row of a cell in its map.
    strides
        float32 (a,), pixels from cell to cell.
    """

    corners: Tensor
    strides: Tensor

    @property
    def centres(self) -> Tensor:
        """Pixel position (a, 2), x first."""
        return (self.corners + 0.5) * self.strides[:, None]


def locate(shape: tuple[int, int], strides: Sequence[int], device: torch.device) -> Locations:
    """List the cells of maps with these strides in a tile of `shape` (rows, columns)."""
    corners, spacing = [], []
    for stride in strides:
        rows, columns = (torch.arange(side // stride, dtype=torch.float32, device=device) for side in shape)
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        corners.append(torch.stack([x, y], dim=2).reshape(-1, 2))
        spacing.append(torch.full((y.numel(),), float(stride), device=device))
    return Locations(torch.cat(corners), torch.cat(spacing))


def flatten_maps(maps: Sequence[Tensor]) -> Tensor:
    """Bring maps (n, values, y, x) into the order of :func:`locate`, float32 (n, a, values)."""
    return torch.cat([m.float().flatten(2) for m in maps], dim=2).transpose(1, 2)


def counted_locations(target: Tensor, strides: Sequence[int], per_cell: int = 1) -> Tensor:
    """Whether the pixel of a target (n, y, x) at the centre of each location is not ignored, bool (n, a · per_cell)."""
    centres = [target[:, stride // 2 :: stride, stride // 2 :: stride].flatten(1) for stride in strides]
    return (torch.cat(centres, dim=1) != IGNORED).repeat_interleave(per_cell, dim=1)


def focal_loss(logits: Tensor, truth: Tensor, alpha: float, gamma: float) -> Tensor:
    """Cross-entropy of each location, smaller where the answer is nearly right (Lin et al. 2017).

    For a truth between 0 and 1 it is the quality focal loss of Li et al. (2020), which is the same for 0 and 1.

    Parameters
    ----------
    logits, truth
        float32 of equal shape.
    alpha
        Weight of locations with an object; others have 1 − `alpha`.
    gamma
        Power of the distance between answer and truth; 0 gives half the cross-entropy for an `alpha` of 0.5.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    balance = torch.where(truth > 0, alpha, 1 - alpha)
    return balance * (truth - logits.sigmoid()).abs() ** gamma * entropy

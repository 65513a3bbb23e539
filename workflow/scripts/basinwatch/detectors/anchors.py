"""Anchors: boxes of fixed sizes at every location, which detectors shift and stretch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basinwatch.detectors.boxes import centred_boxes, shape_iou
from basinwatch.detectors.locations import Locations, locate

Sizes = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Anchors:
    """Anchors of several feature maps in one list: map by map, row by row, cell by cell.

    Parameters
    ----------
    locations
        Cell of each anchor.
    sizes_px
        float32 (a, 2), width and height.
    """

    locations: Locations
    sizes_px: Tensor

    @property
    def boxes(self) -> Tensor:
        """Boxes (a, 4) of the anchors, centred in their cells."""
        return centred_boxes(self.locations.centres, self.sizes_px)


def check_sizes(sizes_px: Sizes, levels: int) -> int:
    """Return how many anchors each of `levels` maps gets.

    Raises
    ------
    ValueError
        If they are not pairs of positive numbers, equally many for each map.
    """
    if not sizes_px or len(sizes_px) % levels or any(len(size) != 2 or min(size) <= 0 for size in sizes_px):
        raise ValueError(f"anchors need {levels} or a multiple of {levels} pairs of width and height above 0")
    return len(sizes_px) // levels


def cluster_anchors(sizes_px: NDArray[np.floating], count: int, rounds: int = 100) -> list[list[float]]:
    """Find the sizes that represent many boxes best: k-means with 1 − IoU as distance (Redmon & Farhadi 2017).

    Starts from boxes evenly spaced in order of area, so that the answer depends on the boxes alone.

    Parameters
    ----------
    sizes_px
        (n, 2), width and height of the boxes to be found.

    Returns
    -------
    list
        `count` pairs of width and height, the smallest area first: what the option ``anchors`` takes.

    Raises
    ------
    ValueError
        If there are fewer boxes than sizes wanted.
    """
    if len(sizes_px) < count:
        raise ValueError(f"{len(sizes_px)} boxes are too few for {count} anchors")
    sizes = torch.from_numpy(np.asarray(sizes_px, np.float64))
    sizes = sizes[sizes.prod(dim=1).argsort(stable=True)]
    centres = sizes[((torch.arange(count) + 0.5) * len(sizes) / count).long()]
    for _ in range(rounds):
        member = shape_iou(sizes, centres).argmax(dim=1)
        means = [sizes[member == k].mean(dim=0) if (member == k).any() else centres[k] for k in range(count)]
        moved, centres = centres, torch.stack(means)
        if torch.equal(moved, centres):
            break
    pairs: list[list[float]] = centres[centres.prod(dim=1).argsort(stable=True)].tolist()
    return pairs


def place_anchors(sizes_px: Sizes, shape: tuple[int, int], strides: Sequence[int], device: torch.device) -> Anchors:
    """Anchors of a tile of `shape` (rows, columns); sizes run from the first, finest map to the last."""
    per_cell = check_sizes(sizes_px, len(strides))
    corners, spacing, sizes = [], [], []
    for level, stride in enumerate(strides):
        cells = locate(shape, [stride], device)
        own = torch.tensor(sizes_px[level * per_cell : (level + 1) * per_cell], dtype=torch.float32, device=device)
        corners.append(cells.corners.repeat_interleave(per_cell, dim=0))
        spacing.append(cells.strides.repeat_interleave(per_cell))
        sizes.append(own.repeat(len(cells.strides), 1))
    return Anchors(Locations(torch.cat(corners), torch.cat(spacing)), torch.cat(sizes))


def flatten_anchor_maps(maps: Sequence[Tensor], per_cell: int) -> Tensor:
    """Bring maps (n, anchors · values, y, x) into the order of :class:`Anchors`, float32 (n, a, values)."""
    flat = [m.float().unflatten(1, (per_cell, -1)).permute(0, 3, 4, 1, 2).flatten(1, 3) for m in maps]
    return torch.cat(flat, dim=1)


def assign_anchors(truth: Tensor, anchors: Anchors, min_shape_iou: float | None = None) -> tuple[Tensor, Tensor]:
    """Give every basin the anchors that fit it; one that two want goes to whom it fits better.

    Parameters
    ----------
    truth
        float32 (m, 4), the basins' boxes.
    min_shape_iou
        None: of all anchors in the cells that contain the basin's centre the one whose size fits best, as in YOLOv3
        (Redmon & Farhadi 2018). A number: also those whose size fits at least so well, and likewise in the cells next
        to the centre along the row and along the column.

    Returns
    -------
    tuple
        Anchors that answer for a basin (p,), ascending, and the basin each answers for (p,).
    """
    if not len(truth):
        return truth.new_zeros(0, dtype=torch.long), truth.new_zeros(0, dtype=torch.long)
    fit = shape_iou(truth[:, 2:] - truth[:, :2], anchors.sizes_px)
    wanted = fit == fit.amax(dim=1, keepdim=True)
    middle = (truth[:, :2] + truth[:, 2:]) / 2
    offset = middle[:, None] / anchors.locations.strides[:, None] - anchors.locations.corners
    within = ((offset >= 0) & (offset < 1)).unbind(dim=2)
    cells = within[0] & within[1]
    if min_shape_iou is not None:
        wanted |= fit >= min_shape_iou
        beside = ((offset > -0.5) & (offset < 1.5)).unbind(dim=2)
        cells = (within[0] & beside[1]) | (beside[0] & within[1])
    best, owner = fit.masked_fill(~(wanted & cells), -1).max(dim=0)
    place = (best >= 0).nonzero()[:, 0]
    return place, owner[place]

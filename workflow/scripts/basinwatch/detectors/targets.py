"""What instance detectors learn from: boxes and masks of the basins of a target."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from basinwatch.datasets.tiles import IGNORED


def boxes_and_masks(target: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Boxes and masks of the basins of each tile, in the order of their numbers.

    Parameters
    ----------
    target
        uint8 (n, y, x), see :func:`basinwatch.datasets.tiles.instance_target`.

    Returns
    -------
    list
        Per tile boxes float32 (m, 4), left, top, right, bottom edges in pixels, and masks bool (m, y, x), on the
        target's device.
    """
    boxes = [_boxes(tile) for tile in np.where(target.cpu().numpy() == IGNORED, 0, target.cpu().numpy())]
    return [
        (box[:, :4].to(target.device, torch.float32), tile == box[:, 4].to(target.device, torch.uint8)[:, None, None])
        for box, tile in zip(boxes, target, strict=True)
    ]


def _boxes(tile: NDArray[np.uint8]) -> Tensor:
    """Box and number (m, 5) of the basins of a tile without ignored pixels."""
    found = [
        (place[1].start, place[0].start, place[1].stop, place[0].stop, number)
        for number, place in enumerate(ndimage.find_objects(tile), 1)
        if place is not None
    ]
    return torch.tensor(found, dtype=torch.int64).reshape(-1, 5)


def mostly_ignored(tile: Tensor, boxes: Tensor) -> Tensor:
    """Whether more than half of each box's ground within the tile is to be ignored.

    Parameters
    ----------
    tile
        uint8 (y, x), see :func:`basinwatch.datasets.tiles.instance_target`.
    boxes
        float32 (n, 4), rounded to whole pixels.

    Returns
    -------
    Tensor
        bool (n,).
    """
    sums = functional.pad((tile == IGNORED).to(torch.int64).cumsum(0).cumsum(1), (1, 0, 1, 0))
    edges = boxes.round().to(torch.int64)
    columns, rows = edges[:, 0::2].clamp(0, tile.shape[1]), edges[:, 1::2].clamp(0, tile.shape[0])
    (left, right), (top, bottom) = columns.T, rows.T
    ignored = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return 2 * ignored > (right - left) * (bottom - top)

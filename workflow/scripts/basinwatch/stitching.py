"""Blend overlapping tiles into one map, row by row of tiles, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.tiling import Tile

WriteRows = Callable[[int, NDArray[np.float32]], None]


def edge_weights(size: int, overlap: int, halo: int) -> NDArray[np.float32]:
    """Weight of the pixels along one side of a tile towards a neighbour, from the edge inwards.

    The outer third of the overlap, but no more than `halo`, has weight 0: there the tile knows too
    little of what lies outside. The middle is a raised cosine, the rest 1; so the weights of two
    neighbours sum to 1. With an overlap of three halos or more, tiling leaves no trace at all.

    Returns
    -------
    NDArray
        float32 (size,).
    """
    dropped = min(halo, overlap // 3)
    ramp = overlap - 2 * dropped
    weights = np.ones(size, np.float32)
    weights[:dropped] = 0
    phase = (np.arange(ramp) + 0.5) / max(ramp, 1)
    weights[dropped : dropped + ramp] = 0.5 - 0.5 * np.cos(np.pi * phase)
    return weights


class Blender:
    """Weighted mean of tiles that arrive row by row; finished rows leave through a callback.

    Parameters
    ----------
    height, width
        Size of the tiled raster, in pixels.
    size, step
        Side and spacing of the tiles as given to :func:`basinwatch.tiling.tiles`.
    halo
        Border of a tile not to be trusted, see :func:`edge_weights`.
    write
        Called with the first row and finished rows (n, width), top to bottom without gaps; NaN where
        no tile was added.
    """

    def __init__(self, height: int, width: int, size: int, step: int, halo: int, write: WriteRows) -> None:
        self.height, self.width, self.size, self.write = height, width, size, write
        self.top = 0
        self._inward = edge_weights(size, size - step, halo)
        self._total = np.zeros((size, max(width, size)), np.float32)
        self._weight = np.zeros_like(self._total)

    def _along(self, start: int, length: int) -> NDArray[np.float32]:
        """Weights along one axis: 1 at the raster's own border, falling towards neighbours."""
        before = self._inward if start > 0 else np.ones_like(self._inward)
        after = self._inward[::-1] if start + self.size < length else np.ones_like(self._inward)
        return before * after

    def add(self, tile: Tile, values: NDArray[np.floating[Any]]) -> None:
        """Add one tile (size, size); tiles must come in the order of their rows."""
        if tile.row < self.top or tile.size != self.size:
            raise ValueError(f"{tile} cannot be added to tiles of {self.size} px from row {self.top} on")
        self._flush(tile.row)
        weight = self._along(tile.row, self.height)[:, None] * self._along(tile.column, self.width)[None]
        columns = slice(tile.column, tile.column + self.size)
        self._total[:, columns] += weight * values
        self._weight[:, columns] += weight

    def _flush(self, row: int) -> None:
        """Hand over all rows above `row` and make room below."""
        while self.top < row:
            count = min(row - self.top, self.size)
            weight = self._weight[:count, : self.width]
            mean = np.full(weight.shape, np.nan, np.float32)
            np.divide(self._total[:count, : self.width], weight, out=mean, where=weight > 0)
            self.write(self.top, mean)
            for buffer in (self._total, self._weight):
                buffer[: self.size - count] = buffer[count:].copy()
                buffer[self.size - count :] = 0
            self.top += count

    def finish(self) -> None:
        """Hand over the rows that are left."""
        self._flush(self.height)

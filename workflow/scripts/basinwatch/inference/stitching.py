"""Put overlapping tiles together into maps, row by row of tiles, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.tiling import Tile

WriteRows = Callable[[int, NDArray[np.float32]], None]

_ROWS_AT_ONCE = 128


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


class RollingRows:
    """Layers of a raster of which only the rows under work are held.

    Parameters
    ----------
    height
        Rows of the raster.
    rows
        float32 (layers, size, width), as they are before anything was added.
    leave
        Called with the first row and finished rows (layers, n, width), top to bottom without gaps.
    """

    def __init__(self, height: int, rows: NDArray[np.float32], leave: WriteRows) -> None:
        self.height, self.rows, self.leave = height, rows, leave
        self.top, self._fresh = 0, rows[:, :1].copy()

    def advance(self, row: int) -> None:
        """Hand over all rows above `row` and make room below."""
        size = self.rows.shape[1]
        while self.top < min(row, self.height):
            count = min(row - self.top, size, self.height - self.top)
            for first in range(0, count, _ROWS_AT_ONCE):
                self.leave(self.top + first, self.rows[:, first : min(first + _ROWS_AT_ONCE, count)])
            self.rows[:, : size - count] = self.rows[:, count:].copy()
            self.rows[:, size - count :] = self._fresh
            self.top += count


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
        Called with the first row and finished rows (maps, n, width), top to bottom without gaps; NaN where
        no tile was added.
    maps
        How many maps a tile has.
    """

    def __init__(self, height: int, width: int, size: int, step: int, halo: int, write: WriteRows, maps: int) -> None:
        self.height, self.width, self.size, self.write = height, width, size, write
        self._inward = edge_weights(size, size - step, halo)
        self._dropped = int(np.count_nonzero(self._inward == 0))
        self._weight = cache(self._weights_of)
        self._weighted = np.empty((maps, size, size), np.float32)
        self._sums = RollingRows(height, np.zeros((maps + 1, size, max(width, size)), np.float32), self._divide)

    def _neighbours(self, tile: Tile) -> tuple[bool, bool, bool, bool]:
        """Tell whether a tile has neighbours above, below, to the left and to the right."""
        below, right = tile.row + self.size < self.height, tile.column + self.size < self.width
        return tile.row > 0, below, tile.column > 0, right

    def _weights_of(self, above: bool, below: bool, left: bool, right: bool) -> NDArray[np.float32]:
        """Weights (n, m) of what is kept of a tile, by the sides on which it has neighbours."""
        none, inward = np.ones_like(self._inward), self._inward
        rows = (inward if above else none) * (inward[::-1] if below else none)
        columns = (inward if left else none) * (inward[::-1] if right else none)
        return rows[rows > 0, None] * columns[None, columns > 0]

    def kept(self, tile: Tile) -> tuple[slice, slice]:
        """Rows and columns of a tile that have a weight."""
        above, below, left, right = (self._dropped * is_there for is_there in self._neighbours(tile))
        return slice(above, self.size - below), slice(left, self.size - right)

    def add(self, tile: Tile, values: NDArray[np.floating[Any]]) -> None:
        """Add what is kept of a tile, (maps, n, m); tiles must come in the order of their rows."""
        if tile.row < self._sums.top or tile.size != self.size:
            raise ValueError(f"{tile} cannot be added to tiles of {self.size} px from row {self._sums.top} on")
        self.advance(tile.row)
        weight, (rows, columns) = self._weight(*self._neighbours(tile)), self.kept(tile)
        part = self._sums.rows[:, rows, tile.column + columns.start : tile.column + columns.stop]
        part[:-1] += np.multiply(values, weight, out=self._weighted[:, rows, columns])
        part[-1] += weight

    def _divide(self, top: int, sums: NDArray[np.float32]) -> None:
        """Hand over the mean of finished rows; 0 over 0 is not a number."""
        with np.errstate(invalid="ignore"):
            self.write(top, sums[:-1, :, : self.width] / sums[-1, :, : self.width])

    def advance(self, row: int) -> None:
        """Hand over all rows above `row`: no tile begins there any more."""
        self._sums.advance(row)

    def finish(self) -> None:
        """Hand over the rows that are left."""
        self.advance(self.height)

"""Put overlapping tiles together into maps, row by row of tiles, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
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
        self._sums = RollingRows(height, np.zeros((maps, size, max(width, size)), np.float32), self._divide)
        # Weights are products of one along rows and one along columns, so a row of tiles needs no map of them.
        self._across: dict[int, NDArray[np.float32]] = {}

    def _weights(self, first: int, length: int) -> NDArray[np.float32]:
        """Weights along one side of a tile that begins at `first` of `length` pixels; 1 towards the raster's border."""
        weights = np.ones_like(self._inward)
        if first > 0:
            weights *= self._inward
        if first + self.size < length:
            weights *= self._inward[::-1]
        return weights

    def kept(self, tile: Tile) -> tuple[slice, slice]:
        """Rows and columns of a tile that have a weight."""
        rows, columns = self._weights(tile.row, self.height), self._weights(tile.column, self.width)
        return _extent(rows > 0), _extent(columns > 0)

    def add(self, tile: Tile, values: NDArray[np.floating[Any]]) -> None:
        """Add what is kept of a tile, (maps, n, m), overwriting it; tiles must come in the order of their rows."""
        if tile.row < self._sums.top or tile.size != self.size:
            raise ValueError(f"{tile} cannot be added to tiles of {self.size} px from row {self._sums.top} on")
        self.advance(tile.row)
        down, across = self._weights(tile.row, self.height), self._weights(tile.column, self.width)
        rows, columns = self.kept(tile)
        _scale(values.swapaxes(1, 2), down[rows])
        _scale(values, across[columns])
        place = slice(tile.column, tile.column + self.size)
        self._sums.rows[:, rows, place][..., columns] += values
        self._across.setdefault(tile.row, np.zeros(self._sums.rows.shape[2], np.float32))[place] += across

    def _divide(self, top: int, sums: NDArray[np.float32]) -> None:
        """Hand over the mean of finished rows; 0 over 0 is not a number."""
        weight = np.zeros(sums.shape[1:], np.float32)
        for first, across in self._across.items():
            begin, end = max(first, top), min(first + self.size, top + len(weight))
            if begin < end:
                down = self._weights(first, self.height)[begin - first : end - first]
                weight[begin - top : end - top] += down[:, None] * across
        with np.errstate(invalid="ignore"):
            self.write(top, sums[..., : self.width] / weight[:, : self.width])

    def advance(self, row: int) -> None:
        """Hand over all rows above `row`: no tile begins there any more."""
        self._sums.advance(row)
        self._across = {first: sums for first, sums in self._across.items() if first + self.size > row}

    def finish(self) -> None:
        """Hand over the rows that are left."""
        self.advance(self.height)


def _extent(inside: NDArray[np.bool_]) -> slice:
    """From the first to the last that is inside."""
    places = np.flatnonzero(inside)
    return slice(int(places[0]), int(places[-1]) + 1)


def _scale(values: NDArray[np.floating[Any]], weights: NDArray[np.float32]) -> None:
    """Multiply along the last axis, in place; most weights are 1 and cost nothing."""
    whole = _extent(weights == 1) if (weights == 1).any() else slice(0, 0)
    for part in (slice(0, whole.start), slice(whole.stop, len(weights))):
        values[..., part] *= weights[part]

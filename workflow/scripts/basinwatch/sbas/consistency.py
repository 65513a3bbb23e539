"""Spatio-temporal consistency of a scene whose series come block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.sbas.quality import spatiotemporal_consistency

Float = NDArray[np.float32]


class ConsistencyMap:
    """Raster of :func:`~basinwatch.sbas.quality.spatiotemporal_consistency`, the same whatever the blocks.

    Neighbours on both sides of a seam need the series of both blocks, so the last row and column are kept.

    Attributes
    ----------
    values
        float32 (y, x) in the unit of the series; complete when all blocks have come.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.values = np.full(shape, np.nan, np.float32)
        self._above = self._below = self._left = np.full((0, 0), np.nan, np.float32)

    def add(self, window: Window, series: NDArray[np.floating[Any]]) -> None:
        """Take up the series (dates, height, width) of the next block in reading order."""
        rows, columns = window.toslices()
        if columns.start == 0:
            empty = np.full((len(series), self.values.shape[1]), np.nan, np.float32)
            self._above, self._below = self._below if rows.start else empty, empty.copy()
            self._left = np.full((len(series), window.height), np.nan, np.float32)
        # One row above and one column on either side.
        patch = np.full((len(series), window.height + 1, window.width + 2), np.nan, np.float32)
        patch[:, 1:, 1:-1] = series
        around = slice(max(columns.start - 1, 0), min(columns.stop + 1, self.values.shape[1]))
        inside = slice(around.start - columns.start + 1, around.stop - columns.start + 1)
        patch[:, 0, inside] = self._above[:, around]
        patch[:, 1:, 0] = self._left
        top = int(rows.start == 0)
        target = self.values[rows.start - 1 + top : rows.stop, around]
        np.fmin(target, spatiotemporal_consistency(patch)[top:, inside], out=target)
        self._left, self._below[:, columns] = patch[:, 1:, -2].copy(), patch[:, -1, 1:-1]

"""Write a raster whose rows come from top to bottom, without ever holding it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from basinwatch.rasters import BLOCK_PX

_CACHE_BYTES = 128 * 2**20


@contextmanager
def bounded_cache() -> Iterator[None]:
    """Let GDAL keep little of what was read or written; by default it takes a twentieth of the memory."""
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES):
        yield


class RowWriter:
    """Gather rows until a whole row of blocks is there, since a block that is written twice is stored twice.

    Parameters
    ----------
    target
        Raster open for writing, all bands of one type; complete when as many rows were added as it has.
    """

    def __init__(self, target: DatasetWriter) -> None:
        self.target, self._first = target, 0
        self._waiting: list[NDArray[np.uint8]] = []

    def add(self, rows: NDArray[np.uint8]) -> None:
        """Add the next rows (bands, n, width)."""
        self._waiting.append(rows)
        count = sum(part.shape[1] for part in self._waiting)
        is_last = self._first + count == self.target.height
        whole = count if is_last else count // BLOCK_PX * BLOCK_PX
        if whole:
            joined = np.concatenate(self._waiting, axis=1)
            self.target.write(joined[:, :whole], window=Window(0, self._first, self.target.width, whole))
            self._first, self._waiting = self._first + whole, [joined[:, whole:]]

"""A list of pixels of a grid: where they lie and what rasters hold there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.windows import Window

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import open_raster

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Pixels:
    """Pixels of one grid.

    Parameters
    ----------
    grid
        The grid.
    rows, columns
        (P,) whole numbers.
    """

    grid: Grid
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    @classmethod
    def within(cls, window: Window, grid: Grid) -> Pixels:
        """All pixels of a window in reading order."""
        rows, columns = np.indices((window.height, window.width)).reshape(2, -1)
        return cls(grid, rows + window.row_off, columns + window.col_off)

    @classmethod
    def where(cls, mask: NDArray[np.bool_], grid: Grid) -> Pixels:
        """Take the pixels of a mask (y, x) in reading order."""
        return cls(grid, *np.nonzero(mask))

    def __len__(self) -> int:
        """Count of pixels."""
        return len(self.rows)

    def part(self, chosen: NDArray[np.bool_] | slice) -> Pixels:
        """Take some of the pixels."""
        return Pixels(self.grid, self.rows[chosen], self.columns[chosen])

    def mask(self) -> NDArray[np.bool_]:
        """Raster (y, x) that is true at the pixels."""
        mask = np.zeros(self.grid.shape, bool)
        mask[self.rows, self.columns] = True
        return mask

    def of(self, raster: NDArray[Any]) -> NDArray[Any]:
        """Values (P,) of a raster (y, x)."""
        values: NDArray[Any] = raster[self.rows, self.columns]
        return values

    def read(self, path: Path) -> NDArray[np.float32]:
        """Read the values (P,) of a raster of one band on the same grid; NaN where it holds no data.

        Raises
        ------
        InputError
            If the raster is not of the grid's size.
        """
        with open_raster(path) as source:
            if source.shape != self.grid.shape:
                raise InputError(
                    f"{path}: found {source.height}x{source.width} px, expected {self.grid.height}x{self.grid.width} "
                    "px as in the stack's grid; bring it onto that grid."
                )
            top, left = int(self.rows.min(initial=0)), int(self.columns.min(initial=0))
            window = Window.from_slices(
                (top, int(self.rows.max(initial=0)) + 1), (left, int(self.columns.max(initial=0)) + 1)
            )
            values = source.read(1, window=window, masked=True)
        return np.ma.filled(values[self.rows - top, self.columns - left].astype(np.float32), np.nan)

    @cached_property
    def place(self) -> Float:
        """Column and row, (2, P), scaled to ±1/2 over the grid."""
        return np.stack([self.columns / self.grid.width - 0.5, self.rows / self.grid.height - 0.5])

    @cached_property
    def longitude_latitude(self) -> tuple[Float, Float]:
        """Degrees (P,) of the pixels' centres.

        Raises
        ------
        InputError
            In radar geometry.
        """
        if self.grid.geometry == "radar":
            raise InputError(
                "delays: found a stack in radar geometry, expected map geometry; geocode it or leave the delays out."
            )
        place, x, y = self.grid.affine, self.columns + 0.5, self.rows + 0.5
        to_degrees = Transformer.from_crs(self.grid.crs_wkt, "EPSG:4326", always_xy=True)
        return to_degrees.transform(place.a * x + place.b * y + place.c, place.d * x + place.e * y + place.f)

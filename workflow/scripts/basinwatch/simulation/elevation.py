"""Real heights for simulated tiles: random crops of a digital elevation model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import grid_of, open_raster
from basinwatch.simulation.crops import fill_gaps, require_room
from basinwatch.simulation.geometry import Spacing


@dataclass(frozen=True)
class ElevationModel:
    """A raster of heights in metres, geographic or projected, that tiles are cut from."""

    path: Path
    grid: Grid

    @classmethod
    def open(cls, path: str | Path) -> ElevationModel:
        """Read the placement of an elevation model, but no heights.

        Raises
        ------
        InputError
            If the file cannot be read or lies on no map.
        """
        with open_raster(path) as source:
            grid = grid_of(source)
        if grid.geometry != "map":
            raise InputError(
                f"{path}: found no coordinate reference system, expected an elevation model on a map; georeference it."
            )
        return cls(Path(path), grid)

    def crop(self, shape: tuple[int, int], spacing: Spacing, row: float, column: float) -> NDArray[np.float32]:
        """Cut heights out for a tile, interpolated or averaged to its pixels; only the place is read.

        Parameters
        ----------
        shape, spacing
            Rows and columns of the tile, and their distances in metres.
        row, column
            Place as shares, 0 to 1, of the room the tile has to move.

        Returns
        -------
        numpy.ndarray
            Metres, (y, x). Gaps take the nearest height, a place without any is at 0.

        Raises
        ------
        InputError
            If the file cannot be read or is smaller than the tile.
        """
        require_room(self.path, self.grid, (shape[0] * spacing.y, shape[1] * spacing.x))
        own_x, own_y = self.grid.pixel_spacing_m
        height, width = shape[0] * spacing.y / own_y, shape[1] * spacing.x / own_x
        window = Window(column * (self.grid.width - width), row * (self.grid.height - height), width, height)
        with open_raster(self.path) as source:
            stored = source.read(1, window=window, out_shape=shape, resampling=Resampling.bilinear, masked=True)
        return fill_gaps(stored.astype(np.float32).filled(np.nan))


def check(path: str | Path, tile_m: float) -> None:
    """Refuse an elevation model that tiles with sides of `tile_m` metres cannot be cut from; reads no heights.

    Raises
    ------
    InputError
        If the file cannot be read, lies on no map or is smaller than a tile.
    """
    require_room(path, ElevationModel.open(path).grid, (tile_m, tile_m))

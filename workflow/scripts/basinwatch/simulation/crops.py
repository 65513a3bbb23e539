"""What real rasters need before tiles are cut from them: room for a tile, and no gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from basinwatch.errors import InputError
from basinwatch.grid import Grid


def require_room(path: str | Path, grid: Grid, tile_m: tuple[float, float]) -> None:
    """Refuse a raster smaller than a tile.

    Parameters
    ----------
    path, grid
        The raster and its placement.
    tile_m
        Height and width of a tile in metres.

    Raises
    ------
    InputError
        If a tile does not fit.
    """
    found = grid.height * grid.pixel_spacing_m[1], grid.width * grid.pixel_spacing_m[0]
    if found[0] < tile_m[0] or found[1] < tile_m[1]:
        sizes = [f"{tall / 1000:.1f} x {wide / 1000:.1f} km" for tall, wide in (found, tile_m)]
        raise InputError(
            f"{path}: found {sizes[0]}, expected at least {sizes[1]}, the size of a tile; "
            "give a larger area or make tiles smaller."
        )


def fill_gaps(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give NaN the nearest value, or 0 where there is none."""
    gaps = np.isnan(values)
    if not gaps.any():
        return values
    if gaps.all():
        return np.zeros_like(values)
    nearest = distance_transform_edt(gaps, return_distances=False, return_indices=True)
    filled: NDArray[np.float32] = values[tuple(nearest)]
    return filled

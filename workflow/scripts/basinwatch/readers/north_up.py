"""North at the top and east to the right, whichever way a raster's rows and columns run (E16)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from affine import Affine
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.raster_limits import require_room
from basinwatch.rasters import grid_of
from basinwatch.rows import Rows

_LEAST_PIXEL, _MAX_COORDINATE = 1e-18, 1e12


@dataclass(frozen=True)
class Orientation:
    """Grid of a raster with north at the top, and what must be turned for it."""

    grid: Grid
    is_south_up: bool
    is_mirrored: bool

    def turned(self, rows: Rows) -> Rows:
        """Rows as the grid has them."""
        rows = rows.upside_down() if self.is_south_up else rows
        return rows.through(lambda block: block[:, ::-1]) if self.is_mirrored else rows

    def turned_pixels(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Array (y, x, …) as the grid has it."""
        return pixels[:: -1 if self.is_south_up else 1, :: -1 if self.is_mirrored else 1]

    def notes(self, path: Path) -> list[str]:
        """Say what was turned."""
        found = ["south to north"] * self.is_south_up + ["east to west"] * self.is_mirrored
        return [f"{path.name}: runs from {' and from '.join(found)}; turned (E16)"] if found else []


def orientation(source: rasterio.DatasetReader, path: Path) -> Orientation:
    """Tell how an open raster lies.

    Raises
    ------
    InputError
        If it is rotated, has no size on the ground, or declares more pixels than it can hold.
    """
    require_room(path, source.width * source.height)
    transform = source.transform
    is_placed = source.crs is not None and not transform.is_identity  # one without the other says nothing (E17)
    if is_placed and (transform.b or transform.d):
        raise InputError(f"{path}: the raster is rotated, expected north up; warp it with gdalwarp.")
    if not abs(transform.determinant) > _LEAST_PIXEL or not all(abs(term) < _MAX_COORDINATE for term in transform):
        raise InputError(f"{path}: found pixels without size or place, expected both as georeference; copy it again.")
    is_south_up, is_mirrored = is_placed and transform.e > 0, is_placed and transform.a < 0
    if not (is_south_up or is_mirrored):
        return Orientation(grid_of(source), False, False)
    left = transform.c + transform.a * source.width if is_mirrored else transform.c
    top = transform.f + transform.e * source.height if is_south_up else transform.f
    turned = Affine(abs(transform.a), 0, left, 0, -abs(transform.e), top)
    return Orientation(
        Grid.from_map(source.width, source.height, turned, source.crs.to_wkt()), is_south_up, is_mirrored
    )

"""ISCE2's ``lat.rdr`` and ``lon.rdr``: latitude and longitude of every pixel of a radar image, and the way back.

The map has square pixels in degrees, on a lattice through 0, of about the area that a pixel of the image covers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from basinwatch.companions import LATITUDE_LONGITUDE
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.readers import isce, raw_binary
from basinwatch.readers.mesh import fill
from basinwatch.rows import Read, Rows

_BLOCK_ROWS = 64
_MAX_PIXELS_PER_PIXEL = 20
_MAX_STEP_DEGREES, _MIN_STEP_DEGREES = 0.5, 1e-6


@dataclass(frozen=True)
class _Block:
    """Some rows of the image, and between which latitudes they lie."""

    first: int
    last: int
    south: float
    north: float


@dataclass(frozen=True)
class _Image:
    """Latitude and longitude of an image's pixels; these count from `middle`, so that they do not jump at 180."""

    latitude: Rows
    longitude: Rows
    middle: float

    @contextmanager
    def open(self) -> Iterator[Read]:
        """Open both; they are read as (2, rows, columns), NaN where there is no place."""
        with self.latitude.open() as latitude, self.longitude.open() as longitude:
            yield lambda first, last: _known(latitude(first, last), longitude(first, last), self.middle)


def open_places(table: Path, own: Grid) -> tuple[Grid, Rows]:
    """Open the map that an image covers, and where its pixels lie in the image.

    Parameters
    ----------
    table
        Either of the two files; the other lies beside it.
    own
        Grid of the image.

    Returns
    -------
    grid, places
        WGS 84 degrees; column + 1j · row of the image, linear between three pixels, NaN beyond them. Where slopes
        fold over each other in the image, the last of the pixels counts.

    Raises
    ------
    InputError
        If one of both is missing, of another size, or holds no places.
    """
    image = _open(table, own)
    blocks, step, west_east = _survey(table, image)
    first_x, last_x = math.ceil(west_east[0] / step), math.floor(west_east[1] / step)
    south, north = min(block.south for block in blocks), max(block.north for block in blocks)
    first_y, last_y = math.ceil(south / step), math.floor(north / step)
    width, height = last_x - first_x + 1, last_y - first_y + 1
    if min(width, height) < 1 or width * height > _MAX_PIXELS_PER_PIXEL * own.width * own.height:
        raise _no_places(table)
    left = (((first_x - 0.5) * step) + 180) % 360 - 180
    grid = Grid.from_map(width, height, Affine(step, 0, left, 0, -step, (last_y + 0.5) * step), "EPSG:4326")

    @contextmanager
    def opened() -> Iterator[Read]:
        with image.open() as read:
            yield lambda first, last: _places(read, blocks, step, (first_x, last_y - first), (last - first, width))

    return grid, Rows(height, width, opened)


def _places(
    read: Read, blocks: list[_Block], step: float, corner: tuple[int, int], shape: tuple[int, int]
) -> NDArray[np.complex128]:
    """Places of a part of the map, of which `corner` is the column and row of its first pixel on the lattice."""
    places = np.full(shape, complex(np.nan, np.nan))
    south, north = (corner[1] - shape[0]) * step, (corner[1] + 1) * step
    for block in blocks:
        if block.north >= south and block.south <= north:
            latitude, longitude = read(block.first, block.last)
            fill(places, longitude / step - corner[0], corner[1] - latitude / step, block.first)
    return places


def _open(table: Path, own: Grid) -> _Image:
    """Open both files."""
    match = LATITUDE_LONGITUDE.search(table.name)
    if match is None:
        raise InputError(f"{table}: expected lat.rdr or lon.rdr as look-up table of ISCE2; name one of them.")
    found = []
    for word in ("lat", "lon"):
        path = table.with_name(f"{table.name[: match.start()]}{word}{table.name[match.end() :]}")
        if not (path.is_file() and isce.is_image(path)):
            raise InputError(f"{path}: not found with its .xml, expected it beside {table.name}; copy both there.")
        image = isce.read_image(path)
        if image.grid.shape != own.shape or image.is_complex or image.layout.bands != 1:
            raise InputError(
                f"{path}: found {image.layout.bands} band(s) of {image.grid.height}x{image.grid.width} px, expected "
                f"one of {own.height}x{own.width} px like the phase; name the file with the looks of the phase (E02)."
            )
        found.append(raw_binary.band_rows(path, image.layout, 1))
    return _Image(found[0], found[1], _middle_longitude(table, found[1]))


def _middle_longitude(table: Path, longitude: Rows) -> float:
    """Longitude of some pixel of the image, those in the middle row first."""
    with longitude.open() as read:
        middle = longitude.height // 2
        for row in (middle, *range(0, longitude.height, _BLOCK_ROWS)):
            numbers = read(row, row + 1)[0]
            known = numbers[np.isfinite(numbers) & (numbers != 0) & (np.abs(numbers) <= 360)]
            if known.size:
                return float(known[known.size // 2])
    raise _no_places(table)


def _known(latitude: NDArray[Any], longitude: NDArray[Any], middle: float) -> NDArray[np.float64]:
    """Both as float64; NaN where either is none, or both are 0, which means no ground."""
    with np.errstate(invalid="ignore"):
        known = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 360) & ((latitude != 0) | (longitude != 0))
        east = (longitude - middle + 180) % 360 - 180 + middle
    return np.where(known, np.stack([latitude, east]).astype(np.float64), np.nan)


def _survey(table: Path, image: _Image) -> tuple[list[_Block], float, tuple[float, float]]:
    """Blocks of the image that overlap by a row, step of the map, and the image's extent from west to east."""
    height, blocks, areas, west, east = image.latitude.height, [], [], math.inf, -math.inf
    with image.open() as read:
        for first in range(0, height - 1, _BLOCK_ROWS):
            last = min(first + _BLOCK_ROWS + 1, height)
            latitude, longitude = read(first, last)
            known = np.isfinite(latitude)
            if known.any():
                blocks.append(_Block(first, last, float(latitude[known].min()), float(latitude[known].max())))
                west, east = min(west, float(longitude[known].min())), max(east, float(longitude[known].max()))
                areas.append(_areas(latitude[:2], longitude[:2]))
    found = np.concatenate(areas) if areas else np.empty(0)
    step = float(np.sqrt(np.median(found))) if found.size else 0.0
    if not _MIN_STEP_DEGREES < step < _MAX_STEP_DEGREES:
        raise _no_places(table)
    return blocks, float(f"{step:.1e}"), (west, east)


def _areas(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Areas between the pixels of two rows, square degrees."""
    (north_across, north_along), (east_across, east_along) = (
        (np.diff(values[0]), (values[1] - values[0])[:-1]) for values in (latitude, longitude)
    )
    found = np.abs(east_across * north_along - north_across * east_along)
    return found[np.isfinite(found) & (found > 0)]


def _no_places(table: Path) -> InputError:
    """Say that the numbers are no places."""
    return InputError(
        f"{table}: found no latitudes and longitudes of an image, expected lat.rdr and lon.rdr in degrees as ISCE2 "
        "writes them; make them anew."
    )

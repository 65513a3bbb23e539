"""Look-up tables: where every pixel of a map lies in the radar image, and the image on that map.

GAMMA's table (``gc_map``) is a complex raster on the map: real part = column, imaginary part = row of the radar image,
counted from 0 and between pixels; 0 lies outside. GMTSAR lists the same for the nodes of its terrain model. ISCE2 tells
the reverse, latitude and longitude of every pixel of the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.placing import Kind
from basinwatch.readers import checks, gamma_headers, gamma_map, gmtsar, gmtsar_table, isce, isce_table, raw_binary
from basinwatch.readers.raw_binary import Layout
from basinwatch.rows import Read, Rows

_ITEM_BYTES = 8
_MIN_WEIGHT = 0.5


@dataclass(frozen=True)
class LookupTable:
    """A map, and where its pixels lie in a radar image.

    Parameters
    ----------
    grid
        The map.
    places
        Column + 1j · row of the image, complex (y, x) of the map; NaN outside.
    dtype
        Type of the numbers in the table's file.
    """

    grid: Grid
    places: Rows
    dtype: str


def open_table(table: Path, raster: Path, own: Grid, crs: str | None = None) -> LookupTable:
    """Open the table that brings a raster in radar geometry onto a map.

    Parameters
    ----------
    table
        GAMMA's table, with the ``.dem_par`` of its size beside it or in the two folders above; ``lat.rdr`` of ISCE2,
        with ``lon.rdr``; or ``trans.dat`` of GMTSAR.
    raster, own
        The raster, and its grid.
    crs
        Coordinate system of a GAMMA map whose header does not tell it.

    Raises
    ------
    InputError
        If the table is missing or damaged, or is not that of the raster.
    """
    if own.geometry == "map":
        raise InputError(
            f"{raster}: found map geometry, expected radar geometry for the look-up table {table.name}; remove "
            "lookup_table from the stack."
        )
    checks.reject_unreadable(table)
    if gmtsar.is_grid(raster):
        grid, places = gmtsar_table.open_places(table, gmtsar.read_axes(raster))
        return LookupTable(grid, _remembered(places), "float64")
    if isce.is_image(table):
        grid, places = isce_table.open_places(table, own)
        return LookupTable(grid, _remembered(places), "float64")
    grid = _gamma_map(table, crs)
    return LookupTable(grid, _gamma_places(table, grid), "complex64")


def _remembered(places: Rows) -> Rows:
    """Rows that keep the last block, which the phase and the coherence of a pair ask for one after the other."""
    kept: dict[tuple[int, int], NDArray[Any]] = {}

    @contextmanager
    def opened() -> Iterator[Read]:
        with places.open() as read:

            def remembered(first: int, last: int) -> NDArray[Any]:
                if (first, last) not in kept:
                    kept.clear()
                    kept[first, last] = read(first, last)
                return kept[first, last]

            yield remembered

    return Rows(places.height, places.width, opened)


def _gamma_map(table: Path, crs: str | None) -> Grid:
    """Map of GAMMA's table, from the ``.dem_par`` of its size."""
    size, tried = table.stat().st_size, []
    for header in gamma_headers.candidates(table, (), None):
        if "DEM_projection" in header.keys:
            if size == header.width * header.lines * _ITEM_BYTES:
                return gamma_map.grid_of(header, crs)
            tried.append(f"{header.path.name}: {header.width}x{header.lines}")
    found = ", ".join(tried[:4]) or "none"
    raise InputError(
        f"{table}: found {size} bytes and as headers of maps {found}; expected a .dem_par of the table's size beside "
        "it or in the two folders above; copy it there (E02)."
    )


def _gamma_places(table: Path, grid: Grid) -> Rows:
    """Places in GAMMA's table."""
    order, _ = checks.byte_order(table, gamma_headers.sample_words(table))
    layout = Layout(grid.width, grid.height, 1, np.dtype(f"{order}c8"), "BSQ", table)
    return raw_binary.stored_rows(table, layout, 1, grid.height).through(_without_zeros)


def _without_zeros(places: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """NaN where a place is 0, which means outside."""
    return np.where(places != 0, places, np.complex64(complex(np.nan, np.nan)))


def on_map(rows: Rows, table: LookupTable, kind: Kind) -> Rows:
    """Bring a raster of radar geometry onto the map, by bilinear interpolation between its pixels.

    Parameters
    ----------
    rows
        ``phase`` (wrapped radians), which is interpolated as complex numbers, or ``number``.

    Returns
    -------
    Rows of the map; NaN outside the image and where less than half of the weight is known.
    """

    @contextmanager
    def opened() -> Iterator[Read]:
        with rows.open() as read, table.places.open() as read_places:
            yield lambda first, last: _taken(rows, read, read_places(first, last), kind)

    return Rows(table.grid.height, table.grid.width, opened)


def _taken(rows: Rows, read: Read, places: NDArray[np.complexfloating[Any, Any]], kind: Kind) -> NDArray[np.float32]:
    """Numbers at places between the pixels, from the rows these places span."""
    values = np.full(places.shape, np.nan, np.float32)
    column, line = places.real, places.imag
    inside = (column >= 0) & (line >= 0) & (column <= rows.width - 1) & (line <= rows.height - 1)
    if inside.any():
        first, last = int(line[inside].min()), min(int(line[inside].max()) + 2, rows.height)
        values[inside] = _bilinear(read(first, last), column[inside], line[inside] - first, kind)
    return values


def _bilinear(
    values: NDArray[np.float32],
    column: NDArray[np.floating[Any]],
    line: NDArray[np.floating[Any]],
    kind: Kind,
) -> NDArray[np.float32]:
    """Interpolate between four pixels, as complex numbers of length 1 where the values are angles."""
    left, top = column.astype(int), line.astype(int)
    right, bottom = np.minimum(left + 1, values.shape[1] - 1), np.minimum(top + 1, values.shape[0] - 1)
    across, along = (column - left).astype(np.float32), (line - top).astype(np.float32)
    total: NDArray[Any] = np.zeros(column.shape, np.complex64 if kind == "phase" else np.float32)
    known = np.zeros(column.shape, np.float32)
    for rows, row_weight in ((top, 1 - along), (bottom, along)):
        for columns, column_weight in ((left, 1 - across), (right, across)):
            corner = values[rows, columns]
            weight = np.where(np.isfinite(corner), row_weight * column_weight, 0)
            corner = np.nan_to_num(corner)
            total += weight * (np.exp(1j * corner) if kind == "phase" else corner)
            known += weight
    safe = np.where(known > 0, known, 1)
    found = np.angle(total) if kind == "phase" else total / safe
    return np.where(known >= _MIN_WEIGHT, found, np.nan).astype(np.float32)

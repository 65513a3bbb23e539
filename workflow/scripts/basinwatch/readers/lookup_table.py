"""GAMMA's look-up tables: where every pixel of a map lies in the radar image, and the image on that map.

A table (``gc_map``) is a complex raster on the map: real part = column, imaginary part = row of the radar image,
counted from 0 and between pixels; 0 lies outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.placing import Kind
from basinwatch.readers import checks, gamma_headers, gamma_map, raw_binary
from basinwatch.readers.raw_binary import Layout
from basinwatch.rows import Read, Rows

_ITEM_BYTES = 8
_MIN_WEIGHT = 0.5


def map_grid(table: Path, crs: str | None = None) -> Grid:
    """Grid of the map a table belongs to, from the ``.dem_par`` of its size beside it or in the two folders above.

    Raises
    ------
    InputError
        If the table is missing or damaged, or no such header is found.
    """
    checks.reject_unreadable(table)
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


def on_map(rows: Rows, table: Path, grid: Grid, kind: Kind) -> Rows:
    """Bring a raster of radar geometry onto the map, by bilinear interpolation between its pixels.

    Parameters
    ----------
    rows
        ``phase`` (wrapped radians), which is interpolated as complex numbers, or ``number``.
    table, grid
        Look-up table, and its map.

    Returns
    -------
    Rows of the map; NaN outside the image and where less than half of the weight is known.
    """
    order, _ = checks.byte_order(table, gamma_headers.sample_words(table))
    layout = Layout(grid.width, grid.height, 1, np.dtype(f"{order}c8"), "BSQ", table)
    places = raw_binary.stored_rows(table, layout, 1, grid.height)

    @contextmanager
    def opened() -> Iterator[Read]:
        with rows.open() as read, places.open() as read_places:
            yield lambda first, last: _taken(rows, read, read_places(first, last), kind)

    return Rows(grid.height, grid.width, opened)


def _taken(rows: Rows, read: Read, places: NDArray[np.complex64], kind: Kind) -> NDArray[np.float32]:
    """Numbers at places between the pixels, from the rows these places span."""
    values = np.full(places.shape, np.nan, np.float32)
    column, line = places.real, places.imag
    inside = np.isfinite(places) & (places != 0) & (column >= 0) & (line >= 0)
    inside &= (column <= rows.width - 1) & (line <= rows.height - 1)
    if inside.any():
        first, last = int(line[inside].min()), min(int(line[inside].max()) + 2, rows.height)
        values[inside] = _bilinear(read(first, last), column[inside], line[inside] - np.float32(first), kind)
    return values


def _bilinear(
    values: NDArray[np.float32], column: NDArray[np.float32], line: NDArray[np.float32], kind: Kind
) -> NDArray[np.float32]:
    """Interpolate between four pixels, as complex numbers of length 1 where the values are angles."""
    left, top = column.astype(int), line.astype(int)
    right, bottom = np.minimum(left + 1, values.shape[1] - 1), np.minimum(top + 1, values.shape[0] - 1)
    across, along = column - left, line - top
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

"""GMTSAR's ``trans.dat``: range, azimuth, height, longitude and latitude of every node of the terrain model.

The records are five little-endian float64, in rows of the terrain model, without those beyond the image; range and
azimuth are the coordinates of the radar grids, pixels of the single-look image.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.readers.gmtsar import Axes
from basinwatch.rows import Rows

_FIELDS = 5
_RANGE, _AZIMUTH, _LONGITUDE, _LATITUDE = 0, 1, 3, 4
_RECORD_BYTES = 8 * _FIELDS
_BLOCK_RECORDS = 2**18
_MAX_STEP_DEGREES, _MIN_STEP_DEGREES = 0.1, 1e-6
_TOLERANCE_PX = 0.1
_MAX_PIXELS_PER_RECORD = 20


@dataclass(frozen=True)
class _Nodes:
    """The terrain model: its corner in the northwest (the centre of a pixel), steps in degrees, and its size."""

    table: Path
    west: float
    north: float
    step_x: float
    step_y: float
    width: int
    height: int

    def columns(self, records: NDArray[np.float64]) -> NDArray[np.int64]:
        """Columns of records."""
        return self._whole((records[:, _LONGITUDE] - self.west) / self.step_x)

    def rows(self, records: NDArray[np.float64]) -> NDArray[np.int64]:
        """Rows of records, from the north."""
        return self._whole((self.north - records[:, _LATITUDE]) / self.step_y)

    def _whole(self, numbers: NDArray[np.float64]) -> NDArray[np.int64]:
        """Whole numbers; none may lie between them."""
        whole = np.rint(numbers)
        if np.abs(numbers - whole).max() > _TOLERANCE_PX:
            raise _irregular(self.table)
        return whole.astype(np.int64)


def open_places(table: Path, axes: Axes) -> tuple[Grid, Rows]:
    """Open the map of a table, and where its pixels lie in a radar grid.

    Parameters
    ----------
    table
        The file.
    axes
        Coordinates of the grid's pixels.

    Returns
    -------
    grid, places
        WGS 84 degrees at the terrain model's own nodes; column + 1j · row of the radar grid, NaN beyond the image.

    Raises
    ------
    InputError
        If it is no such table: cut short, or its nodes are not those of a grid, row by row.
    """
    nodes = _nodes(table)
    left, top = (float(start - step / 2) for start, step in ((nodes.west, nodes.step_x), (nodes.north, -nodes.step_y)))
    transform = Affine(nodes.step_x, 0, left, 0, -nodes.step_y, top)
    grid = Grid.from_map(nodes.width, nodes.height, transform, "EPSG:4326")
    begins = _begins(nodes)
    return grid, Rows(nodes.height, nodes.width, lambda: nullcontext(lambda a, b: _places(nodes, begins, axes, a, b)))


def _nodes(table: Path) -> _Nodes:
    """Terrain model that the records belong to."""
    size = table.stat().st_size
    if not size or size % _RECORD_BYTES:
        raise InputError(
            f"{table}: found {size} bytes, expected records of {_RECORD_BYTES}; name GMTSAR's trans.dat in double "
            "precision, or copy it again (E02)."
        )
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    for records in _blocks(table, 0, size // _RECORD_BYTES):
        places = records[:, [_LONGITUDE, _LATITUDE]]
        if not (np.abs(places) <= (360, 90)).all():
            raise InputError(f"{table}: found no longitudes and latitudes, expected GMTSAR's trans.dat; name that.")
        low, high = np.minimum(low, places.min(axis=0)), np.maximum(high, places.max(axis=0))
    counts, steps = zip(*(_count(table, axis, low, high) for axis in (0, 1)), strict=True)
    if counts[0] * counts[1] > _MAX_PIXELS_PER_RECORD * size // _RECORD_BYTES:
        raise _irregular(table)
    return _Nodes(table, float(low[0]), float(high[1]), steps[0], steps[1], counts[0], counts[1])


def _count(table: Path, axis: int, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[int, float]:
    """Nodes along an axis (0 = longitude), and their step in degrees."""
    apart: NDArray[np.float64] = np.empty(0)
    for records in _blocks(table, 0, table.stat().st_size // _RECORD_BYTES):
        apart = np.abs(np.diff(records[:, _LONGITUDE + axis]))
        apart = apart[(apart > _MIN_STEP_DEGREES) & (apart < _MAX_STEP_DEGREES)]
        if apart.size:
            break
    if not apart.size:
        raise _irregular(table)
    span = float(high[axis] - low[axis])
    count = round(span / float(np.median(apart)))
    if not count:
        raise _irregular(table)
    return count + 1, span / count


def _begins(nodes: _Nodes) -> NDArray[np.int64]:
    """Between which records every row lies: those from its own number up to its neighbour's.

    The records may run from the north or from the south; from the south the numbers fall.
    """
    table, height = nodes.table, nodes.height
    counts, order, last = np.zeros(height, np.int64), 0, None
    for records in _blocks(table, 0, table.stat().st_size // _RECORD_BYTES):
        rows, _ = nodes.rows(records), nodes.columns(records)  # both must be whole
        counts += np.bincount(rows, minlength=height)
        steps = np.sign(np.diff(rows, prepend=rows[:1] if last is None else last))
        found = set(steps[steps != 0].tolist()) | ({order} if order else set())
        if len(found) > 1:
            raise _irregular(table)
        order, last = next(iter(found), 0), rows[-1:]
    ends = np.cumsum(counts if order >= 0 else counts[::-1])
    begins = np.concatenate([[0], ends])
    return begins if order >= 0 else begins[::-1]


def _places(nodes: _Nodes, begins: NDArray[np.int64], axes: Axes, first: int, last: int) -> NDArray[np.complex128]:
    """Places of some rows of the map."""
    places = np.full((last - first, nodes.width), complex(np.nan, np.nan))
    between = sorted((int(begins[first]), int(begins[last])))
    for records in _blocks(nodes.table, between[0], between[1]):
        with np.errstate(over="ignore", invalid="ignore"):  # of damaged numbers
            column, row = (
                (records[:, field] - axis[0]) / ((axis[-1] - axis[0]) / (axis.size - 1))
                for field, axis in ((_RANGE, axes.x), (_AZIMUTH, np.sort(axes.y)))
            )
            places[nodes.rows(records) - first, nodes.columns(records)] = column + 1j * row
    return places


def _blocks(table: Path, begin: int, end: int) -> Iterator[NDArray[np.float64]]:
    """Read records (n, 5) from one up to another, some at a time."""
    for first in range(begin, end, _BLOCK_RECORDS):
        count = min(_BLOCK_RECORDS, end - first)
        numbers: NDArray[Any] = np.fromfile(table, "<f8", count * _FIELDS, offset=first * _RECORD_BYTES)
        yield numbers.reshape(-1, _FIELDS)


def _irregular(table: Path) -> InputError:
    """Say that the nodes are no grid."""
    return InputError(
        f"{table}: found records that are not the nodes of a grid in degrees, row by row; expected trans.dat as GMTSAR "
        "writes it from a terrain model in longitude and latitude; make it anew."
    )

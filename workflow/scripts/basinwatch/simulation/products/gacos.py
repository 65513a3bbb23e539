"""Zenith delays of a simulated stack as a weather model would give them, in the files GACOS delivers."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.ndimage import map_coordinates

from basinwatch.grid import Grid
from basinwatch.provenance import atomic_path
from basinwatch.simulation.stack import SimulatedStack

Degrees = NDArray[np.floating[Any]]

_STEP_DEGREES = 0.000833333
_MARGIN_DEGREES = 0.02
_TOTAL_DELAY_M = 2.35


def write_delay(stack: SimulatedStack, day: date, delay: Path, header: Path) -> None:
    """Write the smooth part of one date's zenith delay: little-endian float32 metres, and the ``.rsc``.

    Beyond the scene the delay is that of its edge.

    Raises
    ------
    InputError
        If the date lies before the mines' history.
    """
    longitude, latitude = _axes(stack.grid)
    rows, columns = _pixels(stack.grid, longitude, latitude)
    delay_mm = stack.acquisition(day).modelled_delay_mm
    sampled = map_coordinates(delay_mm, [rows, columns], order=1, mode="nearest")
    with atomic_path(delay) as part:
        part.write_bytes((_TOTAL_DELAY_M + sampled / 1000).astype("<f4").tobytes())
    with atomic_path(header) as part:
        part.write_text(_rsc(longitude, latitude, stack.track.hour_utc), encoding="ascii")


def _axes(grid: Grid) -> tuple[Degrees, Degrees]:
    """Longitudes eastwards and latitudes southwards that cover a grid with a margin."""
    a, _, x, _, e, y = grid.affine[:6]
    to_degrees = Transformer.from_crs(grid.crs_wkt, "EPSG:4326", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(x, y + e * grid.height, x + a * grid.width, y)
    columns, rows = (math.ceil((span + 2 * _MARGIN_DEGREES) / _STEP_DEGREES) for span in (east - west, north - south))
    longitude = west - _MARGIN_DEGREES + _STEP_DEGREES * np.arange(columns)
    return longitude, north + _MARGIN_DEGREES - _STEP_DEGREES * np.arange(rows)


def _pixels(grid: Grid, longitude: Degrees, latitude: Degrees) -> tuple[Degrees, Degrees]:
    """Rows and columns of a grid, counted from the first pixel's centre, at every longitude and latitude."""
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs_wkt, always_xy=True)
    x, y = to_grid.transform(*np.meshgrid(longitude, latitude))
    a, _, west, _, e, north = grid.affine[:6]
    rows: Degrees = (np.asarray(y) - north) / e - 0.5
    columns: Degrees = (np.asarray(x) - west) / a - 0.5
    return rows, columns


def _rsc(longitude: Degrees, latitude: Degrees, hour_utc: float) -> str:
    """Lay out the header; X_FIRST and Y_FIRST are the centre of the first pixel."""
    columns, rows = len(longitude), len(latitude)
    fields = {
        "WIDTH": columns, "FILE_LENGTH": rows, "XMIN": 0, "XMAX": columns - 1, "YMIN": 0, "YMAX": rows - 1,
        "X_FIRST": f"{longitude[0]:.9f}", "Y_FIRST": f"{latitude[0]:.9f}",
        "X_STEP": _STEP_DEGREES, "Y_STEP": -_STEP_DEGREES, "X_UNIT": "degres", "Y_UNIT": "degres",
        "Z_OFFSET": 0, "Z_SCALE": 1, "PROJECTION": "LATLON", "DATUM": "WGS84", "TIME_OF_DAY": hour_utc,
    }  # fmt: skip
    return "".join(f"{key:<14}{value}\n" for key, value in fields.items())

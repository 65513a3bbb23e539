"""Points of known rate, such as satellite navigation stations, that set level and slope of the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.sbas.corrections.ground import ControlPoint
from basinwatch.vectors import read_placed

RATE_COLUMN = "rate_mm_yr"


def read_control_points(path: str | Path, grid: Grid) -> list[ControlPoint]:
    """Read the points of a vector file with a column ``rate_mm_yr``, mm per year towards the satellite.

    Raises
    ------
    InputError
        If the file cannot be placed on the grid, holds other geometries than points, or a point has no rate.
    """
    found = read_placed(path, grid)
    kinds = sorted(set(found.geom_type.astype(str)))
    if kinds != ["Point"]:
        raise InputError(f"{path}: found {' and '.join(kinds) or 'nothing'}, expected points; give one per station.")
    if RATE_COLUMN not in found.columns:
        columns = ", ".join(name for name in found.columns if name != found.geometry.name) or "none"
        raise InputError(
            f"{path}: found columns {columns}, expected {RATE_COLUMN} (mm per year towards the satellite); add it."
        )
    rates = found[RATE_COLUMN]
    if rates.dtype.kind not in "if" or not np.isfinite(rates).all():
        raise InputError(f"{path}: found a {RATE_COLUMN} that is no number, expected one per point; complete it.")
    return [ControlPoint(place, float(rate)) for place, rate in zip(found.geometry, rates, strict=True)]

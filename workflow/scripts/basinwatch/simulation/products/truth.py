"""What is true of a simulated stack: its mines, the displacement at any date, the rate over any time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass

from basinwatch.phase import SENTINEL1_WAVELENGTH_M, to_displacement_mm
from basinwatch.provenance import write_json
from basinwatch.rasters import write_raster
from basinwatch.simulation.deformation import Patch
from basinwatch.simulation.geometry import PHASE_PER_MM
from basinwatch.simulation.labels import basin_mask
from basinwatch.simulation.mines import Mine
from basinwatch.simulation.slides import slide_outlines
from basinwatch.simulation.stack import Pair, SimulatedStack
from basinwatch.vectors import write_geopackage

_DAYS_PER_YEAR = 365.25
_REVISIT_DAYS = 12
_SUMMARY_DAYS = 132


def displacement_mm(stack: SimulatedStack, day: date) -> NDArray[np.float32]:
    """Displacement towards the satellite from the first date until `day`, (y, x) in mm; subsidence is negative."""
    phase = stack.moved_phase(Pair(stack.first_date, day))
    return to_displacement_mm(phase, SENTINEL1_WAVELENGTH_M).astype(np.float32)


def rate_mm_per_year(stack: SimulatedStack, days: Sequence[date]) -> NDArray[np.float32]:
    """Slope of the line through the displacements at `days`, towards the satellite, (y, x) in mm per year."""
    years = np.array([(day - stack.first_date).days / _DAYS_PER_YEAR for day in days])
    weights = (years - years.mean()) / ((years - years.mean()) ** 2).sum()
    rate = np.zeros(stack.grid.shape, np.float32)
    for weight, day in zip(weights, days, strict=True):
        rate += np.float32(weight) * displacement_mm(stack, day)
    return rate


def mine_summary(stack: SimulatedStack, mine: Mine) -> dict[str, Any]:
    """Place, size and history of a mine, from its 12-day basins of the first four months it works.

    ``row``, ``col`` and ``radius_px`` (of the circle of equal area) describe all ground that sank visibly;
    ``los_mm_per_12_days`` is the largest line-of-sight peak.
    """
    first, last = mine.panels[0].first_day, mine.panels[-1].last_day
    begin = max(first, 0)
    basins = _basins(stack, mine, begin, min(last, begin + _SUMMARY_DAYS))
    covered = np.any([basin_mask(basin.phase) for basin in basins], axis=0)
    centre = center_of_mass(covered)
    return {
        "name": mine.name,
        "row": round(float(basins[0].row + centre[0]), 2),
        "col": round(float(basins[0].column + centre[1]), 2),
        "radius_px": round(math.sqrt(float(covered.sum()) / math.pi), 2),
        "los_mm_per_12_days": round(float(max(basin.phase.max() for basin in basins)) / PHASE_PER_MM, 2),
        "active_from": _iso(stack, first),
        "active_to": _iso(stack, last),
        "panels": [[_iso(stack, panel.first_day), _iso(stack, panel.last_day)] for panel in mine.panels],
    }


def _basins(stack: SimulatedStack, mine: Mine, begin: float, end: float) -> list[Patch]:
    """Phase of a mine in consecutive 12-day pairs, at least one; all on one window."""
    movements = [
        mine.movement(stack.ground.shape, stack.ground.spacing, day, day + _REVISIT_DAYS)
        for day in np.arange(begin, max(end - _REVISIT_DAYS, begin) + 1, _REVISIT_DAYS)
    ]
    return [movement.seen_along(stack.track.line) for movement in movements]


def _iso(stack: SimulatedStack, day: float) -> str:
    return (stack.first_date + timedelta(days=round(day))).isoformat()


def write_ground(stack: SimulatedStack, truth: Path, heights: Path) -> None:
    """Write the mines as JSON and the heights in metres as GeoTIFF."""
    write_json(truth, [mine_summary(stack, mine) for mine in stack.ground.mines])
    write_raster(heights, stack.ground.heights_m, stack.grid, bands=["height_m"], units="m")


def write_rate(stack: SimulatedStack, pair: Pair, rate: Path) -> None:
    """Write the mean rate between two dates, towards the satellite, as GeoTIFF in mm per year."""
    values = rate_mm_per_year(stack, pair)
    write_raster(rate, values, stack.grid, bands=["rate_mm_yr"], units="mm/yr", tags={"SIGN": "towards_positive"})


def write_slides(stack: SimulatedStack, slides: Path) -> None:
    """Write the outlines and rates of the slopes that creep downhill as a GeoPackage with a layer ``slides``."""
    write_geopackage(slides, {"slides": slide_outlines(stack.ground.slides, stack.grid)})

"""From ground movement to interferometric phase: the satellite's line of sight."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.phase import SENTINEL1_WAVELENGTH_M

PHASE_PER_MM = 4 * math.pi / (SENTINEL1_WAVELENGTH_M * 1000)
SLANT_RANGE_M = 850_000.0


def line_of_sight(incidence_deg: float, heading_deg: float) -> tuple[float, float, float]:
    """East, north and up parts of the unit vector from the ground to a right-looking satellite.

    Parameters
    ----------
    incidence_deg
        Incidence angle from the vertical.
    heading_deg
        Flight direction, clockwise from north (about -12 ascending, 192 descending).
    """
    incidence, heading = math.radians(incidence_deg), math.radians(heading_deg)
    horizontal = math.sin(incidence)
    return -horizontal * math.cos(heading), horizontal * math.sin(heading), math.cos(incidence)


def los_phase(
    east_mm: NDArray[np.floating[Any]] | float,
    north_mm: NDArray[np.floating[Any]] | float,
    up_mm: NDArray[np.floating[Any]] | float,
    line: tuple[float, float, float],
) -> Any:
    """Phase in radians of a ground movement in mm; motion away from the satellite is positive."""
    east, north, up = line
    return -PHASE_PER_MM * (east * east_mm + north * north_mm + up * up_mm)


def height_phase(height_error_m: float, baseline_m: float, incidence_deg: float) -> float:
    """Phase in radians that an elevation error leaves at a perpendicular baseline (both in metres)."""
    sensitivity = 1000 * PHASE_PER_MM / (SLANT_RANGE_M * math.sin(math.radians(incidence_deg)))
    return sensitivity * baseline_m * height_error_m

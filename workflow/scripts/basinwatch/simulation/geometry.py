"""From ground movement to interferometric phase: the satellite's line of sight."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from basinwatch.phase import SENTINEL1_WAVELENGTH_M

PHASE_PER_MM = 4 * math.pi / (SENTINEL1_WAVELENGTH_M * 1000)
SLANT_RANGE_M = 850_000.0


class Spacing(NamedTuple):
    """Distance of neighbouring pixels in metres, along a column (y) and along a row (x)."""

    y: float
    x: float


def line_of_sight(
    incidence_deg: float, heading_deg: float, looking: Literal["right", "left"] = "right"
) -> tuple[float, float, float]:
    """East, north and up parts of the unit vector from the ground to the satellite.

    Parameters
    ----------
    incidence_deg
        Incidence angle from the vertical.
    heading_deg
        Flight direction, clockwise from north (about -12 ascending, 192 descending).
    looking
        Side of the flight direction on which the ground lies; Sentinel-1 looks right.
    """
    incidence, heading = math.radians(incidence_deg), math.radians(heading_deg)
    horizontal = math.sin(incidence) if looking == "right" else -math.sin(incidence)
    return -horizontal * math.cos(heading), horizontal * math.sin(heading), math.cos(incidence)


def los_phase(
    east_mm: NDArray[np.floating[Any]] | float,
    north_mm: NDArray[np.floating[Any]] | float,
    up_mm: NDArray[np.floating[Any]] | float,
    line: tuple[float, float, float],
    sign: int = 1,
) -> Any:
    """Phase in radians of a ground movement in mm along the line of sight.

    Parameters
    ----------
    east_mm, north_mm, up_mm
        Movement, numbers or arrays of one shape.
    line
        Unit vector from the ground to the satellite, see :func:`line_of_sight`.
    sign
        1 where motion away from the satellite is positive (reference times conjugate of secondary),
        -1 for processors that conjugate.
    """
    east, north, up = line
    return -sign * PHASE_PER_MM * (east * east_mm + north * north_mm + up * up_mm)


def height_phase(height_error_m: float, baseline_m: float, incidence_deg: float) -> float:
    """Phase in radians that an elevation error leaves at a perpendicular baseline (both in metres)."""
    sensitivity = 1000 * PHASE_PER_MM / (SLANT_RANGE_M * math.sin(math.radians(incidence_deg)))
    return sensitivity * baseline_m * height_error_m

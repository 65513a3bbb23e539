"""What is known of a scene besides its pairs, and the sample of ground that corrections are estimated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely import Point
from shapely.geometry.base import BaseGeometry

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.sbas.corrections.delay import DelayMaps
from basinwatch.sbas.corrections.reference import ReferenceSettings, given_ground, near, stable_ground, thinned
from basinwatch.sbas.observations import Survey
from basinwatch.sbas.pixels import Pixels
from basinwatch.sbas.trend import DAYS_PER_YEAR

Bool = NDArray[np.bool_]

SENTINEL1_SLANT_RANGE_M = 850_000.0
_INSIDE_PX = 5_000


@dataclass(frozen=True)
class ControlPoint:
    """A place, in the grid's CRS, whose rate towards the satellite is known in mm per year."""

    place: Point
    rate_mm_per_year: float


@dataclass(frozen=True)
class Auxiliary:
    """What is known of a scene besides its pairs; everything may be missing.

    Parameters
    ----------
    detected
        Polygons of basins, in the grid's CRS: never stable ground.
    reference
        Points or polygons, in the grid's CRS, that replace the chosen reference set.
    control
        Points of known rate: reference and ramps are fitted to them instead of to stable ground.
    heights
        Raster in metres on the grid.
    incidence_deg
        Angle from the vertical: one number, or a raster on the grid.
    slant_range_m
        Distance to the satellite.
    baselines_m
        Perpendicular baseline of every date to any common orbit.
    delays
        Maps of the air's delay.
    """

    detected: Sequence[BaseGeometry] = ()
    reference: Sequence[BaseGeometry] = ()
    control: Sequence[ControlPoint] = ()
    heights: Path | None = None
    incidence_deg: Path | float | None = None
    slant_range_m: float = SENTINEL1_SLANT_RANGE_M
    baselines_m: Mapping[date, float] | None = None
    delays: DelayMaps | None = None

    def heights_at(self, pixels: Pixels) -> NDArray[np.float32] | None:
        """Metres (P,), or None where nothing is known."""
        return None if self.heights is None else pixels.read(self.heights)

    def incidence_at(self, pixels: Pixels) -> NDArray[np.float32] | float:
        """Degrees (P,), or one number; NaN where nothing is known."""
        if isinstance(self.incidence_deg, Path):
            return pixels.read(self.incidence_deg)
        return np.nan if self.incidence_deg is None else self.incidence_deg

    def require_incidence(self, what: str) -> None:
        """Refuse to go on without an angle.

        Raises
        ------
        InputError
            If there is none.
        """
        if self.incidence_deg is None:
            raise InputError(f"incidence: found none, expected an angle or a raster for {what}; give one of them.")


@dataclass(frozen=True)
class Ground:
    """Sampled pixels and what each of them is good for.

    Parameters
    ----------
    pixels
        The sample.
    stable
        (P,) candidates for stable ground.
    given
        (P,) reference named by the user.
    inside
        (P,) in detected basins.
    control_mm_per_year
        (P,) known rate towards the satellite; NaN elsewhere.
    """

    pixels: Pixels
    stable: Bool
    given: Bool
    inside: Bool
    control_mm_per_year: NDArray[np.float64]

    @property
    def controlled(self) -> Bool:
        """Pixels (P,) of known rate."""
        return np.isfinite(self.control_mm_per_year)

    @property
    def anchor(self) -> Bool:
        """Reference set (P,) of the pairs: what the user named, or else the stable ground."""
        return self.given if self.given.any() else self.stable

    @property
    def known(self) -> Bool:
        """Pixels (P,) that series are finally referred to: control points, or else the reference set."""
        return self.controlled if self.controlled.any() else self.anchor

    def motion_mm(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Known motion (dates, P) towards the satellite: that of the control points, none elsewhere."""
        return np.outer(days / DAYS_PER_YEAR, np.nan_to_num(self.control_mm_per_year))


def choose_ground(survey: Survey, auxiliary: Auxiliary, settings: ReferenceSettings, grid: Grid) -> Ground:
    """Choose the sample.

    Raises
    ------
    InputError
        If a reference or a control point named by the user cannot be used.
    """
    valid = survey.valid_share > 0
    stable = thinned(
        stable_ground(survey, near(auxiliary.detected, grid, settings.buffer_m), settings), settings.max_px
    )
    given = np.zeros(grid.shape, bool)
    if auxiliary.reference:
        given = thinned(given_ground(auxiliary.reference, auxiliary.detected, valid, grid, settings), settings.max_px)
    inside = thinned(near(auxiliary.detected, grid, 0) & valid, _INSIDE_PX)
    control = _control(auxiliary.control, valid, grid)
    pixels = Pixels.where(stable | given | inside | np.isfinite(control), grid)
    return Ground(pixels, *(pixels.of(mask) for mask in (stable, given, inside, control)))


def _control(points: Sequence[ControlPoint], valid: Bool, grid: Grid) -> NDArray[Any]:
    """Known rates (y, x); NaN elsewhere."""
    rates = np.full(grid.shape, np.nan)
    for point in points:
        pixel = near([point.place], grid, 0) & valid
        if not pixel.any():
            raise InputError(
                f"control point {point.place.x:g}, {point.place.y:g}: found no valid pixel there, expected one that "
                "was unwrapped; correct its coordinates or leave it out."
            )
        rates[pixel] = point.rate_mm_per_year
    return rates

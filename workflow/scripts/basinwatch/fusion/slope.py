"""Movement down the slope, from one line of sight or from east and up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.fusion.decomposition import LineOfSight

Array = NDArray[np.float64]

LEAST_SLOPE_DEG = 5.0
LEAST_R_INDEX = 0.3


@dataclass(frozen=True)
class Terrain:
    """Slope in degrees and azimuth of the way down in degrees clockwise from north (NaN on level ground), (y, x)."""

    slope_deg: Array
    aspect_deg: Array

    @classmethod
    def of(cls, heights_m: NDArray[np.floating[Any]], spacing_m: tuple[float, float]) -> Terrain:
        """Take central differences of heights (y, x), north row first, on rows and columns `spacing_m` apart."""
        south, east = np.gradient(heights_m.astype(np.float64), *spacing_m)
        rise = np.hypot(south, east)
        aspect = np.degrees(np.arctan2(-east, south)) % 360
        return cls(np.degrees(np.arctan(rise)), np.where(rise > 0, aspect, np.nan))

    def aspect_covariates(self, flat_deg: float = 1.0) -> tuple[Array, Array]:
        """Cosine and sine of the aspect for a regression; both 0 on ground flatter than `flat_deg`."""
        steep = self.slope_deg >= flat_deg
        angle = np.radians(np.where(steep, self.aspect_deg, 0))
        unknown = np.where(np.isfinite(self.slope_deg), 0, np.nan)
        return np.where(steep, np.cos(angle), unknown), np.where(steep, np.sin(angle), unknown)

    def downhill(self) -> LineOfSight:
        """Return the unit vector down the slope; NaN on level ground."""
        slope, aspect = np.radians(self.slope_deg), np.radians(self.aspect_deg)
        return LineOfSight(np.cos(slope) * np.sin(aspect), np.cos(slope) * np.cos(aspect), -np.sin(slope))


def from_line_of_sight(toward: NDArray[np.floating[Any]], line: LineOfSight, terrain: Terrain) -> tuple[Array, Array]:
    """Movement down the slope that explains movement towards the satellite.

    Returns
    -------
    movement
        v / (u·s), unit of `toward`, positive downhill; NaN on slopes below `LEAST_SLOPE_DEG`, and where the line of
        sight sees less than `LEAST_R_INDEX` of such a movement.
    r_index
        |u·s|, the share of it that the line of sight sees; NaN on level ground.
    """
    seen = line.along(terrain.downhill())
    usable = (terrain.slope_deg >= LEAST_SLOPE_DEG) & (np.abs(seen) >= LEAST_R_INDEX)
    return np.where(usable, toward / np.where(usable, seen, 1), np.nan), np.abs(seen)


def from_east_up(
    east: NDArray[np.floating[Any]],
    up: NDArray[np.floating[Any]],
    terrain: Terrain,
    added_by_north: tuple[float, float] = (0.0, 0.0),
) -> tuple[Array, Array]:
    """Movement down the slope that comes nearest to given movement east and up.

    Least squares along the slope's direction as east and up show it: where they were solved with motion to the north
    taken as none, a unit of it went into them (:func:`basinwatch.fusion.decomposition.neglected`).

    Parameters
    ----------
    east, up
        Movement (…, y, x) in one unit.
    terrain
        Where the way down leads.
    added_by_north
        What a unit of motion to the north added to east and to up.

    Returns
    -------
    movement
        Unit of `east`, positive downhill; NaN on slopes below `LEAST_SLOPE_DEG`, and where east and up show less than
        `LEAST_R_INDEX` of such a movement, as on gentle slopes to the north or south.
    r_index
        The share of it that they show; NaN on level ground.
    """
    down = terrain.downhill()
    across, along = (
        down.part(name) + added * down.part("north") for name, added in zip(("east", "up"), added_by_north, strict=True)
    )
    r_index = np.hypot(across, along)
    usable = (terrain.slope_deg >= LEAST_SLOPE_DEG) & (r_index >= LEAST_R_INDEX)
    movement = (east * across + up * along) / np.where(usable, r_index**2, 1)
    return np.where(usable, movement, np.nan), r_index

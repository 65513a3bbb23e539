"""Slopes of a simulated stack that creep downhill."""

from __future__ import annotations

import math
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.fusion.slope import Terrain
from basinwatch.grid import Grid
from basinwatch.simulation.geometry import Spacing
from basinwatch.simulation.mines import Movement
from basinwatch.simulation.randomness import Source, generator, log_uniform
from basinwatch.vectors import polygons_of

Field = NDArray[np.float32]

_DAYS_PER_YEAR = 365.25
_LEAST_SLOPE_DEG = 12.0
_SEPARATION_M, _ATTEMPTS = 700.0, 2000
_RADIUS_M, _AXIS_RATIO, _RATE_MM_YR = (120.0, 260.0), (1.0, 1.8), (25.0, 90.0)


@dataclass(frozen=True)
class Slide:
    """An ellipse of ground that moves down the slope at one rate.

    Parameters
    ----------
    row, column
        Its middle in pixels.
    radii_m
        Half axes down and across the slope.
    aspect_deg
        Azimuth of the axis down the slope, clockwise from north.
    rate_mm_yr
        Movement along the surface.
    """

    row: float
    column: float
    radii_m: tuple[float, float]
    aspect_deg: float
    rate_mm_yr: float

    def mask(self, shape: tuple[int, int], spacing: Spacing) -> NDArray[np.bool_]:
        """Pixels (y, x) whose centre lies inside."""
        south = (np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(self.row)) * np.float32(spacing.y)
        east = (np.arange(shape[1], dtype=np.float32)[None] - np.float32(self.column)) * np.float32(spacing.x)
        way = math.radians(self.aspect_deg)
        down = east * math.sin(way) - south * math.cos(way)
        across = east * math.cos(way) + south * math.sin(way)
        inside: NDArray[np.bool_] = np.hypot(down / self.radii_m[0], across / self.radii_m[1]) <= 1
        return inside

    def movement(self, heights_m: Field, spacing: Spacing, first_day: float, last_day: float) -> Movement:
        """Ground movement between two days: everywhere along the steepest way down."""
        inside = self.mask((heights_m.shape[0], heights_m.shape[1]), spacing)
        way = Terrain.of(heights_m, spacing).downhill()
        moved_mm = self.rate_mm_yr * (last_day - first_day) / _DAYS_PER_YEAR
        east, north, up = (np.where(inside, moved_mm * way.part(name), 0) for name in ("east", "north", "up"))
        return Movement(0, 0, *(np.nan_to_num(part).astype(np.float32) for part in (east, north, up)))


def draw_slides(seed: int, count: int, heights_m: Field, spacing: Spacing) -> tuple[Slide, ...]:
    """Draw slides on steep ground that keep their distance from each other and from the edges of the scene.

    A slide depends on those before it alone, so that a larger count leaves them as they are.

    Raises
    ------
    InputError
        If there is no room for so many on slopes that are steep enough.
    """
    terrain = Terrain.of(heights_m, spacing)
    found: list[Slide] = []
    for number in range(count):
        slide = _drawn(seed, number, terrain, spacing, found)
        if slide is None:
            raise InputError(
                f"simulated_stacks: found room for {number} slides on slopes of {_LEAST_SLOPE_DEG:.0f}° or more, "
                f"expected {count}; lower slides, or set elevation: true and raise relief_m."
            )
        found.append(slide)
    return tuple(found)


def _drawn(seed: int, number: int, terrain: Terrain, spacing: Spacing, taken: list[Slide]) -> Slide | None:
    """Draw one slide; None if many attempts find no place."""
    rng = generator(seed, number, Source.SLIDES)
    shape = terrain.slope_deg.shape
    margin = [math.ceil(_RADIUS_M[1] * _AXIS_RATIO[1] / step) for step in spacing]
    if any(side <= 2 * edge for side, edge in zip(shape, margin, strict=True)):
        return None
    for _ in range(_ATTEMPTS):
        row, column = (int(rng.integers(edge, side - edge)) for side, edge in zip(shape, margin, strict=True))
        far = all(
            math.hypot((row - other.row) * spacing.y, (column - other.column) * spacing.x) >= _SEPARATION_M
            for other in taken
        )
        if far and terrain.slope_deg[row, column] >= _LEAST_SLOPE_DEG:
            radius, ratio = log_uniform(rng, *_RADIUS_M), rng.uniform(*_AXIS_RATIO)
            aspect = float(terrain.aspect_deg[row, column])
            return Slide(row, column, (radius * ratio, radius), aspect, log_uniform(rng, *_RATE_MM_YR))
    return None


def slide_outlines(slides: tuple[Slide, ...], grid: Grid) -> gpd.GeoDataFrame:
    """Outline slides along pixel edges, with ``name`` (l1, l2, …) and ``rate_mm_yr``."""
    labels = np.zeros(grid.shape, np.int32)
    spacing = Spacing(grid.pixel_spacing_m[1], grid.pixel_spacing_m[0])
    for number, slide in enumerate(slides, 1):
        labels[slide.mask(grid.shape, spacing)] = number
    columns = {
        "name": np.array([f"l{number}" for number in range(1, len(slides) + 1)], object),
        "rate_mm_yr": np.array([slide.rate_mm_yr for slide in slides], np.float64),
    }
    return gpd.GeoDataFrame(columns, geometry=polygons_of(labels, grid), crs=grid.crs_wkt)

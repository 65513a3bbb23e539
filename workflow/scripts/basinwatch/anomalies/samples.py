"""Areas of a rate map that three rules call anomalous: closed, large enough, even inside and stepped at the border."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from basinwatch.grid import Grid
from basinwatch.vectors import polygons_of

Array = NDArray[np.float32]
Bool = NDArray[np.bool_]

_EIGHT = np.ones((3, 3), bool)
# Levels that one spread is cut into.
_FINENESS = 5


@dataclass(frozen=True)
class SampleSettings:
    """The rules of Zhang et al. (2022), section 4.1, made measurable.

    Parameters
    ----------
    min_cells
        Rule 3: fewest cells inside.
    max_spread_mm_yr
        Rule 1: largest difference of absolute rates inside.
    min_step_mm_yr
        Rule 2: the mean inside exceeds every cell of the rim by more.
    rim_px
        Where the rim lies, in cells outside the border: filters smear a border over some cells.
    smoothing_px
        Side of the median filter before the rules are applied, odd; 1 takes the rates as they are.
    max_open_share
        Rule 3, closed: largest share of the cells around an area that may be unknown or beyond the map.
    """

    min_cells: int = 16
    max_spread_mm_yr: float = 5.0
    min_step_mm_yr: float = 5.0
    rim_px: int = 2
    smoothing_px: int = 3
    max_open_share: float = 0.0


@dataclass(frozen=True)
class _Area:
    """Cells of a candidate: the corner of a window of the map, and a mask within it."""

    top: int
    left: int
    mask: Bool

    def of(self, values: Array) -> Array:
        """Values of its cells."""
        height, width = self.mask.shape
        inside: Array = values[self.top : self.top + height, self.left : self.left + width][self.mask]
        return inside

    def around(self, values: Array, distance_px: int) -> Array:
        """Values of the cells `distance_px` outside its border; NaN beyond the map."""
        by = distance_px
        wide = np.pad(self.mask, by)
        outer = ndimage.binary_dilation(wide, _EIGHT, by)
        ring = outer & ~(ndimage.binary_dilation(wide, _EIGHT, by - 1) if by > 1 else wide)
        rows, columns = np.nonzero(ring)
        rows, columns = rows + self.top - by, columns + self.left - by
        known = (rows >= 0) & (rows < values.shape[0]) & (columns >= 0) & (columns < values.shape[1])
        found = np.full(len(rows), np.nan, np.float32)
        found[known] = values[rows[known], columns[known]]
        return found


def extract_samples(rate_mm_yr: NDArray[np.floating[Any]], grid: Grid, settings: SampleSettings) -> gpd.GeoDataFrame:
    """Find the areas that fulfil all rules.

    Candidates are the connected areas above a level, for levels that rise by a fifth of the spread; of nested ones the
    largest counts.

    Parameters
    ----------
    rate_mm_yr
        Signed rate along the slope (y, x), NaN where unknown.

    Returns
    -------
    GeoDataFrame
        ``sample`` (s1, s2, … from north to south), ``cells``, ``area_m2``, ``rate_mm_yr`` (signed mean),
        ``spread_mm_yr``, ``step_mm_yr`` (mean inside less the largest of the rim), outline in the grid's CRS.
    """
    signed = smoothed(rate_mm_yr.astype(np.float32), settings.smoothing_px)
    size = np.abs(signed)
    found = sorted(_accepted(size, settings), key=lambda pair: (pair[0].top, pair[0].left))
    labels = np.zeros(grid.shape, np.int32)
    for number, (area, _) in enumerate(found, 1):
        height, width = area.mask.shape
        labels[area.top : area.top + height, area.left : area.left + width][area.mask] = number
    cells = np.array([np.count_nonzero(area.mask) for area, _ in found], np.int64)
    columns = {
        "sample": np.array([f"s{number}" for number in range(1, len(found) + 1)], object),
        "cells": cells,
        "area_m2": cells * grid.pixel_area_m2,
        "rate_mm_yr": np.array([area.of(signed).mean() for area, _ in found], np.float64),
        "spread_mm_yr": np.array([np.ptp(area.of(size)) for area, _ in found], np.float64),
        "step_mm_yr": np.array([step for _, step in found], np.float64),
    }
    return gpd.GeoDataFrame(columns, geometry=polygons_of(labels, grid), crs=grid.crs_wkt)


def smoothed(values: Array, side_px: int) -> Array:
    """Median filter that neither spreads unknown cells nor takes numbers from them."""
    unknown = np.isnan(values)
    if side_px == 1 or unknown.all():
        return values
    nearest = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    filtered: Array = ndimage.median_filter(values[tuple(nearest)], side_px)
    return np.where(unknown, np.float32(np.nan), filtered)


def _accepted(size: Array, settings: SampleSettings) -> Iterator[tuple[_Area, float]]:
    """Yield the areas that fulfil the rules, with their step."""
    step_up = settings.max_spread_mm_yr / _FINENESS
    level = np.float32(settings.min_step_mm_yr)
    waiting = [(area, level) for area in _areas_above(size, _Area(0, 0, np.ones(size.shape, bool)), level, settings)]
    while waiting:
        area, level = waiting.pop()
        if np.ptp(area.of(size)) > settings.max_spread_mm_yr:
            higher = np.float32(level + step_up)
            waiting += [(inner, higher) for inner in _areas_above(size, area, higher, settings)]
            continue
        step = _step(size, area, settings)
        if step > settings.min_step_mm_yr:
            yield area, step


def _areas_above(size: Array, area: _Area, level: np.float32, settings: SampleSettings) -> Iterator[_Area]:
    """Yield the connected parts of an area whose cells reach a level, those with enough cells."""
    height, width = area.mask.shape
    window = size[area.top : area.top + height, area.left : area.left + width]
    labels, _ = ndimage.label(area.mask & (window >= level), _EIGHT)
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        mask = labels[place] == number
        if np.count_nonzero(mask) >= settings.min_cells:
            yield _Area(area.top + place[0].start, area.left + place[1].start, mask)


def _step(size: Array, area: _Area, settings: SampleSettings) -> float:
    """How far the mean inside exceeds every cell of the rim; −inf for an area that is not closed."""
    beside = np.isnan(area.around(size, 1))
    rim = area.around(size, settings.rim_px)
    if beside.mean() > settings.max_open_share or np.isnan(rim).all():
        return -np.inf
    return float(area.of(size).mean(dtype=np.float64) - np.nanmax(rim))

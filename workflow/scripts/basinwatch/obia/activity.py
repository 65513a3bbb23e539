"""Activity of a patch, read from the rates of the ground around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from basinwatch.grid import Grid
from basinwatch.layer_styles import Style
from basinwatch.vectors import footprints

POSITIVE, NEGATIVE, NONE, DECORRELATED, UNKNOWN = "positive", "negative", "none", "decorrelated", "unknown"
COLORS = {POSITIVE: "#0072B2", NEGATIVE: "#D55E00", NONE: "#7A6A00", DECORRELATED: "#B0307F", UNKNOWN: "#5b6670"}
STYLE = Style(COLORS, "activity")
_EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True)
class RateAround:
    """A rate map.

    Parameters
    ----------
    rate_mm_yr
        (y, x), NaN where it does not count as measured.
    covered
        bool (y, x): where there were interferograms at all.
    grid
        Of both.
    """

    rate_mm_yr: NDArray[np.float32]
    covered: NDArray[np.bool_]
    grid: Grid


@dataclass(frozen=True)
class ActivitySettings:
    """What counts as activity.

    Parameters
    ----------
    radius_m
        Ground this close to a patch belongs to it.
    rate_mm_yr
        Faster ground moves.
    min_moving_px
        So many pixels that touch must move the same way, near the patch or beyond; fewer are noise.
    min_measured_share
        A patch without moving ground around it is decorrelated where a smaller share of it is measured.
    """

    radius_m: float = 500.0
    rate_mm_yr: float = 5.0
    min_moving_px: int = 10
    min_measured_share: float = 0.3


def moving_ground(rate_mm_yr: NDArray[np.floating[Any]], settings: ActivitySettings) -> NDArray[np.int8]:
    """Where ground rises (1) or sinks (−1) faster than `rate_mm_yr` in groups that are large enough; 0 elsewhere.

    Pixels touch at sides and corners. Of noise with a standard deviation of half the limit two pixels in a hundred
    exceed it, so that some always lie within the radius, but they hardly ever hang together.

    Parameters
    ----------
    rate_mm_yr
        (y, x), NaN where not measured.
    """
    moving = np.zeros(rate_mm_yr.shape, np.int8)
    for sign in (1, -1):
        groups, count = ndimage.label(sign * rate_mm_yr > settings.rate_mm_yr, structure=_EIGHT)
        is_large = np.bincount(groups.ravel(), minlength=count + 1) >= settings.min_moving_px
        is_large[0] = False
        moving[is_large[groups]] = sign
    return moving


def classify(moving: NDArray[np.integer[Any]], measured_share: float, settings: ActivitySettings) -> str:
    """Name what a patch's surroundings do.

    Parameters
    ----------
    moving
        Of all measured pixels around it, as :func:`moving_ground` gives it.
    measured_share
        Of the patch itself; NaN where no rate map covers it.

    Returns
    -------
    str
        ``positive`` or ``negative`` by the larger number of moving pixels, ``decorrelated``, ``none``, or ``unknown``
        where no rate map covers the patch.
    """
    risen, sunk = (moving > 0).sum(), (moving < 0).sum()
    if risen or sunk:
        return POSITIVE if risen > sunk else NEGATIVE
    if np.isnan(measured_share):
        return UNKNOWN
    return DECORRELATED if measured_share < settings.min_measured_share else NONE


def add_activity(patches: gpd.GeoDataFrame, maps: Sequence[RateAround], settings: ActivitySettings) -> gpd.GeoDataFrame:
    """Add to patches what the rate maps say of them; pixels of several maps count together.

    Returns
    -------
    GeoDataFrame
        With `activity`, `rate_mm_yr` (mean of the ground that moves the way the class says, else of all), `moving_px`,
        `measured_px` and `measured_share` (of the patch itself).
    """
    metric = patches.to_crs(patches.estimate_utm_crs()) if len(patches) and patches.crs.is_geographic else patches
    around = gpd.GeoSeries(metric.buffer(settings.radius_m), crs=metric.crs)
    rates: list[list[NDArray[np.floating[Any]]]] = [[] for _ in range(len(patches))]
    moving: list[list[NDArray[np.int8]]] = [[] for _ in range(len(patches))]
    measured = np.zeros((len(patches), 2))
    for found in maps:
        moves = moving_ground(found.rate_mm_yr, settings)
        wide, own = (footprints(shapes.to_crs(found.grid.crs_wkt), found.grid) for shapes in (around, patches.geometry))
        for number, (place, inside) in enumerate(zip(wide, own, strict=True)):
            values = place.of(found.rate_mm_yr)
            rates[number].append(values[np.isfinite(values)])
            moving[number].append(place.of(moves)[np.isfinite(values)])
            seen = inside.of(found.covered) if inside.mask.any() else place.of(found.covered)
            known = np.isfinite((inside if inside.mask.any() else place).of(found.rate_mm_yr))
            measured[number] += known[seen].sum(), seen.sum()
    rows = [
        _row(np.concatenate([*values, []]), np.concatenate([*moves, []]), shares, settings)
        for values, moves, shares in zip(rates, moving, measured, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["activity", "rate_mm_yr", "moving_px", "measured_px", "measured_share"])
    return patches.reset_index(drop=True).join(table)


def _row(
    rates: NDArray[np.floating[Any]],
    moving: NDArray[Any],
    measured: NDArray[np.float64],
    settings: ActivitySettings,
) -> tuple[str, float, int, int, float]:
    """Columns of one patch."""
    share = float(measured[0] / measured[1]) if measured[1] else np.nan
    activity = classify(moving, share, settings)
    sign = {POSITIVE: 1, NEGATIVE: -1}.get(activity)
    shown = rates if sign is None else rates[moving == sign]
    mean = float(shown.mean(dtype=np.float64)) if shown.size else np.nan
    return activity, mean, 0 if sign is None else int(shown.size), int(rates.size), share

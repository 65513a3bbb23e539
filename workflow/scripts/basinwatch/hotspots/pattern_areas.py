"""Outlines of ground on which hot spots develop alike."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from basinwatch.grid import Grid
from basinwatch.hotspots.clusters import KINDS
from basinwatch.hotspots.emerging import Pattern
from basinwatch.vectors import polygons_of

_EIGHT = np.ones((3, 3), int)


def pattern_areas(
    pattern: NDArray[np.floating], tau: NDArray[np.floating], grid: Grid, min_px: int
) -> gpd.GeoDataFrame:
    """Outline the 8-connected areas of every pattern.

    Parameters
    ----------
    pattern
        (y, x) :class:`Pattern` times the sign of the hot spot; NaN where nothing was scored.
    tau
        (y, x) Kendall's tau of the score over the epochs, −1…1.
    min_px
        Smaller areas are dropped.

    Returns
    -------
    GeoDataFrame
        ``zone`` (e1…eN by falling area), ``pattern``, ``kind`` (as of clusters), ``area_m2``, ``mean_tau``, geometry in
        the grid's CRS.
    """
    labels, count, rows = np.zeros(pattern.shape, np.int32), 0, []
    for kind, sign in KINDS.items():
        for each in Pattern:
            if each is Pattern.NONE:
                continue
            found = _large_parts(pattern == sign * each, min_px)
            labels[found > 0] = found[found > 0] + count
            parts = int(found.max(initial=0))
            count += parts
            rows += [{"pattern": each.name.lower(), "kind": kind}] * parts
    pixels = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    frame = gpd.GeoDataFrame(
        {name: [row[name] for row in rows] for name in ("pattern", "kind")},
        geometry=polygons_of(labels, grid),
        crs=grid.crs_wkt,
    )
    mean_tau = np.bincount(labels.ravel(), np.nan_to_num(tau).ravel(), count + 1)[1:] / pixels
    frame = frame.assign(area_m2=pixels * grid.pixel_area_m2, mean_tau=mean_tau)
    frame = frame.sort_values("area_m2", ascending=False, kind="stable", ignore_index=True)
    frame.insert(0, "zone", np.array([f"e{number}" for number in range(1, count + 1)], object))
    return frame[["zone", "pattern", "kind", "area_m2", "mean_tau", "geometry"]]


def _large_parts(mask: NDArray[np.bool_], min_px: int) -> NDArray[np.int32]:
    """Label the connected parts of a mask that are large enough, 1…n."""
    labels, count = ndimage.label(mask, _EIGHT)
    kept = np.bincount(labels.ravel(), minlength=count + 1) >= min_px
    kept[0] = False
    numbers: NDArray[np.int32] = np.where(kept, kept.cumsum(), 0).astype(np.int32)[labels]
    return numbers

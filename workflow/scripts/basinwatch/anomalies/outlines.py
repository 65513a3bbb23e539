"""Anomalies with the numbers that describe them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from basinwatch.grid import Grid
from basinwatch.layer_styles import Style
from basinwatch.rasters import read_bands
from basinwatch.vectors import Footprint, footprints

COLUMNS = ("anomaly", "score", "area_m2", "mean_mm_yr", "extreme_mm_yr", "slope_deg", "aspect_deg", "measured_share")
SLOPE_BANDS = ("downslope_mm_yr", "slope_deg", "aspect_deg")
STYLES = {"anomalies": Style({"anomaly": "#D55E00"})}


def describe_anomalies(found: gpd.GeoDataFrame, slope: Path, grid: Grid) -> gpd.GeoDataFrame:
    """Describe outlines by the rates and the terrain inside.

    Parameters
    ----------
    found
        Outlines in the grid's coordinate system; a column ``score`` is kept.
    slope
        Raster with the bands `SLOPE_BANDS` on the grid.

    Returns
    -------
    GeoDataFrame
        Columns `COLUMNS`: a1, a2, …, largest first; score (NaN where only rules decided), area, mean rate down the
        slope, the rate of the largest size, mean slope, azimuth of the mean way down, share of the cells with a rate.
    """
    bands = dict(zip(SLOPE_BANDS, read_bands(slope, *SLOPE_BANDS), strict=True))
    rows = [_numbers(place, bands) for place in footprints(found.geometry, grid)]
    numbers = {name: np.array([row[name] for row in rows], np.float64) for name in COLUMNS[3:]}
    score = found["score"].to_numpy(np.float64) if "score" in found else np.full(len(found), np.nan)
    frame = found[["area_m2", "geometry"]].assign(score=score, **numbers)
    frame = frame.sort_values("area_m2", ascending=False, kind="stable", ignore_index=True)
    frame.insert(0, "anomaly", np.array([f"a{number}" for number in range(1, len(frame) + 1)], object))
    return frame[[*COLUMNS, "geometry"]]


def _numbers(place: Footprint, bands: dict[str, NDArray[Any]]) -> dict[str, float]:
    """Numbers of one outline; NaN where nothing is known."""
    rate, slope, aspect = (place.of(bands[name]) for name in SLOPE_BANDS)
    known = np.isfinite(rate)
    way = np.radians(aspect[np.isfinite(aspect)])
    east, north = np.sin(way).sum(), np.cos(way).sum()
    return {
        "mean_mm_yr": _mean(rate),
        "extreme_mm_yr": float(rate[known][np.abs(rate[known]).argmax()]) if known.any() else np.nan,
        "slope_deg": _mean(slope),
        "aspect_deg": float(np.degrees(np.arctan2(east, north)) % 360) if way.size else np.nan,
        "measured_share": float(known.mean()) if known.size else np.nan,
    }


def _mean(values: NDArray[Any]) -> float:
    """Mean of the finite values; NaN without any."""
    finite = values[np.isfinite(values)]
    return float(finite.mean(dtype=np.float64)) if finite.size else np.nan

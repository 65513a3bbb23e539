"""Anomalies close to roads, rivers and other lines that people depend on, the most pressing first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from basinwatch.layer_styles import Style

COLUMNS = (
    "rank", "anomaly", "priority", "near", "distance_m", "mean_mm_yr", "extreme_mm_yr", "area_m2", "slope_deg",
    "aspect_deg", "score", "known",
)  # fmt: skip
LINE_COLOR = "#7A3E9D"
STYLES = {
    "hazards": Style({"hazard": "#8C1C13"}, opacity=0.5),
    "anomalies": Style({"anomaly": "#D55E00"}),
    "lines": Style({"line": LINE_COLOR}, is_line=True),
}


def rank_hazards(
    anomalies: gpd.GeoDataFrame,
    lines: Mapping[str, gpd.GeoDataFrame],
    distance_m: float,
    known: gpd.GeoDataFrame | None = None,
) -> gpd.GeoDataFrame:
    """Keep the anomalies near any line and rank them.

    A potential hazard after Zhang et al. (2022), section 5, lies within 1 km of a road or river; the paper does not
    rank them. Here every hazard gets its place, as a share of all, in rate, area, slope and nearness; their mean is the
    priority (Borda's count), so no unit has to be weighed against another.

    Parameters
    ----------
    anomalies
        As :func:`basinwatch.anomalies.outlines.describe_anomalies` gives them, in a coordinate system in metres.
    lines
        Roads, rivers and so on by name, in the same coordinate system.
    known
        Outlines or points of hazards that are on record.

    Returns
    -------
    GeoDataFrame
        Columns `COLUMNS`: rank from 1, priority in 0…1, the names of all lines within reach, the distance to the
        nearest, and whether a known hazard touches the anomaly (None without `known`).
    """
    distances = {name: _distances(anomalies, frame) for name, frame in lines.items()}
    table = pd.DataFrame(distances, index=anomalies.index, dtype="float64")
    nearest = table.min(axis=1).fillna(np.inf) if len(table.columns) else pd.Series(np.inf, anomalies.index)
    near = [", ".join(name for name in table if row[name] <= distance_m) for _, row in table.iterrows()]
    frame = anomalies.assign(distance_m=nearest, near=np.array(near, object), known=_touched(anomalies, known))
    frame = frame[frame["distance_m"] <= distance_m]
    frame = frame.assign(priority=priority(frame)).sort_values(
        ["priority", "distance_m"], ascending=[False, True], kind="stable", ignore_index=True
    )
    frame.insert(0, "rank", np.arange(1, len(frame) + 1))
    return frame[[*COLUMNS, "geometry"]]


def priority(hazards: pd.DataFrame) -> pd.Series:
    """Mean place in 0…1 by rate, area, slope and nearness; equal numbers share a place, an unknown one is last."""
    criteria = {
        "rate": hazards["mean_mm_yr"].abs(),
        "area": hazards["area_m2"],
        "slope": hazards["slope_deg"],
        "nearness": -hazards["distance_m"],
    }
    places = pd.DataFrame(criteria, dtype="float64").rank(method="average", na_option="top", pct=True)
    return places.mean(axis=1)


def lines_in_reach(
    anomalies: gpd.GeoDataFrame, lines: Mapping[str, gpd.GeoDataFrame], distance_m: float
) -> gpd.GeoDataFrame:
    """Keep of all files what anomalies lie near, for maps: ``line``, the name of its file, and its course.

    Of polygons, such as wide rivers, the course is their border.
    """
    names, courses = [], []
    for name, frame in lines.items():
        tree = shapely.STRtree(frame.geometry.array)
        near = tree.query(anomalies.geometry.array, predicate="dwithin", distance=distance_m)[1]
        shapes = shapely.force_2d(np.asarray(frame.geometry.array)[np.unique(near)])
        is_area = shapely.get_dimensions(shapes) == 2
        courses += list(np.where(is_area, shapely.boundary(shapes), shapes))
        names += [name] * len(shapes)
    return gpd.GeoDataFrame({"line": np.array(names, object)}, geometry=courses, crs=anomalies.crs)


def _distances(anomalies: gpd.GeoDataFrame, lines: gpd.GeoDataFrame) -> Any:
    """Distance of every anomaly to the nearest line, 0 where they touch; infinite without lines."""
    if lines.empty:
        return np.full(len(anomalies), np.inf)
    shapes = lines.geometry.array
    nearest = shapely.STRtree(shapes).nearest(anomalies.geometry.array)
    return shapely.distance(anomalies.geometry.array, shapes[nearest])


def _touched(anomalies: gpd.GeoDataFrame, known: gpd.GeoDataFrame | None) -> Any:
    """Whether a known hazard touches each anomaly; None for all where none is on record."""
    if known is None:
        return np.full(len(anomalies), None, object)
    touched = np.zeros(len(anomalies), bool)
    if len(known):
        touched[shapely.STRtree(anomalies.geometry.array).query(known.geometry.array, predicate="intersects")[1]] = True
    return touched


def summarise(
    anomalies: gpd.GeoDataFrame,
    hazards: gpd.GeoDataFrame,
    lines: Sequence[str],
    distance_m: float,
    remarks: Sequence[str],
) -> dict[str, Any]:
    """Count, for the report, with the names of the lines and the remarks on their files."""
    known = [flag for flag in hazards["known"] if flag is not None]
    return {
        "anomalies": len(anomalies),
        "hazards": len(hazards),
        "lines": list(lines),
        "distance_m": distance_m,
        "known": int(sum(known)) if known else None,
        "remarks": list(remarks),
    }

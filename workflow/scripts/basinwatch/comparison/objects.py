"""Which basins the rate map shows, which clusters the detections show, and why the others are missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from basinwatch.comparison.gradients import network_gradients
from basinwatch.comparison.inputs import MEASURED, NOT_MEASURED, OUTSIDE, Campaign, ComparisonSettings, SbasMaps
from basinwatch.comparison.reasons import (
    EXTRA,
    MATCHED,
    MISSED,
    NOT_ASSESSABLE,
    REASONS,
    Evidence,
    gather,
    judge,
    oversight,
)
from basinwatch.comparison.scores import (
    ACTIVE_EDGES_DAYS,
    AREA_EDGES_M2,
    RATE_EDGES_MM_YR,
    agreement,
    recall_curves,
    references,
)
from basinwatch.grid import Grid
from basinwatch.vectors import burn, footprints

_NUMBERS = [field.name for field in fields(Evidence)]
_COLUMNS = ["object", "source", "status", "reason", "partners", *_NUMBERS, "geometry"]
_STATES = {"outside": OUTSIDE, "not_measured": NOT_MEASURED, "measured": MEASURED}


@dataclass(frozen=True)
class Comparison:
    """Result of :func:`compare`.

    Parameters
    ----------
    objects
        One row per basin, and per cluster without basin: ``object``, ``source`` (detected, sbas), ``status``
        (matched; missed: SBAS only; extra: detected only; not_assessable: detected where SBAS is blind),
        ``reason`` (of the last three), ``partners``, ``area_m2``, the numbers of
        :class:`basinwatch.comparison.reasons.Evidence`, geometry.
    overlaps
        See :func:`overlap_table`.
    curves
        See :func:`basinwatch.comparison.scores.recall_curves`; ``side`` says whose objects are counted (sbas: how
        many clusters are detected; detected: how many basins the rate map shows).
    summary
        Objects per status and per reason, pixels per state of the rate map, scores of the basins against the
        clusters (``pixels``) and against classes of the rate map (``classes``).
    """

    objects: gpd.GeoDataFrame
    overlaps: pd.DataFrame
    curves: pd.DataFrame
    summary: dict[str, Any]

    def blind(self) -> gpd.GeoDataFrame:
        """Give the basins that wrapped phase shows and the rate map does not, largest first, with the numbers why."""
        own = self.objects[(self.objects["source"] == "detected") & (self.objects["status"] != MATCHED)]
        named = own.drop(columns=["source", "partners"]).rename(columns={"object": "basin"})
        return named.sort_values("area_m2", ascending=False, kind="stable", ignore_index=True)


def compare(
    basins: gpd.GeoDataFrame,
    clusters: gpd.GeoDataFrame,
    sbas: SbasMaps,
    grid: Grid,
    settings: ComparisonSettings,
    campaign: Campaign | None = None,
    gradients: pd.DataFrame | None = None,
) -> Comparison:
    """Compare detected basins with the subsidence clusters of the SBAS rate.

    Parameters
    ----------
    basins
        Outlines with column ``basin`` and, if known, ``active_days``; in the grid's CRS.
    clusters
        Outlines of subsidence with column ``cluster``, in the grid's CRS.
    campaign
        The pairs behind both; without it no reason depends on time.
    gradients
        Result of :func:`basinwatch.comparison.gradients.fringe_gradients`; without it only the temporal coherence
        tells that a basin is too steep.
    """
    overlaps = overlap_table(basins, clusters, settings, grid)
    matches = overlaps[overlaps["matched"]]
    steepness = {} if campaign is None or gradients is None else network_gradients(gradients, campaign.network_pairs)
    found = _judged_basins(basins, matches, sbas, grid, settings, campaign, steepness)
    reference = _judged_clusters(clusters, overlaps, sbas, grid, settings, campaign)
    objects = pd.concat([found, reference[reference["status"] == MISSED]], ignore_index=True)
    scores = _scores(basins, clusters, sbas, grid, settings)
    return Comparison(objects, overlaps, _curves(found, reference), _counts(objects) | scores)


def overlap_table(
    basins: gpd.GeoDataFrame, clusters: gpd.GeoDataFrame, settings: ComparisonSettings, grid: Grid
) -> pd.DataFrame:
    """List all basins and clusters that share area.

    Returns
    -------
    DataFrame
        ``basin``, ``cluster``, ``area_m2`` (shared), ``iou``, ``share_of_basin``, ``share_of_cluster``,
        ``centroid_distance_m``, ``matched``.
    """
    left, right = _in_metres(basins.geometry, grid), _in_metres(clusters.geometry, grid)
    near = shapely.STRtree(right).query(left, predicate="intersects")
    first, second = near[:, np.lexsort(near[::-1])]
    shared = shapely.area(shapely.intersection(left[first], right[second]))
    area, other = shapely.area(left[first]), shapely.area(right[second])
    table = pd.DataFrame(
        {
            "basin": basins["basin"].to_numpy()[first],
            "cluster": clusters["cluster"].to_numpy()[second],
            "area_m2": shared,
            "iou": shared / (area + other - shared),
            "share_of_basin": shared / area,
            "share_of_cluster": shared / other,
            "centroid_distance_m": shapely.distance(shapely.centroid(left[first]), shapely.centroid(right[second])),
        }
    )
    smaller = table[["share_of_basin", "share_of_cluster"]].max(axis=1)
    table["matched"] = (table["iou"] >= settings.min_iou) | (smaller >= settings.min_overlap)
    return table[shared > 0].reset_index(drop=True)


def _in_metres(geometries: gpd.GeoSeries, grid: Grid) -> NDArray[Any]:
    """Place geometries of the grid's CRS, which may count degrees or pixels, on a plane in metres."""
    place = np.array([*~grid.affine]).reshape(3, 3)[:2]
    spacing = np.array(grid.pixel_spacing_m)
    placed: NDArray[Any] = shapely.transform(
        geometries.to_numpy(), lambda xy: (xy @ place[:, :2].T + place[:, 2]) * spacing
    )
    return placed


def _judged_basins(
    basins: gpd.GeoDataFrame,
    matches: pd.DataFrame,
    sbas: SbasMaps,
    grid: Grid,
    settings: ComparisonSettings,
    campaign: Campaign | None,
    steepness: Mapping[str, NDArray[np.float64]],
) -> gpd.GeoDataFrame:
    """Object rows of all basins."""
    partners = matches.groupby("basin")["cluster"].agg(" ".join)
    days = basins["active_days"] if "active_days" in basins else [np.nan] * len(basins)
    rows = []
    for name, active, outline, place in zip(
        basins["basin"], days, basins.geometry, footprints(basins.geometry, grid), strict=True
    ):
        evidence = gather(place, sbas, float(active), steepness.get(name), campaign, settings)
        status, reason = judge(name in partners.index, evidence, place, sbas, settings)
        rows.append((name, "detected", status, reason, partners.get(name, ""), *astuple(evidence), outline))
    return _framed(rows, grid)


def _judged_clusters(
    clusters: gpd.GeoDataFrame,
    overlaps: pd.DataFrame,
    sbas: SbasMaps,
    grid: Grid,
    settings: ComparisonSettings,
    campaign: Campaign | None,
) -> gpd.GeoDataFrame:
    """Object rows of all clusters."""
    touched = overlaps.groupby("cluster")["matched"].any()
    rows = []
    for name, outline, place in zip(
        clusters["cluster"], clusters.geometry, footprints(clusters.geometry, grid), strict=True
    ):
        evidence = gather(place, sbas, np.nan, None, campaign, settings)
        matched = bool(touched.get(name, False))
        reason = "" if matched else oversight(name in touched, evidence.min_rate, place, campaign, settings)
        rows.append((name, "sbas", MATCHED if matched else MISSED, reason, "", *astuple(evidence), outline))
    return _framed(rows, grid)


def _framed(rows: list[tuple[Any, ...]], grid: Grid) -> gpd.GeoDataFrame:
    """Object table of rows, with areas on the ground."""
    frame = gpd.GeoDataFrame(rows, columns=_COLUMNS, geometry="geometry", crs=grid.crs_wkt)
    frame = frame.astype(dict.fromkeys(_NUMBERS, "float64"))
    frame.insert(5, "area_m2", shapely.area(_in_metres(frame.geometry, grid)))
    return frame


def _curves(found: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Recall of clusters by rate and area, of basins by area and activity."""
    sides = {
        "sbas": (reference, {"min_rate": RATE_EDGES_MM_YR, "area_m2": AREA_EDGES_M2}),
        "detected": (found, {"area_m2": AREA_EDGES_M2, "active_days": ACTIVE_EDGES_DAYS}),
    }
    curves = [
        recall_curves(objects.assign(matched=objects["status"] == MATCHED), edges).assign(side=side)
        for side, (objects, edges) in sides.items()
    ]
    return pd.concat(curves, ignore_index=True)


def _counts(objects: pd.DataFrame) -> dict[str, Any]:
    """Count objects by status, and by reason within each status that has reasons."""
    status = objects["status"].value_counts()
    counts: dict[str, Any] = {
        "objects": {name: int(status.get(name, 0)) for name in (MATCHED, MISSED, EXTRA, NOT_ASSESSABLE)}
    }
    for name, reasons in REASONS.items():
        found = objects.loc[objects["status"] == name, "reason"].value_counts()
        counts[name] = {reason: int(found.get(reason, 0)) for reason in reasons}
    return counts


def _scores(
    basins: gpd.GeoDataFrame, clusters: gpd.GeoDataFrame, sbas: SbasMaps, grid: Grid, settings: ComparisonSettings
) -> dict[str, Any]:
    """Score the basins pixel by pixel on measured ground."""
    state, detected = sbas.state(), burn(basins.geometry, grid)
    measured = state == MEASURED
    classes = references(sbas, settings.stable_mm_yr)
    return {
        "states": {name: int((state == value).sum()) for name, value in _STATES.items()},
        "pixels": agreement(detected, burn(clusters.geometry, grid), measured),
        "classes": {name: agreement(detected, reference, measured) for name, reference in classes.items()},
        "pixel_area_m2": grid.pixel_area_m2,
    }

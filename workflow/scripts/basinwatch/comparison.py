"""What the detections see and the SBAS rate map does not, and the other way round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from basinwatch.grid import Grid
from basinwatch.vectors import Footprint, burn, footprints

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

MATCHED, MISSED, EXTRA, NOT_ASSESSABLE = "matched", "missed", "extra", "not_assessable"
DECORRELATED = "decorrelated"
ALIASED = "unwrapping failed (rate aliased)"
TOO_FEW = "too few pairs"
NO_RATE = "no rate"


@dataclass(frozen=True)
class ComparisonSettings:
    """When two outlines are the same place, and when SBAS could have seen a place at all.

    Parameters
    ----------
    min_iou, min_overlap
        A basin and a cluster match at this intersection over union, or this intersection over the smaller area.
    min_measured_share
        Share of a basin's core that SBAS must measure for its answer to mean anything.
    min_coherence, min_temporal_coherence
        Below them a pixel is decorrelated, or its unwrapping is inconsistent.
    """

    min_iou: float = 0.10
    min_overlap: float = 0.25
    min_measured_share: float = 0.5
    min_coherence: float = 0.3
    min_temporal_coherence: float = 0.7


@dataclass(frozen=True)
class SbasMaps:
    """Rasters (y, x) of the rate on the grid of the comparison.

    Parameters
    ----------
    rate
        mm/yr, NaN without.
    temporal_coherence, mean_coherence
        0…1, NaN where unknown.
    measured
        Where the rate can be believed.
    """

    rate: Float
    temporal_coherence: Float
    mean_coherence: Float
    measured: Bool


def compare(
    basins: gpd.GeoDataFrame, clusters: gpd.GeoDataFrame, sbas: SbasMaps, grid: Grid, settings: ComparisonSettings
) -> tuple[gpd.GeoDataFrame, pd.DataFrame, dict[str, Any]]:
    """Compare detected basins with the subsidence clusters of the SBAS rate.

    Parameters
    ----------
    basins
        Outlines with column ``basin``, in the grid's CRS.
    clusters
        Outlines of subsidence with column ``cluster``, in the grid's CRS.

    Returns
    -------
    objects : GeoDataFrame
        One row per basin, and per cluster without basin: ``object``, ``source`` (detected, sbas), ``status``
        (matched; missed: SBAS only; extra: detected only; not_assessable: detected where SBAS is blind),
        ``reason`` (why SBAS is blind, else ""), ``partners``, ``measured_share``,
        ``core_measured_share``, ``mean_rate``, ``min_rate`` (mm/yr on measured pixels), geometry.
    overlaps : DataFrame
        One row per basin and cluster that touch: ``basin``, ``cluster``, ``iou``, ``share_of_basin``,
        ``share_of_cluster``, ``matched``.
    summary : dict
        Objects per status and per reason, and ``pixels`` (see :func:`agreement`).
    """
    overlaps = overlap_table(basins, clusters, settings)
    matches = overlaps[overlaps["matched"]]
    partners = matches.groupby("basin")["cluster"].agg(" ".join)
    rows = []
    for name, outline, place in zip(basins["basin"], basins.geometry, footprints(basins.geometry, grid), strict=True):
        status, reason = _judge(name in partners.index, place.core(), sbas, settings)
        rows.append(_row(name, "detected", status, reason, partners.get(name, ""), place, sbas, outline))
    alone = clusters[~clusters["cluster"].isin(matches["cluster"])]
    for name, outline, place in zip(alone["cluster"], alone.geometry, footprints(alone.geometry, grid), strict=True):
        rows.append(_row(name, "sbas", MISSED, "", "", place, sbas, outline))
    objects = gpd.GeoDataFrame(rows, columns=_COLUMNS, geometry="geometry", crs=grid.crs_wkt)
    pixels = agreement(burn(basins.geometry, grid), burn(clusters.geometry, grid), sbas.measured)
    return objects, overlaps, _summary(objects, pixels, grid)


_COLUMNS = [
    "object", "source", "status", "reason", "partners", "measured_share", "core_measured_share", "mean_rate",
    "min_rate", "geometry",
]  # fmt: skip


def overlap_table(basins: gpd.GeoDataFrame, clusters: gpd.GeoDataFrame, settings: ComparisonSettings) -> pd.DataFrame:
    """Table of all basins and clusters that share area (see :func:`compare`)."""
    left, right = basins.geometry.to_numpy(), clusters.geometry.to_numpy()
    near = shapely.STRtree(right).query(left, predicate="intersects")
    first, second = near[:, np.lexsort(near[::-1])]
    shared = shapely.area(shapely.intersection(left[first], right[second]))
    area, other = shapely.area(left[first]), shapely.area(right[second])
    table = pd.DataFrame(
        {
            "basin": basins["basin"].to_numpy()[first],
            "cluster": clusters["cluster"].to_numpy()[second],
            "iou": shared / (area + other - shared),
            "share_of_basin": shared / area,
            "share_of_cluster": shared / other,
        }
    )
    smaller = table[["share_of_basin", "share_of_cluster"]].max(axis=1)
    table["matched"] = (table["iou"] >= settings.min_iou) | (smaller >= settings.min_overlap)
    return table[shared > 0].reset_index(drop=True)


def _judge(matched: bool, core: Footprint, sbas: SbasMaps, settings: ComparisonSettings) -> tuple[str, str]:
    """Status and reason of one basin from its core.

    Where SBAS does not measure the core, a cluster on the flanks is no match: it misses what matters.
    """
    measured = core.of(sbas.measured)
    if measured.size and measured.mean() >= settings.min_measured_share:
        return (MATCHED if matched else EXTRA), ""
    return NOT_ASSESSABLE, blindness(core, sbas, settings)


def blindness(place: Footprint, sbas: SbasMaps, settings: ComparisonSettings) -> str:
    """Why SBAS does not measure a place: the reason most of its unmeasured pixels share.

    A pixel is decorrelated when its mean coherence is low; else it has no rate; else its unwrapping is
    inconsistent when the temporal coherence is low (fast motion aliases); else too few pairs are valid.
    """
    dark = ~place.of(sbas.measured)
    low = place.of(sbas.mean_coherence)[dark] < settings.min_coherence
    empty = ~np.isfinite(place.of(sbas.rate)[dark])
    torn = place.of(sbas.temporal_coherence)[dark] < settings.min_temporal_coherence
    reasons = np.select([low, empty, torn], [DECORRELATED, NO_RATE, ALIASED], TOO_FEW)
    counts = [(int((reasons == reason).sum()), reason) for reason in (DECORRELATED, ALIASED, TOO_FEW, NO_RATE)]
    most = max(count for count, _ in counts)
    return next(reason for count, reason in counts if count == most) if most else NO_RATE


def _row(
    name: str,
    source: str,
    status: str,
    reason: str,
    partners: str,
    place: Footprint,
    sbas: SbasMaps,
    outline: BaseGeometry,
) -> tuple[Any, ...]:
    """One row of the object table."""
    measured = place.of(sbas.measured)
    rate = place.of(sbas.rate)[measured]
    mean, least = (float(rate.mean(dtype=np.float64)), float(rate.min())) if rate.size else (np.nan, np.nan)
    share, core = (float(part.mean()) if part.size else 0.0 for part in (measured, place.core().of(sbas.measured)))
    return name, source, status, reason, partners, share, core, mean, least, outline


def agreement(detected: Bool, reference: Bool, measured: Bool) -> dict[str, float | int | None]:
    """Pixel scores of a detection against a reference, on measured pixels only.

    Returns
    -------
    dict
        ``true_positive``, ``false_positive``, ``false_negative``, ``true_negative`` (pixels), ``iou``,
        ``precision``, ``recall``, ``accuracy`` and Cohen's ``kappa``; None where a ratio is undefined.
    """
    a, b = detected[measured], reference[measured]
    both, only_a, only_b = int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum())
    n = int(a.size)
    neither = n - both - only_a - only_b
    chance = ((both + only_a) * (both + only_b) + (neither + only_a) * (neither + only_b)) / n**2 if n else 1.0
    agreed = (both + neither) / n if n else 0.0
    return {
        "true_positive": both,
        "false_positive": only_a,
        "false_negative": only_b,
        "true_negative": neither,
        "iou": _ratio(both, both + only_a + only_b),
        "precision": _ratio(both, both + only_a),
        "recall": _ratio(both, both + only_b),
        "accuracy": _ratio(both + neither, n),
        "kappa": _ratio(agreed - chance, 1 - chance),
    }


def _ratio(part: float, whole: float) -> float | None:
    """Divide; None when the whole is zero."""
    return part / whole if whole > 0 else None


def _summary(objects: gpd.GeoDataFrame, pixels: dict[str, Any], grid: Grid) -> dict[str, Any]:
    """Put counts per status and reason beside the pixel scores."""
    status, reason = objects["status"].value_counts(), objects["reason"].value_counts()
    return {
        "objects": {name: int(status.get(name, 0)) for name in (MATCHED, MISSED, EXTRA, NOT_ASSESSABLE)},
        "not_assessable": {name: int(reason.get(name, 0)) for name in (DECORRELATED, ALIASED, TOO_FEW, NO_RATE)},
        "pixels": pixels,
        "pixel_area_m2": grid.pixel_area_m2,
    }

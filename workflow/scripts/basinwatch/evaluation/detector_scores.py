"""Scores of a model on a set of tiles with bootstrap intervals, and classes of basins it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from basinwatch.evaluation.average_precision import COCO_IOUS, Ranking
from basinwatch.evaluation.bootstrap import Estimate, bootstrap
from basinwatch.evaluation.scores import (
    Comparison,
    ObjectScores,
    assign,
    false_alarms_per_1000_km2,
    object_scores,
    pixel_scores,
)
from basinwatch.evaluation.tile_scores import TileScores

Weights = NDArray[np.int64]
Figures = Callable[[Weights], dict[str, float]]
CLASSES: dict[str, tuple[float, ...]] = {
    "peak_los_mm": (0.0, 4.0, 8.0, 16.0, 32.0, 64.0, np.inf),
    "coherence": (0.0, 0.1, 0.3, 0.5, 0.7, np.inf),
    "area_m2": (0.0, 3e4, 1e5, 3e5, 1e6, np.inf),
}
ALIKE = 0.8


def figures(tiles: Sequence[TileScores], peak_threshold: float, resamples: int, seed: int) -> pd.DataFrame:
    """All figures of a set.

    Average precision ranks everything that reaches the outline threshold; precision, recall and what follows count
    what passes the model's thresholds. False alarms are detections whose centre lies in no basin and that are not
    half on ground to be ignored. `accuracy_s0` counts empty tiles left empty as true negatives.

    Returns
    -------
    DataFrame
        ``figure``, ``value``, ``low``, ``high`` (95 % interval over tiles); NaN where a detector or a set does not
        give a figure.
    """
    parts = [*_detection_figures(tiles, peak_threshold), *_pixel_figures(tiles)]

    def everything(weights: Weights) -> dict[str, float]:
        return {name: value for part in parts for name, value in part(weights).items()}

    names = list(everything(np.ones(len(tiles), np.int64)))
    estimate = bootstrap(lambda w: np.array(list(everything(w).values())), len(tiles), resamples, seed)
    return pd.DataFrame({"figure": names} | _columns(estimate))


def _columns(estimate: Estimate) -> dict[str, NDArray[np.float64]]:
    """Columns of an estimate."""
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _detection_figures(tiles: Sequence[TileScores], peak_threshold: float) -> list[Figures]:
    """Figures of objects."""
    kept = [tile.best.above(peak_threshold) for tile in tiles]
    masks = [tile.masks for tile in tiles if tile.masks is not None]
    strong = [tile.strong.above(peak_threshold) for tile in tiles if tile.strong is not None]
    parts = [_precisions([tile.boxes for tile in tiles], "box_"), _objects(kept, 0.5, "")]
    parts += [_objects(kept, 0.3, "_iou30"), _objects(kept, None, "_centre")]
    parts += [_alarms(kept, np.array([tile.area_km2 for tile in tiles])), _similarity(kept)]
    if len(masks) == len(tiles):
        parts.insert(0, _precisions(masks, ""))
    if len(strong) == len(tiles):
        parts.append(_objects(strong, 0.5, "_strong"))
    return parts


def _precisions(comparisons: Sequence[Comparison], prefix: str) -> Figures:
    """Average precision at the usual overlaps, and its mean over all ten."""
    rankings = {iou: Ranking.of(comparisons, iou) for iou in COCO_IOUS}

    def part(weights: Weights) -> dict[str, float]:
        found = {iou: ranking.average_precision(weights) for iou, ranking in rankings.items()}
        named = {f"{prefix}ap{100 * iou:.0f}": found[iou] for iou in (0.5, 0.6, 0.7, 0.8)}
        return {f"{prefix}map": float(np.mean(list(found.values())))} | named

    return part


def _objects(comparisons: Sequence[Comparison], min_iou: float | None, suffix: str) -> Figures:
    """Precision, recall and F1 of objects."""
    counts = _object_counts(comparisons, min_iou)

    def part(weights: Weights) -> dict[str, float]:
        scores = ObjectScores(*(int(total) for total in weights @ counts))
        return {f"{name}{suffix}": getattr(scores, name) for name in ("precision", "recall", "f1")}

    return part


def _object_counts(comparisons: Sequence[Comparison], min_iou: float | None) -> NDArray[np.int64]:
    """Count true positives, false positives and false negatives, (tiles, 3)."""
    scores = [object_scores([comparison], min_iou) for comparison in comparisons]
    return np.array([(s.true_positives, s.false_positives, s.false_negatives) for s in scores], np.int64)


def _alarms(comparisons: Sequence[Comparison], area_km2: NDArray[np.float64]) -> Figures:
    """Rate of false alarms per tile and area, and accuracy with empty tiles as negatives."""
    centred, outlined = _object_counts(comparisons, None), _object_counts(comparisons, 0.5)
    left_empty = (centred.sum(axis=1) == 0).astype(np.int64)

    def part(weights: Weights) -> dict[str, float]:
        alarms = ObjectScores(*(int(total) for total in weights @ centred))
        right = float(weights @ (outlined[:, 0] + left_empty))
        return {
            "false_per_1000_km2": false_alarms_per_1000_km2(alarms, float(weights @ area_km2)),
            "false_per_tile": alarms.false_positives / float(weights.sum()),
            "accuracy_s0": right / max(float(weights @ (outlined.sum(axis=1) + left_empty)), 1.0),
        }

    return part


def _similarity(comparisons: Sequence[Comparison]) -> Figures:
    """Area similarity of matched basins."""
    partners = [assign(comparison) for comparison in comparisons]
    alike = [c.area_similarity[np.flatnonzero(p >= 0), p[p >= 0]] for c, p in zip(comparisons, partners, strict=True)]
    tile, similarity = np.repeat(np.arange(len(alike)), [len(a) for a in alike]), np.concatenate(alike)

    def part(weights: Weights) -> dict[str, float]:
        times = weights[tile]
        total = float(times.sum())
        if total == 0:
            return {"area_similarity": np.nan, "area_similarity_above_80": np.nan}
        return {
            "area_similarity": float(times @ similarity) / total,
            "area_similarity_above_80": float(times @ (similarity > ALIKE)) / total,
        }

    return part


def _pixel_figures(tiles: Sequence[TileScores]) -> list[Figures]:
    """Figures of pixels; none for detectors that give boxes only."""
    known = [tile.counts for tile in tiles if tile.counts is not None]
    if len(known) < len(tiles):
        return []
    counts = np.stack(known)

    def part(weights: Weights) -> dict[str, float]:
        scores = pixel_scores(np.tensordot(weights, counts, 1))
        return {
            "pa": scores.accuracy, "mpa": scores.mean_accuracy, "miou": scores.mean_iou, "iou": scores.basin_iou,
            "pixel_precision": scores.precision, "pixel_recall": scores.recall, "kappa": scores.kappa,
        }  # fmt: skip

    return [part]


def recall_by_class(tiles: Sequence[TileScores], resamples: int, seed: int) -> pd.DataFrame:
    """Share of basins found by class of what is known of them, see :data:`CLASSES`.

    Returns
    -------
    DataFrame
        ``by``, ``from``, ``to``, ``basins``, ``criterion`` (``outlined``: IoU 0.5, ``centred``), ``recall``, ``low``,
        ``high``; classes without basins are left out.
    """
    rows = [row | {"tile": number} for number, tile in enumerate(tiles) for row in tile.basins]
    frame = pd.DataFrame(rows, columns=["tile", *CLASSES, "outlined", "centred"])
    classes = [
        {"by": by, "from": low, "to": high, "criterion": criterion, "inside": (frame[by] >= low) & (frame[by] < high)}
        for by, edges in CLASSES.items()
        for low, high in pairwise(edges)
        for criterion in ("outlined", "centred")
    ]
    classes = [row | {"basins": int(row["inside"].sum())} for row in classes if row["inside"].any()]
    if not classes:
        return pd.DataFrame(columns=["by", "from", "to", "basins", "criterion", "recall", "low", "high"])
    inside = np.stack([row["inside"] for row in classes]).astype(np.int64)
    hits = inside * np.stack([frame[row["criterion"]] for row in classes]).astype(np.int64)
    tile = frame["tile"].to_numpy(np.int64)

    def recalls(weights: Weights) -> NDArray[np.float64]:
        total = (inside @ weights[tile]).astype(np.float64)
        return np.divide(hits @ weights[tile], total, out=np.full(len(total), np.nan), where=total > 0)

    columns = _columns(bootstrap(recalls, len(tiles), resamples, seed))
    table = pd.DataFrame([{key: row[key] for key in ("by", "from", "to", "basins", "criterion")} for row in classes])
    return table.assign(recall=columns["value"], low=columns["low"], high=columns["high"])


def summary(tiles: Sequence[TileScores]) -> dict[str, Any]:
    """Size of a set."""
    area = float(np.sum([tile.area_km2 for tile in tiles]))
    basins = sum(len(tile.basins) for tile in tiles)
    return {"tiles": len(tiles), "basins": basins, "area_km2": area if np.isfinite(area) else None}

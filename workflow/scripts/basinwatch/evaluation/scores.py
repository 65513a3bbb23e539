"""Scores of detectors: pixels and objects, and the thresholds that score best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.datasets.tiles import IGNORED, Label, is_basin
from basinwatch.inference.instances import Instances, InstanceSettings, find_instances

OUTLINE_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
CORE_THRESHOLDS = (0.5, 0.7, 0.9)
PEAK_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
THRESHOLDS_IOU = (0.5, 0.6, 0.7, 0.8)
EQUAL_F1 = 0.02


def confusion(target: NDArray[np.integer], predicted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count pixels by truth (row) and prediction (column), background first; ignored pixels are left out."""
    counted = target != IGNORED
    pairs = 2 * is_basin(target[counted]) + predicted[counted]
    return np.bincount(pairs, minlength=4).reshape(2, 2)


@dataclass(frozen=True)
class PixelScores:
    """Pixel accuracy (PA), its mean over classes (MPA), and intersection over union.

    `kappa` is Cohen's (1960), precision and recall are those of basin pixels.
    """

    accuracy: float
    mean_accuracy: float
    mean_iou: float
    background_iou: float
    basin_iou: float
    precision: float
    recall: float
    kappa: float


def pixel_scores(counts: NDArray[np.integer]) -> PixelScores:
    """Scores of a 2×2 confusion matrix; a class that occurs nowhere gives NaN."""
    counts = counts.astype(np.float64)
    correct, total = np.diag(counts), counts.sum()
    truth, predicted = counts.sum(axis=1), counts.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy, chance = correct.sum() / total, (truth * predicted).sum() / total**2
        recall, precision = correct / truth, correct / predicted
        iou, kappa = correct / (truth + predicted - correct), (accuracy - chance) / (1 - chance)
    values = (accuracy, recall.mean(), iou.mean(), iou[0], iou[1], precision[1], recall[1], kappa)
    return PixelScores(*map(float, values))


@dataclass(frozen=True)
class Comparison:
    """Detections of one tile or scene against its truth.

    Parameters
    ----------
    score, peak
        float64 (n,) of the detections.
    iou
        float64 (n, m) with every basin of the truth.
    centre_inside
        bool (n, m): the detection's centroid lies in the basin.
    ignored_share
        float64 (n,): share of the detection's area that is to be ignored.
    area_similarity
        float64 (n, m): smaller over larger area.
    """

    score: NDArray[np.float64]
    peak: NDArray[np.float64]
    iou: NDArray[np.float64]
    centre_inside: NDArray[np.bool_]
    ignored_share: NDArray[np.float64]
    area_similarity: NDArray[np.float64]

    def above(self, peak_threshold: float) -> Comparison:
        """Keep detections with a peak of at least this."""
        keep = self.peak >= peak_threshold
        return Comparison(*(getattr(self, column.name)[keep] for column in fields(self)))


def compare(found: Instances, truth: Sequence[Label]) -> Comparison:
    """Overlaps of all detections with all labels of the same raster."""
    count = len(found)
    basins = [label.mask for label in truth if not label.ignore]
    shared = [np.bincount(found.labels[m], minlength=count + 1)[1:] for m in basins]
    overlap = np.array(shared, np.int64).reshape(len(basins), count).T
    sizes = np.array([m.sum() for m in basins], np.int64)
    ignored = np.zeros(found.labels.shape, bool)
    for label in truth:
        if label.ignore:
            ignored |= label.mask
    hidden = np.bincount(found.labels[ignored], minlength=count + 1)[1:] / np.maximum(found.area_px, 1)
    rows, columns = _centroids(found)
    inside = np.array([m[rows, columns] for m in basins], bool).reshape(len(basins), count).T
    iou = overlap / (found.area_px[:, None] + sizes[None] - overlap)
    return Comparison(found.score, found.peak, iou, inside, hidden, area_similarity(found.area_px, sizes))


def area_similarity(found: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.float64]:
    """Smaller over larger area of all pairs of detections (n,) and basins (m,)."""
    pairs = np.broadcast_arrays(found[:, None], truth[None])
    return np.minimum(*pairs) / np.maximum(np.maximum(*pairs), 1e-9)


def _centroids(found: Instances) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rounded centroid pixel of every detection."""
    rows, columns = np.nonzero(found.labels)
    label = found.labels[rows, columns]
    sums = (np.bincount(label, axis, len(found) + 1)[1:] for axis in (rows, columns))
    row, column = (np.rint(s / np.maximum(found.area_px, 1)).astype(np.intp) for s in sums)
    return row, column


def assign(comparison: Comparison, min_iou: float | None = 0.5) -> NDArray[np.intp]:
    """Pair detections and basins one to one, the highest score choosing first.

    Parameters
    ----------
    min_iou
        Intersection over union a pair needs; None asks for the detection's centroid inside the
        basin instead.

    Returns
    -------
    NDArray
        (n,) number of each detection's basin, −1 without.
    """
    fits = comparison.centre_inside if min_iou is None else comparison.iou >= min_iou
    partner, free = np.full(len(comparison.score), -1, np.intp), np.ones(fits.shape[1], bool)
    for detection in np.argsort(-comparison.score, kind="stable"):
        candidates = np.flatnonzero(fits[detection] & free)
        if candidates.size:
            partner[detection] = candidates[np.argmax(comparison.iou[detection, candidates])]
            free[partner[detection]] = False
    return partner


def match(comparison: Comparison, min_iou: float | None = 0.5) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell hits from what is to be ignored.

    Parameters
    ----------
    min_iou
        See :func:`assign`.

    Returns
    -------
    hit, ignored
        bool (n,) in the order of the detections: paired with a basin; unpaired, but on ground to be ignored
        by at least half (by `min_iou` where given, as COCO does).
    """
    hit = assign(comparison, min_iou) >= 0
    return hit, ~hit & (comparison.ignored_share >= (min_iou or 0.5))


@dataclass(frozen=True)
class ObjectScores:
    """Counts of objects and what follows from them."""

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def precision(self) -> float:
        """Share of detections that are basins; 0 without detections."""
        return self.true_positives / max(self.true_positives + self.false_positives, 1)

    @property
    def recall(self) -> float:
        """Share of basins that were detected; 0 without basins."""
        return self.true_positives / max(self.true_positives + self.false_negatives, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.true_positives / max(2 * self.true_positives + self.false_positives + self.false_negatives, 1)


def object_scores(comparisons: Iterable[Comparison], min_iou: float | None = 0.5) -> ObjectScores:
    """Count hits, false alarms and misses over tiles or scenes; see :func:`match`."""
    hits = alarms = basins = 0
    for comparison in comparisons:
        hit, ignored = match(comparison, min_iou)
        hits += int(hit.sum())
        alarms += int((~hit & ~ignored).sum())
        basins += comparison.iou.shape[1]
    return ObjectScores(hits, alarms, basins - hits)


def false_alarms_per_1000_km2(scores: ObjectScores, area_km2: float) -> float:
    """Return false detections per 1000 km² of searched ground."""
    return 1000 * scores.false_positives / area_km2


def choose_thresholds(
    maps: Sequence[NDArray[np.floating]], truths: Sequence[Sequence[Label]], min_area_px: int
) -> tuple[InstanceSettings, ObjectScores]:
    """Pick outline, core and peak threshold with a large object F1, averaged over `THRESHOLDS_IOU`.

    Asking for more than one overlap makes outlines count, not only finds. Of the choices that are as good as the best
    within `EQUAL_F1`, about the standard error of some hundred basins, the lowest outline is taken, which keeps the
    flanks of a basin together, and of these the best.

    Returns
    -------
    settings, scores
        The choice and its scores at IoU 0.5.
    """
    tried = []
    for outline, core in product(OUTLINE_THRESHOLDS, CORE_THRESHOLDS if maps[0].ndim == 3 else CORE_THRESHOLDS[:1]):
        settings = InstanceSettings(outline, outline, min_area_px, core)
        compared = [compare(find_instances(m, settings), t) for m, t in zip(maps, truths, strict=True)]
        for peak in PEAK_THRESHOLDS:
            if peak >= outline:
                kept = [c.above(peak) for c in compared]
                quality = np.mean([object_scores(kept, iou).f1 for iou in THRESHOLDS_IOU])
                tried.append((quality, InstanceSettings(outline, peak, min_area_px, core), object_scores(kept)))
    enough = max(quality for quality, *_ in tried) - EQUAL_F1
    _, settings, scores = min((t for t in tried if t[0] >= enough), key=lambda t: (t[1].threshold, -t[0]))
    return settings, scores

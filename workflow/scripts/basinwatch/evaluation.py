"""Scores of detectors: pixels, objects, average precision, false alarms per area."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from basinwatch.datasets import BASIN, IGNORED, Label
from basinwatch.instances import Instances, InstanceSettings, find_instances

_RECALL_POINTS = np.linspace(0, 1, 101)
OUTLINE_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
PEAK_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def confusion(target: NDArray[np.integer], predicted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count pixels by truth (row) and prediction (column), background first; ignored pixels are left out."""
    counted = target != IGNORED
    pairs = 2 * (target[counted] == BASIN) + predicted[counted]
    return np.bincount(pairs, minlength=4).reshape(2, 2)


@dataclass(frozen=True)
class PixelScores:
    """Pixel accuracy (PA), its mean over classes (MPA), and intersection over union."""

    accuracy: float
    mean_accuracy: float
    mean_iou: float
    background_iou: float
    basin_iou: float


def pixel_scores(counts: NDArray[np.integer]) -> PixelScores:
    """Scores of a 2×2 confusion matrix; a class that occurs nowhere gives NaN."""
    counts = counts.astype(np.float64)
    correct = np.diag(counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        per_class = correct / counts.sum(axis=1)
        iou = correct / (counts.sum(axis=0) + counts.sum(axis=1) - correct)
        accuracy = correct.sum() / counts.sum()
    return PixelScores(float(accuracy), float(per_class.mean()), float(iou.mean()), float(iou[0]), float(iou[1]))


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
    """

    score: NDArray[np.float64]
    peak: NDArray[np.float64]
    iou: NDArray[np.float64]
    centre_inside: NDArray[np.bool_]
    ignored_share: NDArray[np.float64]

    def above(self, peak_threshold: float) -> Comparison:
        """Keep detections with a peak of at least this."""
        keep = self.peak >= peak_threshold
        return Comparison(
            self.score[keep], self.peak[keep], self.iou[keep], self.centre_inside[keep], self.ignored_share[keep]
        )


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
    return Comparison(found.score, found.peak, iou, inside, hidden)


def _centroids(found: Instances) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rounded centroid pixel of every detection."""
    rows, columns = np.nonzero(found.labels)
    label = found.labels[rows, columns]
    sums = (np.bincount(label, axis, len(found) + 1)[1:] for axis in (rows, columns))
    row, column = (np.rint(s / np.maximum(found.area_px, 1)).astype(np.intp) for s in sums)
    return row, column


def match(comparison: Comparison, min_iou: float | None = 0.5) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pair detections and basins one to one, the highest score choosing first.

    Parameters
    ----------
    min_iou
        Intersection over union a pair needs; None asks for the detection's centroid inside the
        basin instead.

    Returns
    -------
    hit, ignored
        bool (n,) in the order of the detections: paired with a basin; unpaired, but on ground to be ignored
        by at least half (by `min_iou` where given, as COCO does).
    """
    fits = comparison.centre_inside if min_iou is None else comparison.iou >= min_iou
    hit, free = np.zeros(len(comparison.score), bool), np.ones(fits.shape[1], bool)
    for detection in np.argsort(-comparison.score, kind="stable"):
        candidates = np.flatnonzero(fits[detection] & free)
        if candidates.size:
            free[candidates[np.argmax(comparison.iou[detection, candidates])]] = False
            hit[detection] = True
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


def average_precision(comparisons: Sequence[Comparison], min_iou: float = 0.5) -> float:
    """COCO's average precision of masks at one IoU: mean of interpolated precision at 101 recalls.

    NaN when there is no basin at all.
    """
    basins = sum(c.iou.shape[1] for c in comparisons)
    if basins == 0:
        return float("nan")
    matches = [match(c, min_iou) for c in comparisons]
    counted = np.concatenate([~ignored for _, ignored in matches])
    score = np.concatenate([c.score for c in comparisons])[counted]
    hit = np.concatenate([hit for hit, _ in matches])[counted][np.argsort(-score, kind="stable")]
    true = np.cumsum(hit)
    precision = np.maximum.accumulate((true / np.arange(1, len(hit) + 1))[::-1])[::-1]
    place = np.searchsorted(true / basins, _RECALL_POINTS, side="left")
    return float(np.append(precision, 0.0)[place].mean())


def false_alarms_per_1000_km2(scores: ObjectScores, area_km2: float) -> float:
    """Return false detections per 1000 km² of searched ground."""
    return 1000 * scores.false_positives / area_km2


def choose_thresholds(
    probabilities: Sequence[NDArray[np.floating]], truths: Sequence[Sequence[Label]], min_area_px: int
) -> tuple[InstanceSettings, ObjectScores]:
    """Pick outline and peak threshold with the largest object F1; the first of equals."""
    tried = []
    for outline in OUTLINE_THRESHOLDS:
        settings = InstanceSettings(outline, outline, min_area_px)
        compared = [compare(find_instances(p, settings), t) for p, t in zip(probabilities, truths, strict=True)]
        for peak in PEAK_THRESHOLDS:
            if peak >= outline:
                scores = object_scores([c.above(peak) for c in compared])
                tried.append((InstanceSettings(outline, peak, min_area_px), scores))
    return max(tried, key=lambda choice: choice[1].f1)

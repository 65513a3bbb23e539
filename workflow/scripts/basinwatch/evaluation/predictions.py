"""What any detector says about tiles, and how it is held against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basinwatch.datasets.tiles import Label
from basinwatch.detectors import Detector, InstanceDetector, Objects
from basinwatch.evaluation.scores import (
    THRESHOLDS_IOU,
    Comparison,
    ObjectScores,
    choose_thresholds,
    compare,
    object_scores,
)
from basinwatch.inference.instances import InstanceSettings, find_instances
from basinwatch.inference.object_overlaps import compare_boxes, compare_masks, instance_boxes, paint

Maps = NDArray[np.floating[Any]]
Output = Maps | Objects
SCORE_THRESHOLDS = tuple(float(score) for score in np.linspace(0.05, 0.95, 19).round(2))


@torch.inference_mode()
def predict(detector: Detector, x: Tensor, dtype: torch.dtype) -> list[Output]:
    """Run a detector in evaluation mode on encoded tiles (n, channels, y, x), which lie on its device.

    Returns
    -------
    list
        Per tile maps of probability (maps, y, x), or objects.
    """
    with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
        if isinstance(detector, InstanceDetector):
            return list(detector.predict(x))
        logits = detector(x)
    return list(torch.sigmoid(logits.float()).cpu().numpy().astype(np.float16))


@dataclass(frozen=True)
class Found:
    """Detections of one tile against its truth.

    Parameters
    ----------
    masks
        By pixels; None for detectors that give boxes only.
    boxes
        By boxes.
    pixels
        bool (y, x) covered by what passes the thresholds; None for detectors that give boxes only.
    """

    masks: Comparison | None
    boxes: Comparison
    pixels: NDArray[np.bool_] | None

    @property
    def best(self) -> Comparison:
        """By pixels where there are any, else by boxes."""
        return self.boxes if self.masks is None else self.masks


def hold_against(output: Output, truth: Sequence[Label], settings: InstanceSettings, shape: tuple[int, int]) -> Found:
    """Compare an output with the truth of its tile; nothing is left out for a low peak or score.

    Parameters
    ----------
    settings
        Of objects only `peak_threshold` counts: their smallest score.
    shape
        Rows and columns of the tile.
    """
    if isinstance(output, Objects):
        score = output.scores.astype(np.float64)
        boxes = compare_boxes(output.boxes.astype(np.float64), score, score, truth)
        if output.masks is None:
            return Found(None, boxes, None)
        return Found(compare_masks(output, truth), boxes, paint(output, shape, settings.peak_threshold))
    anything = InstanceSettings(settings.threshold, settings.threshold, settings.min_area_px, settings.core_threshold)
    found = find_instances(output, anything)
    kept = found.select(found.peak >= settings.peak_threshold)
    boxes = compare_boxes(instance_boxes(found), found.score, found.peak, truth)
    return Found(compare(found, truth), boxes, kept.labels > 0)


def best_thresholds(
    outputs: Sequence[Output], truths: Sequence[Sequence[Label]], min_area_px: int
) -> tuple[InstanceSettings, ObjectScores]:
    """Thresholds with the largest object F1, averaged over `THRESHOLDS_IOU`, and its scores at IoU 0.5.

    Of objects only the score has a threshold; it becomes both `threshold` and `peak_threshold`.
    """
    if not isinstance(outputs[0], Objects):
        return choose_thresholds([o for o in outputs if not isinstance(o, Objects)], truths, min_area_px)
    everything = [_of_objects(o, t) for o, t in zip(outputs, truths, strict=True) if isinstance(o, Objects)]
    tried = []
    for threshold in SCORE_THRESHOLDS:
        kept = [c.above(threshold) for c in everything]
        quality = np.mean([object_scores(kept, iou).f1 for iou in THRESHOLDS_IOU])
        tried.append((float(quality), InstanceSettings(threshold, threshold, min_area_px), object_scores(kept)))
    _, settings, scores = max(tried, key=lambda choice: choice[0])
    return settings, scores


def _of_objects(objects: Objects, truth: Sequence[Label]) -> Comparison:
    """Compare masks where there are any, else boxes."""
    if objects.masks is not None:
        return compare_masks(objects, truth)
    score = objects.scores.astype(np.float64)
    return compare_boxes(objects.boxes.astype(np.float64), score, score, truth)

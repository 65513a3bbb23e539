"""Detections that are boxes or mask crops, and boxes of any detections, held against the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from basinwatch.datasets.tiles import Label, bounding_box
from basinwatch.detectors import Objects
from basinwatch.evaluation.scores import Comparison, area_similarity
from basinwatch.inference.instances import Instances

Boxes = NDArray[np.float64]
Mask = NDArray[np.bool_]
Crop = tuple[tuple[slice, slice], Mask]


def compare_boxes(
    boxes: Boxes, score: NDArray[np.float64], peak: NDArray[np.float64], truth: Sequence[Label]
) -> Comparison:
    """Overlaps of boxes with the boxes of all labels.

    Parameters
    ----------
    boxes
        (n, 4) left, top, right, bottom in pixels.
    score, peak
        (n,); what ranks them, and what a threshold is applied to.
    """
    basins = label_boxes([label.mask for label in truth if not label.ignore])
    hidden = label_boxes([label.mask for label in truth if label.ignore])
    overlap, size, sizes = _shared(boxes, basins), _area(boxes), _area(basins)
    iou = overlap / np.maximum(size[:, None] + sizes[None] - overlap, 1e-9)
    ignored = (_shared(boxes, hidden) / np.maximum(size, 1e-9)[:, None]).max(axis=1, initial=0.0)
    centre = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    inside: NDArray[np.bool_] = np.all((centre >= basins[None, :, :2]) & (centre < basins[None, :, 2:]), axis=2)
    return Comparison(score, peak, iou, inside, ignored, area_similarity(size, sizes))


def compare_masks(objects: Objects, truth: Sequence[Label]) -> Comparison:
    """Overlaps of an instance detector's masks with all labels.

    Raises
    ------
    ValueError
        If the detector gives boxes only.
    """
    if objects.masks is None:
        raise ValueError("objects without masks have no overlap with masks")
    basins = [label.mask for label in truth if not label.ignore]
    hidden = [np.any([label.mask for label in truth if label.ignore], axis=0)] if any(t.ignore for t in truth) else []
    crops = [(crop_of(box, mask), mask) for box, mask in zip(objects.boxes, objects.masks, strict=True)]
    areas, score = np.array([mask.sum() for mask in objects.masks], np.float64), objects.scores.astype(np.float64)
    overlap, ignored = _common_px(crops, basins), _common_px(crops, hidden).sum(axis=1)
    inside = np.array([[_holds_centre(basin, *crop) for basin in basins] for crop in crops], bool)
    sizes = np.array([basin.sum() for basin in basins], np.float64)
    iou = overlap / np.maximum(areas[:, None] + sizes[None] - overlap, 1e-9)
    inside = inside.reshape(overlap.shape)
    return Comparison(score, score, iou, inside, ignored / np.maximum(areas, 1), area_similarity(areas, sizes))


def _common_px(crops: Sequence[Crop], masks: Sequence[Mask]) -> NDArray[np.float64]:
    """Pixels (n, m) that crops share with masks of the tile."""
    shared = [[np.count_nonzero(mask[place] & crop) for mask in masks] for place, crop in crops]
    return np.array(shared, np.float64).reshape(len(crops), len(masks))


def _holds_centre(basin: Mask, place: tuple[slice, slice], crop: Mask) -> bool:
    """Whether the centroid of a crop lies in a basin."""
    rows, columns = np.nonzero(crop)
    if rows.size == 0:
        return False
    return bool(basin[place[0].start + round(rows.mean()), place[1].start + round(columns.mean())])


def crop_of(box: NDArray[np.float32], mask: Mask) -> tuple[slice, slice]:
    """Rows and columns of the tile that an object's mask covers, see :class:`basinwatch.detectors.Objects`."""
    row, column = math.floor(max(float(box[1]), 0)), math.floor(max(float(box[0]), 0))
    return slice(row, row + mask.shape[0]), slice(column, column + mask.shape[1])


def paint(objects: Objects, shape: tuple[int, int], min_score: float) -> Mask:
    """Pixels (y, x) that the masks of all objects of at least this score cover."""
    painted = np.zeros(shape, bool)
    for box, score, mask in zip(objects.boxes, objects.scores, objects.masks or [], strict=True):
        if score >= min_score:
            painted[crop_of(box, mask)] |= mask
    return painted


def instance_boxes(found: Instances) -> Boxes:
    """Boxes (n, 4) of instances."""
    places = ndimage.find_objects(found.labels)
    return np.array([(x.start, y.start, x.stop, y.stop) for y, x in places], np.float64).reshape(-1, 4)


def label_boxes(masks: Sequence[Mask]) -> Boxes:
    """Boxes (n, 4) of masks that are not empty."""
    corners = [(x, y, x + width, y + height) for x, y, width, height in map(bounding_box, masks)]
    return np.array(corners, np.float64).reshape(-1, 4)


def _area(boxes: Boxes) -> NDArray[np.float64]:
    """Areas (n,)."""
    sides: NDArray[np.float64] = boxes[:, 2:] - boxes[:, :2]
    return sides.prod(axis=1)


def _shared(boxes: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Measure the common area (n, m) of all pairs."""
    first = np.maximum(boxes[:, None, :2], others[None, :, :2])
    last = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return (last - first).clip(min=0).prod(axis=2)

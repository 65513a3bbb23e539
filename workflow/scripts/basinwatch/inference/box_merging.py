"""Plain merging of objects by their boxes, blind to windows: what other tools do, so that results compare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from basinwatch.inference.object_merging import neighbours, rank, union
from basinwatch.inference.placed_objects import Box, PlacedObject

SAME_IOU = 0.5
SAME_IOS = 0.5


def merge_boxes(objects: Iterable[PlacedObject]) -> list[PlacedObject]:
    """Greedy non-maximum merging (NMM), as of SAHI (Akyon et al. 2022): a box grows by those that mostly lie in it.

    The best-scored object left takes in, one after the other, what shares `SAME_IOS` of the smaller box with it and
    still does with what it has grown to. Nothing of a basin that windows cut is lost, but close neighbours may fuse.

    Returns
    -------
    list
        The best-scored first; their order on entry does not matter.
    """
    ordered = sorted(objects, key=rank)
    near, taken, merged = _near(ordered), set[int](), []
    for number, keeper in enumerate(ordered):
        if number not in taken:
            grown = keeper
            for other in near[number]:
                one = ordered[other]
                if other not in taken and min(_ios(keeper.box, one.box), _ios(grown.box, one.box)) >= SAME_IOS:
                    taken.add(other)
                    grown = union([grown, one])
            merged.append(grown)
    return merged


def suppress_boxes(objects: Iterable[PlacedObject]) -> list[PlacedObject]:
    """Greedy non-maximum suppression (NMS): of boxes with an IoU of `SAME_IOU` only the best-scored stays.

    Basins that a window cuts may stay as parts.

    Returns
    -------
    list
        The best-scored first; their order on entry does not matter.
    """
    ordered = sorted(objects, key=rank)
    near, dropped = _near(ordered), set[int]()
    for number, keeper in enumerate(ordered):
        if number not in dropped:
            dropped.update(other for other in near[number] if _iou(keeper.box, ordered[other].box) >= SAME_IOU)
    return [one for number, one in enumerate(ordered) if number not in dropped]


def _near(ordered: list[PlacedObject]) -> dict[int, list[int]]:
    """Worse objects whose boxes meet that of each, the best first."""
    near = defaultdict[int, list[int]](list)
    for better, worse in neighbours(ordered):
        near[better].append(worse)
    return near


def _area(box: Box) -> float:
    """Measure a box."""
    return (box[2] - box[0]) * (box[3] - box[1])


def _shared(a: Box, b: Box) -> float:
    """Measure what two boxes have in common."""
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0.0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)


def _ios(a: Box, b: Box) -> float:
    """Intersection over the smaller area."""
    shared = _shared(a, b)
    return shared / min(_area(a), _area(b)) if shared else 0.0


def _iou(a: Box, b: Box) -> float:
    """Intersection over union."""
    shared = _shared(a, b)
    return shared / (_area(a) + _area(b) - shared) if shared else 0.0

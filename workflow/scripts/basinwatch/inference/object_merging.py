"""Merge what neighbouring windows saw of the same objects, so that each is counted once and none is cut.

Objects of two windows are compared where both windows look. Parts of one object that a window's border cut agree
there, however small their share of the whole is; this is what the intersection over the smaller area (IoS), taken
within the zone that two windows share, tells.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from basinwatch.inference.placed_objects import PlacedObject
from basinwatch.tiling import Tile

Zone = tuple[int, int, int, int]

SAME_IOU = 0.5
SAME_IOS = 0.5
BOTH_CUT_IOS = 0.3
CUT_WITHIN_PX = 2


def merge(objects: Iterable[PlacedObject], shape: tuple[int, int]) -> list[PlacedObject]:
    """Merge the objects of all windows of a frame; the result does not depend on their order.

    Two whole objects are one from an intersection over union (IoU) of `SAME_IOU` on. If a window's border cuts one of
    them, from an IoS of `SAME_IOS` in the zone that both windows share; if both are cut, `BOTH_CUT_IOS`. The most alike
    are joined first, and no two objects of one window ever are. Of several views the best-scored whole one stays; where
    all are cut, their union. Of what is left, objects that overlap a better-scored one by `SAME_IOU` are dropped.

    Parameters
    ----------
    objects
        In any order.
    shape
        Rows and columns of the frame, whose own borders cut nothing.

    Returns
    -------
    list
        The best-scored first; each with the highest score of what it was merged from.
    """
    ordered = sorted(objects, key=rank)
    groups = _groups(ordered, shape)
    merged = [_united([ordered[member] for member in group], shape) for group in groups]
    return _suppressed(sorted(merged, key=rank))


def rank(one: PlacedObject) -> tuple[float, ...]:
    """Order objects by score, then by place."""
    return (-one.score, one.box[1], one.box[0], one.box[3], one.box[2], one.window.row, one.window.column)


def is_cut(one: PlacedObject, shape: tuple[int, int]) -> bool:
    """Whether an object reaches a border of its window that is not one of the frame."""
    window, (left, top, right, bottom) = one.window, one.box
    before = (window.row > 0 and top - window.row, window.column > 0 and left - window.column)
    after = (
        window.row + window.size < shape[0] and window.row + window.size - bottom,
        window.column + window.size < shape[1] and window.column + window.size - right,
    )
    return any(gap is not False and gap <= CUT_WITHIN_PX for gap in (*before, *after))


def _groups(objects: Sequence[PlacedObject], shape: tuple[int, int]) -> list[list[int]]:
    """Numbers of the objects that are one, the most alike joined first."""
    cut = [is_cut(one, shape) for one in objects]
    links = []
    for a, b in neighbours(objects):
        if objects[a].window != objects[b].window:
            likeness, least = _likeness(objects[a], objects[b], cut[a] or cut[b], cut[a] and cut[b])
            if likeness >= least:
                links.append((-likeness, a, b))
    group = {number: [number] for number in range(len(objects))}
    for _, a, b in sorted(links):
        first, second = group[a], group[b]
        seen_in = {objects[member].window for member in first}
        if first is not second and not any(objects[member].window in seen_in for member in second):
            first.extend(second)
            group.update(dict.fromkeys(second, first))
    return [members for number, members in group.items() if members[0] == number]


def neighbours(objects: Sequence[PlacedObject]) -> list[tuple[int, int]]:
    """Find the pairs of numbers, the smaller first, whose boxes meet."""
    boxes = shapely.box(*np.array([one.box for one in objects], np.float64).reshape(-1, 4).T)
    first, second = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    return sorted((int(a), int(b)) for a, b in zip(first, second, strict=True) if a < b)


def _likeness(a: PlacedObject, b: PlacedObject, any_cut: bool, both_cut: bool) -> tuple[float, float]:
    """How much two objects agree, and how much they must to be one."""
    if not any_cut:
        return _iou(a, b), SAME_IOU
    zone = _common(_extent(a.window), _extent(b.window))
    smaller = min(_count(a, zone), _count(b, zone))
    shared = _shared(a, b, zone)
    return shared / smaller if smaller else 0.0, BOTH_CUT_IOS if both_cut else SAME_IOS


def _iou(a: PlacedObject, b: PlacedObject) -> float:
    """Intersection over union."""
    shared = _shared(a, b, _zone(a))
    union = np.count_nonzero(a.mask) + np.count_nonzero(b.mask) - shared
    return float(shared / union)


def _extent(window: Tile) -> Zone:
    """Top, left, bottom, right of a window."""
    return window.row, window.column, window.row + window.size, window.column + window.size


def _zone(one: PlacedObject) -> Zone:
    """Top, left, bottom, right of a mask."""
    rows, columns = one.place
    return rows.start, columns.start, rows.stop, columns.stop


def _common(a: Zone, b: Zone) -> Zone:
    """Where two zones overlap; empty zones end before they begin."""
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _within(one: PlacedObject, zone: Zone) -> NDArray[np.bool_]:
    """Part of a mask inside a zone that lies within the mask's own."""
    top, left, _, _ = _zone(one)
    return one.mask[max(zone[0] - top, 0) : max(zone[2] - top, 0), max(zone[1] - left, 0) : max(zone[3] - left, 0)]


def _count(one: PlacedObject, zone: Zone) -> int:
    """Pixels of an object inside a zone."""
    return int(np.count_nonzero(_within(one, _common(_zone(one), zone))))


def _shared(a: PlacedObject, b: PlacedObject, zone: Zone) -> int:
    """Pixels that two objects have in common inside a zone."""
    both = _common(_common(_zone(a), _zone(b)), zone)
    if both[0] >= both[2] or both[1] >= both[3]:
        return 0
    return int(np.count_nonzero(_within(a, both) & _within(b, both)))


def _united(views: Sequence[PlacedObject], shape: tuple[int, int]) -> PlacedObject:
    """One object from several views of it, given the best-scored first."""
    best = min(views, key=rank)
    whole = [one for one in views if not is_cut(one, shape)]
    if whole:
        chosen = min(whole, key=rank)
        return PlacedObject(chosen.window, chosen.box, best.score, chosen.mask, chosen.has_outline)
    return union(views)


def union(views: Sequence[PlacedObject]) -> PlacedObject:
    """Unite objects into one with the highest score; boxes without an outline stay a box."""
    best = min(views, key=rank)
    left, top = (min(one.box[side] for one in views) for side in (0, 1))
    right, bottom = (max(one.box[side] for one in views) for side in (2, 3))
    row, column = math.floor(top), math.floor(left)
    mask = np.zeros((math.ceil(bottom) - row, math.ceil(right) - column), bool)
    for one in views:
        rows, columns = one.place
        mask[rows.start - row : rows.stop - row, columns.start - column : columns.stop - column] |= one.mask
    mask |= not best.has_outline
    return PlacedObject(best.window, (left, top, right, bottom), best.score, mask, best.has_outline)


def _suppressed(objects: Sequence[PlacedObject]) -> list[PlacedObject]:
    """Drop objects that mostly repeat a better one; the best come first."""
    dropped: set[int] = set()
    for better, worse in neighbours(objects):
        if better not in dropped and worse not in dropped and _iou(objects[better], objects[worse]) >= SAME_IOU:
            dropped.add(worse)
    return [one for number, one in enumerate(objects) if number not in dropped]


def paint(objects: Iterable[PlacedObject], scores: NDArray[np.float32], top: int) -> None:
    """Raise a map of scores (y, x), whose first row is row `top` of the frame, to those of the objects."""
    for one in objects:
        rows, columns = one.place
        part = scores[rows.start - top : rows.stop - top, columns]
        np.maximum(part, np.float32(one.score), out=part, where=one.mask)

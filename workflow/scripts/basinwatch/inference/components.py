"""Connected regions of a raster that is never held whole: strips are labelled one by one and joined where they meet.

Two passes over the first rows (Rosenfeld & Pfaltz 1966) with strips in place of single rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from basinwatch.inference.instances import EIGHT_NEIGHBOURS

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Components:
    """Regions in the order of their first pixel, from top left, row by row.

    Parameters
    ----------
    first
        int64 (n, 2), row and column of the first pixel.
    box
        int64 (n, 4), first row, first column, row and column after the last.
    area_px
        int64 (n,).
    peak
        float64 (n,), largest value inside.
    """

    first: Integers
    box: Integers
    area_px: Integers
    peak: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.peak)

    def select(self, keep: NDArray[np.bool_]) -> Components:
        """Keep some regions."""
        return Components(self.first[keep], self.box[keep], self.area_px[keep], self.peak[keep])


_NONE = Components(np.zeros((0, 2), np.int64), np.zeros((0, 4), np.int64), np.zeros(0, np.int64), np.zeros(0))


def find_components(strips: Iterable[NDArray[np.floating]], threshold: float) -> Components:
    """Find where a raster reaches a threshold, connected over eight neighbours.

    Parameters
    ----------
    strips
        (n, width) each, from top to bottom without gaps; NaN is below every threshold.
    """
    parts, links, row, total = [_NONE], [np.zeros((2, 0), np.int64)], 0, 0
    above: Integers | None = None
    for strip in strips:
        labels, count = ndimage.label(strip >= threshold, EIGHT_NEIGHBOURS)
        parts.append(_parts(labels, count, strip, row))
        if above is not None:
            links.append(_links(above, _numbered(labels[0], total)))
        above = _numbered(labels[-1], total)
        row, total = row + len(strip), total + count
    return _joined(parts, np.concatenate(links, axis=1))


def _numbered(labels: NDArray[np.int32], before: int) -> Integers:
    """Labels of a row counted through the whole raster, 0 outside."""
    return np.where(labels > 0, labels.astype(np.int64) + before, 0)


def _parts(labels: NDArray[np.int32], count: int, values: NDArray[np.floating], row: int) -> Components:
    """Regions of one strip that begins at `row`, in the order of their labels."""
    inside = np.flatnonzero(labels)
    label = labels.ravel()[inside]
    first = np.zeros(count + 1, np.int64)
    first[label[::-1]] = inside[::-1]
    peak = np.full(count + 1, -np.inf)
    np.maximum.at(peak, label, values.ravel()[inside])
    above, column = np.divmod(first[1:], labels.shape[1])
    places = [(y.start + row, x.start, y.stop + row, x.stop) for y, x in ndimage.find_objects(labels)]
    box = np.array(places, np.int64).reshape(-1, 4)
    pixel = np.stack([above + row, column], axis=1)
    return Components(pixel, box, np.bincount(label, minlength=count + 1)[1:], peak[1:])


def _links(above: Integers, below: Integers) -> Integers:
    """Numbers (2, n) of regions in two neighbouring rows whose pixels touch."""
    width = len(above)
    pairs = []
    for shift in (-1, 0, 1):
        upper, lower = above[max(shift, 0) : width + min(shift, 0)], below[max(-shift, 0) : width + min(-shift, 0)]
        both = (upper > 0) & (lower > 0)
        pairs.append(np.stack([upper[both], lower[both]]))
    return np.unique(np.concatenate(pairs, axis=1), axis=1)


def _joined(parts: Sequence[Components], links: Integers) -> Components:
    """Put parts together that touch."""
    first, box, area, peak = (
        np.concatenate([getattr(part, name.name) for part in parts]) for name in fields(Components)
    )
    graph = coo_array((np.ones(links.shape[1], np.int8), (links[0] - 1, links[1] - 1)), shape=(len(peak),) * 2)
    count, group = connected_components(graph, directed=False) if len(peak) else (0, np.zeros(0, np.intp))
    corner, end = np.full((count, 2), np.iinfo(np.int64).max), np.zeros((count, 2), np.int64)
    np.minimum.at(corner, group, box[:, :2])
    np.maximum.at(end, group, box[:, 2:])
    areas, peaks = np.zeros(count, np.int64), np.full(count, -np.inf)
    np.add.at(areas, group, area)
    np.maximum.at(peaks, group, peak)
    order = np.lexsort((first[:, 1], first[:, 0]))
    found, earliest = np.unique(group[order], return_index=True)
    found = found[np.argsort(earliest)]
    box = np.concatenate([corner, end], axis=1)
    return Components(first[order][np.sort(earliest)], box[found], areas[found], peaks[found])

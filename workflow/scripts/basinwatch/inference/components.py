"""Connected regions of a raster that is never held whole: strips are taken one by one and joined where they meet.

Within a strip, runs of pixels are joined with those of the next row that they touch (Rosenfeld & Pfaltz 1966, runs in
place of pixels), so that the cost beyond one comparison per pixel is that of the outlines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

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


@dataclass(frozen=True)
class _Runs:
    """Runs of pixels in rows that have one pixel more, in front.

    Parameters
    ----------
    begin, end
        int64 (n,), flat index of the first pixel and after the last, in ascending order.
    stride
        Length of a row.
    """

    begin: Integers
    end: Integers
    stride: int

    @classmethod
    def of(cls, inside: NDArray[np.bool_]) -> _Runs:
        """Find the runs of an image (y, x)."""
        height, width = inside.shape
        flat = np.zeros(height * (width + 1) + 1, bool)
        flat[:-1].reshape(height, width + 1)[:, 1:] = inside
        edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        return cls(edges[::2], edges[1::2], width + 1)

    def of_row(self, row: int, at: int) -> tuple[_Runs, slice]:
        """Cut one row out, as if it were row `at`; also which runs those are."""
        own = slice(*np.searchsorted(self.begin, (row * self.stride, (row + 1) * self.stride)).tolist())
        shift = (at - row) * self.stride
        return _Runs(self.begin[own] + shift, self.end[own] + shift, self.stride), own

    def links(self, below: _Runs) -> Integers:
        """Numbers (2, n) of runs here and of those of the rows one further down that touch them at a side or corner."""
        first = np.searchsorted(below.end, self.begin + self.stride)
        count = np.searchsorted(below.begin, self.end + self.stride, side="right") - first
        own = np.repeat(np.arange(len(count)), count)
        return np.stack([own, np.arange(len(own)) + np.repeat(first - np.cumsum(count) + count, count)])

    def regions(self, values: NDArray[Any], row: int) -> Components:
        """Every run as a region of the raster whose rows `values` begin at `row`."""
        line = self.begin // self.stride
        begin, end = self.begin - line - 1, self.end - line - 1
        edges = np.stack([begin, end], axis=1).ravel()
        peak = np.maximum.reduceat(values.ravel(), edges[edges < values.size])[::2]
        width, above = self.stride - 1, line + row
        left, right = begin - line * width, end - line * width
        return Components(
            np.stack([above, left], axis=1),
            np.stack([above, left, above + 1, right], axis=1),
            end - begin,
            peak.astype(np.float64),
        )


def find_components(strips: Iterable[NDArray[Any]], threshold: float) -> Components:
    """Find where a raster reaches a threshold, connected over eight neighbours.

    Parameters
    ----------
    strips
        (n, width) each, from top to bottom without gaps; NaN is below every threshold.
    """
    parts, links, row, total = [_NONE], [np.zeros((2, 0), np.int64)], 0, 0
    above: tuple[_Runs, Integers] | None = None
    for strip in strips:
        runs = _Runs.of(strip >= threshold)
        found, number = _joined(runs.regions(strip, row), runs.links(runs))
        upper, own = runs.of_row(0, at=1)
        if above is not None:
            a, b = above[0].links(upper)
            links.append(np.stack([above[1][a], number[own][b] + total]))
        lower, own = runs.of_row(len(strip) - 1, at=0)
        above = lower, number[own] + total
        parts.append(found)
        row, total = row + len(strip), total + len(found)
    return _joined(_all(parts), np.concatenate(links, axis=1))[0]


def _all(parts: Sequence[Components]) -> Components:
    """Regions of several strips one after the other."""
    columns = zip(*((part.first, part.box, part.area_px, part.peak) for part in parts), strict=True)
    return Components(*(np.concatenate(column) for column in columns))


def _joined(parts: Components, links: Integers) -> tuple[Components, Integers]:
    """Put parts in the order of their first pixels together where they are linked; also the region of each part."""
    graph = coo_array((np.ones(links.shape[1], np.int8), tuple(links)), shape=(len(parts),) * 2)
    label = connected_components(graph, directed=False)[1] if len(parts) else np.zeros(0, np.intp)
    _, first, label = np.unique(label, return_index=True, return_inverse=True)
    label, first = np.argsort(np.argsort(first))[label], np.sort(first)
    order = np.argsort(label, kind="stable")
    starts = np.searchsorted(label[order], np.arange(len(first)))
    corner, end = np.minimum.reduceat(parts.box[order, :2], starts), np.maximum.reduceat(parts.box[order, 2:], starts)
    area, peak = np.add.reduceat(parts.area_px[order], starts), np.maximum.reduceat(parts.peak[order], starts)
    return Components(parts.first[first], np.concatenate([corner, end], axis=1), area, peak), label

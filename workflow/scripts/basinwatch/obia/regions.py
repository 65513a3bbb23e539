"""Regions of a segmentation as arrays, and the compiled steps that merge them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Costs are compared in steps of this size, so that the last digit of a sum never decides between equals.
_COST_STEP = 2.0**-20
_SMALL = 48


class Regions(NamedTuple):
    """Regions in the order of their first pixels.

    Parameters
    ----------
    first
        int32 (n,) number of the first pixel, counted row by row over the whole image.
    pixels
        int32 (n,) how many.
    sums, squares
        float64 (n, bands) of the values and of their squares.
    perimeter
        int32 (n,) pixel edges.
    box
        int32 (n, 4): first row and column, last row and column + 1.
    start, neighbour, common
        The neighbours of region i are `neighbour`[`start`[i]:`start`[i + 1]], ascending, with `common` edges.
    """

    first: NDArray[np.int32]
    pixels: NDArray[np.int32]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    perimeter: NDArray[np.int32]
    box: NDArray[np.int32]
    start: NDArray[np.int64]
    neighbour: NDArray[np.int32]
    common: NDArray[np.int32]


def pixel_regions(
    values: NDArray[np.floating[Any]], valid: NDArray[np.bool_], corner: tuple[int, int], width: int
) -> Regions:
    """Every valid pixel as a region of its own, with its up to four neighbours.

    Parameters
    ----------
    values
        (y, x, bands).
    valid
        (y, x).
    corner, width
        Row and column of the first pixel in the whole image, and columns of the whole image.
    """
    rows, columns = np.nonzero(valid)
    own = values[rows, columns].astype(np.float64)
    top, left = rows + corner[0], columns + corner[1]
    start, neighbour = _pixel_neighbours(valid)
    return Regions(
        first=(top * width + left).astype(np.int32),
        pixels=np.ones(rows.size, np.int32),
        sums=own,
        squares=own**2,
        perimeter=np.full(rows.size, 4, np.int32),
        box=np.stack([top, left, top + 1, left + 1], axis=1).astype(np.int32),
        start=start,
        neighbour=neighbour,
        common=np.ones(neighbour.size, np.int32),
    )


@njit(cache=True, nogil=True)
def _pixel_neighbours(valid: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Neighbours of all valid pixels, numbered row by row."""
    height, width = valid.shape
    number = np.full((height + 2, width + 2), -1, np.int32)
    total = 0
    for row in range(height):
        for column in range(width):
            if valid[row, column]:
                number[row + 1, column + 1] = total
                total += 1
    start, neighbour = np.zeros(total + 1, np.int64), np.empty(4 * total, np.int32)
    region = end = 0
    for row in range(1, height + 1):
        for column in range(1, width + 1):
            if number[row, column] < 0:
                continue
            for other in (number[row - 1, column], number[row, column - 1],
                          number[row, column + 1], number[row + 1, column]):  # fmt: skip
                if other >= 0:
                    neighbour[end] = other
                    end += 1
            region += 1
            start[region] = end
    return start, neighbour[:end].copy()


@njit(cache=True, nogil=True)
def _shape_term(count: float, perimeter: float, half_box: float, compactness: float) -> float:
    """Weighted compactness n·ℓ/√n and smoothness n·ℓ/b of a region, b twice `half_box`."""
    return compactness * perimeter * np.sqrt(count) + (1 - compactness) * count * perimeter / (2 * half_box)


@njit(cache=True, nogil=True)
def heterogeneity(
    regions: Regions, weights: NDArray[np.float64], shape: float, compactness: float
) -> NDArray[np.float64]:
    """(1 − shape)·Σ w·n·σ + shape·(shape term) of every region, after Baatz & Schäpe (2000), float64 (n,)."""
    found = np.empty(regions.pixels.size)
    for region in range(found.size):
        count, colour = float(regions.pixels[region]), 0.0
        for band in range(weights.size):
            total = regions.sums[region, band]
            colour += weights[band] * np.sqrt(max(count * regions.squares[region, band] - total * total, 0.0))
        box = regions.box[region]
        half_box = float(box[2] - box[0] + box[3] - box[1])
        form = _shape_term(count, float(regions.perimeter[region]), half_box, compactness)
        found[region] = (1 - shape) * colour + shape * form
    return found


@njit(cache=True, nogil=True)
def _joint(
    regions: Regions, a: int, b: int, common: int, weights: NDArray[np.float64], shape: float, compactness: float
) -> float:
    """Heterogeneity of the union of two regions."""
    count, colour = float(regions.pixels[a]) + float(regions.pixels[b]), 0.0
    for band in range(weights.size):
        total = regions.sums[a, band] + regions.sums[b, band]
        square = regions.squares[a, band] + regions.squares[b, band]
        colour += weights[band] * np.sqrt(max(count * square - total * total, 0.0))
    one, other = regions.box[a], regions.box[b]
    height = max(one[2], other[2]) - min(one[0], other[0])
    width = max(one[3], other[3]) - min(one[1], other[1])
    perimeter = float(regions.perimeter[a]) + float(regions.perimeter[b]) - 2.0 * common
    form = _shape_term(count, perimeter, float(height + width), compactness)
    return (1 - shape) * colour + shape * form


@njit(cache=True, nogil=True)
def find_best(
    regions: Regions, own: NDArray[np.float64], changed: NDArray[np.bool_], best: NDArray[np.int32],
    cost: NDArray[np.float64], weights: NDArray[np.float64], shape: float, compactness: float,
) -> None:  # fmt: skip
    """Set the neighbour that changed regions merge with at the least cost, ties to the lower number, and that cost."""
    for region in range(changed.size):
        if not changed[region]:
            continue
        best[region], cost[region] = -1, np.inf
        for place in range(regions.start[region], regions.start[region + 1]):
            other = regions.neighbour[place]
            joint = _joint(regions, region, other, regions.common[place], weights, shape, compactness)
            growth = np.rint((joint - (own[region] + own[other])) / _COST_STEP) * _COST_STEP
            if growth < cost[region]:
                best[region], cost[region] = other, growth


@njit(cache=True, nogil=True)
def find_mates(
    best: NDArray[np.int32], cost: NDArray[np.float64], limit: float
) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """Pairs that are each other's best below the limit.

    Returns
    -------
    mate, new
        int32 (n,): partner or −1, and number after the merge; regions that survive keep their order.
    left
        How many survive.
    """
    mate, new = np.full(best.size, -1, np.int32), np.empty(best.size, np.int32)
    left = 0
    for region in range(best.size):
        other = best[region]
        if other >= 0 and best[other] == region and cost[region] < limit:
            mate[region] = other
        if mate[region] >= 0 and other < region:
            new[region] = new[other]
        else:
            new[region] = left
            left += 1
    return mate, new, left


@njit(cache=True, nogil=True)
def _sort(keys: NDArray[np.int64]) -> None:
    """Sort in place; most lists are short."""
    if keys.size > _SMALL:
        keys[:] = np.sort(keys)
        return
    for place in range(1, keys.size):
        key, at = keys[place], place
        while at > 0 and keys[at - 1] > key:
            keys[at] = keys[at - 1]
            at -= 1
        keys[at] = key


@njit(cache=True, nogil=True)
def _gather(regions: Regions, region: int, new: NDArray[np.int32], keys: NDArray[np.int64], filled: int) -> int:
    """Append a region's neighbours under their new numbers, with their common edges, to `keys`."""
    own = new[region]
    for place in range(regions.start[region], regions.start[region + 1]):
        other = new[regions.neighbour[place]]
        if other != own:
            keys[filled] = (np.int64(other) << 32) | regions.common[place]
            filled += 1
    return filled


@njit(cache=True, nogil=True)
def _touched(regions: Regions, mate: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which regions merge or lie beside one that does."""
    touched = mate >= 0
    for region in range(mate.size):
        place = regions.start[region]
        while not touched[region] and place < regions.start[region + 1]:
            touched[region] = mate[regions.neighbour[place]] >= 0
            place += 1
    return touched


@njit(cache=True, nogil=True)
def merge_neighbours(
    regions: Regions, mate: NDArray[np.int32], new: NDArray[np.int32], touched: NDArray[np.bool_], left: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Neighbours after a merge; see :class:`Regions`."""
    start, neighbour = np.zeros(left + 1, np.int64), np.empty_like(regions.neighbour)
    common = np.empty_like(regions.common)
    keys = np.empty(2 * (regions.start[1:] - regions.start[:-1]).max(), np.int64)
    end = 0
    for region in range(mate.size):
        if 0 <= mate[region] < region:
            continue
        filled = _gather(regions, region, new, keys, 0)
        if mate[region] >= 0:
            filled = _gather(regions, mate[region], new, keys, filled)
        if touched[region]:
            _sort(keys[:filled])
        begin = end
        for key in keys[:filled]:
            other, edges = np.int32(key >> 32), np.int32(key & 0xFFFFFFFF)
            if end > begin and neighbour[end - 1] == other:
                common[end - 1] += edges
            else:
                neighbour[end], common[end] = other, edges
                end += 1
        start[new[region] + 1] = end
    return start, neighbour[:end].copy(), common[:end].copy()


def merge(
    regions: Regions, mate: NDArray[np.int32], new: NDArray[np.int32], left: int
) -> tuple[Regions, NDArray[np.bool_]]:
    """Merge the pairs that `mate` names.

    Returns
    -------
    Regions
        What is left.
    NDArray
        bool (regions before,): which merged or lie beside one that did.
    """
    touched = _touched(regions, mate)
    kept = np.flatnonzero((mate < 0) | (mate > np.arange(mate.size)))
    joined = np.flatnonzero(mate[kept] >= 0)
    one, other = kept[joined], mate[kept[joined]]
    pixels, sums, squares = regions.pixels[kept], regions.sums[kept], regions.squares[kept]
    perimeter, box = regions.perimeter[kept], regions.box[kept]
    pixels[joined] += regions.pixels[other]
    sums[joined] += regions.sums[other]
    squares[joined] += regions.squares[other]
    perimeter[joined] += regions.perimeter[other] - 2 * _common_edges(regions, one, other)
    box[joined, :2] = np.minimum(regions.box[one, :2], regions.box[other, :2])
    box[joined, 2:] = np.maximum(regions.box[one, 2:], regions.box[other, 2:])
    start, neighbour, common = merge_neighbours(regions, mate, new, touched, left)
    kept_first = regions.first[kept]
    return Regions(kept_first, pixels, sums, squares, perimeter, box, start, neighbour, common), touched


@njit(cache=True, nogil=True)
def _common_edges(regions: Regions, one: NDArray[np.int64], other: NDArray[np.int32]) -> NDArray[np.int32]:
    """Edges that pairs of neighbours share."""
    edges = np.zeros(one.size, np.int32)
    for pair in range(one.size):
        for place in range(regions.start[one[pair]], regions.start[one[pair] + 1]):
            if regions.neighbour[place] == other[pair]:
                edges[pair] = regions.common[place]
    return edges

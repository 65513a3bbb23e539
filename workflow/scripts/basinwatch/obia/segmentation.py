"""Multiresolution segmentation (Baatz & Schäpe 2000) by local mutual best fitting, in tiles that leave no trace.

In every round all pairs of neighbours that are each other's best merge at once, so the result depends neither on an
order of visits nor on the number of cores. Tiles do the first rounds alone, with a margin so wide that what lies beyond
cannot reach their own pixels (Lassalle et al. 2015); then the regions of all tiles are put together and go
on as one graph. The result is that of the whole image at once, to the last pixel.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.obia.regions import Regions, find_best, find_mates, heterogeneity, merge, pixel_regions

Labels = NDArray[np.int32]
# Values (y, x, bands) and which pixels are valid (y, x) of some rows and columns.
Read = Callable[[slice, slice], tuple[NDArray[np.floating[Any]], NDArray[np.bool_]]]

TILE_PX = 1024
TILE_ROUNDS = 5
_MARGIN_PX = 3 * 2**TILE_ROUNDS - 1
_MOST_PIXELS = 2**31 - 1


@dataclass(frozen=True)
class Criterion:
    """When two neighbours merge: while the growth of heterogeneity is below `scale`².

    Parameters
    ----------
    scale
        The larger, the larger the segments; in units of the bands, so bands must be brought to 0…255 for published
        values to mean anything.
    shape
        0…1, weight of shape beside colour.
    compactness
        0…1, weight of compactness beside smoothness within shape.
    weights
        Of the bands; None weighs all alike with 1.
    """

    scale: float = 50.0
    shape: float = 0.2
    compactness: float = 0.5
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.scale <= 0 or not 0 <= self.shape <= 1 or not 0 <= self.compactness <= 1:
            raise InputError(
                f"segmentation: found scale {self.scale}, shape {self.shape} and compactness {self.compactness}, "
                "expected a positive scale and shares from 0 to 1; correct the settings."
            )

    def of(self, bands: int) -> tuple[NDArray[np.float64], float, float]:
        """Weights of so many bands, shape and compactness.

        Raises
        ------
        InputError
            If there are not as many weights as bands.
        """
        weights = (1.0,) * bands if self.weights is None else self.weights
        if len(weights) != bands:
            raise InputError(
                f"segmentation: found {len(weights)} weights, expected one for each of {bands} bands; correct them."
            )
        return np.array(weights, np.float64), float(self.shape), float(self.compactness)


@dataclass(frozen=True)
class Segments:
    """A segmented image.

    Parameters
    ----------
    regions
        The segments, in the order of their first pixels.
    labels
        int32 (y, x): number of each pixel's segment from 1 on; 0 where there is no data.
    """

    regions: Regions
    labels: Labels


def segment(
    read: Read, shape: tuple[int, int], criterion: Criterion, *, tile_px: int = TILE_PX, threads: int = 1
) -> Segments:
    """Segment an image.

    Parameters
    ----------
    read
        Gives the pixels of a window, see :func:`array_reader`; called from several threads.
    shape
        Rows and columns of the image.
    criterion
        When regions merge.
    tile_px
        Side of the tiles; memory grows with its square, the result does not depend on it.
    threads
        Tiles at a time.

    Raises
    ------
    InputError
        If the image has too many pixels to number, or the criterion does not suit its bands.
    """
    labels = _blank(shape)
    # Nothing else holds on to what the tiles made, so it goes as soon as the first merge is done.
    regions, members = grow(_begin_tiles(read, labels, criterion, tile_px, threads), criterion)
    return Segments(regions, relabel(labels, members))


def levels(begun: Segments, criterion: Criterion, scales: Sequence[float]) -> Iterator[tuple[float, Segments]]:
    """Grow what :func:`begin` made with the first of `scales` to each of them in turn, smaller ones nested in larger.

    Every level goes on from the one before, so it may differ from a segmentation of its scale alone.
    """
    regions, labels = begun.regions, begun.labels
    for scale in scales:
        regions, members = grow(regions, replace(criterion, scale=scale))
        labels = relabel(labels, members)
        yield scale, Segments(regions, labels)


def relabel(labels: Labels, members: NDArray[np.int32]) -> Labels:
    """Give pixels the numbers of what their regions (numbered from 1) have become part of."""
    return np.concatenate([np.zeros(1, np.int32), members + np.int32(1)])[labels]


def grow(regions: Regions, criterion: Criterion, rounds: int | None = None) -> tuple[Regions, NDArray[np.int32]]:
    """Merge in rounds, until nothing merges or so many are done.

    Returns
    -------
    Regions
        What is left.
    NDArray
        int32 (regions before,): the number in what is left.
    """
    rule, limit = criterion.of(regions.sums.shape[1]), float(criterion.scale) ** 2
    size = regions.pixels.size
    members = np.arange(size, dtype=np.int32)
    changed, best, cost = np.ones(size, bool), np.full(size, -1, np.int32), np.full(size, np.inf)
    for _ in itertools.count() if rounds is None else range(rounds):
        find_best(regions, heterogeneity(regions, *rule), changed, best, cost, *rule)
        mate, new, left = find_mates(best, cost, limit)
        if left == best.size:
            break
        regions, touched = merge(regions, mate, new, left)
        members = new[members]
        kept = (mate < 0) | (mate > np.arange(mate.size))
        # A region beside no merge keeps its best, under that one's new number.
        changed, cost, best = touched[kept], cost[kept], new[best[kept]]
    return regions, members


def begin(
    read: Read, shape: tuple[int, int], criterion: Criterion, *, tile_px: int = TILE_PX, threads: int = 1
) -> Segments:
    """First rounds of a segmentation, tile by tile; see :func:`segment`."""
    labels = _blank(shape)
    return Segments(_begin_tiles(read, labels, criterion, tile_px, threads), labels)


def _blank(shape: tuple[int, int]) -> Labels:
    """Labels of an image of which nothing is known yet."""
    if shape[0] * shape[1] > _MOST_PIXELS:
        raise InputError(
            f"segmentation: found an image of {shape[0]} by {shape[1]} pixels, expected at most {_MOST_PIXELS} in all; "
            "cut it into areas."
        )
    return np.full(shape, -1, np.int32)


def _begin_tiles(read: Read, labels: Labels, criterion: Criterion, tile_px: int, threads: int) -> Regions:
    """Put the first regions of all tiles together, and number the pixels by them."""
    sides = [[slice(first, min(first + tile_px, side)) for first in range(0, side, tile_px)] for side in labels.shape]
    windows = list(itertools.product(*sides))
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(lambda window: _tile(read, window, criterion, labels), windows)
        columns = [list(column) for column in zip(*parts, strict=True)]
    regions = _join(columns)
    for window in windows:
        found = labels[window]
        labels[window] = np.where(found < 0, 0, np.searchsorted(regions.first, found) + 1)
    return regions


def _tile(read: Read, core: tuple[slice, slice], criterion: Criterion, labels: Labels) -> Regions:
    """Grow the regions of a tile, mark its pixels with the first pixels of theirs, and keep those that begin in it.

    Neighbours are named by their first pixels, since they may belong to other tiles.
    """
    rows, columns = (
        slice(max(part.start - _MARGIN_PX, 0), min(part.stop + _MARGIN_PX, side))
        for part, side in zip(core, labels.shape, strict=True)
    )
    values, valid = read(rows, columns)
    pixels = pixel_regions(values, valid, (rows.start, columns.start), labels.shape[1])
    regions, members = grow(pixels, criterion, TILE_ROUNDS)
    seen = np.full(valid.shape, -1, np.int32)
    seen[valid] = regions.first[members]
    inner = tuple(slice(c.start - o.start, c.stop - o.start) for c, o in zip(core, (rows, columns), strict=True))
    labels[core] = seen[inner]
    row, column = np.divmod(regions.first, labels.shape[1])
    mine = (row >= core[0].start) & (row < core[0].stop) & (column >= core[1].start) & (column < core[1].stop)
    return _named(regions, np.flatnonzero(mine))


def _named(regions: Regions, kept: NDArray[np.intp]) -> Regions:
    """Pick some of the regions; their neighbours are named by first pixels."""
    degree = np.diff(regions.start)[kept]
    start = np.concatenate([[0], np.cumsum(degree)])
    places = np.repeat(regions.start[kept] - start[:-1], degree) + np.arange(start[-1])
    return Regions(
        first=regions.first[kept],
        pixels=regions.pixels[kept],
        sums=regions.sums[kept],
        squares=regions.squares[kept],
        perimeter=regions.perimeter[kept],
        box=regions.box[kept],
        start=start,
        neighbour=regions.first[regions.neighbour[places]],
        common=regions.common[places],
    )


def _join(columns: list[list[NDArray[Any]]]) -> Regions:
    """Put the regions of all tiles in one order, and number their neighbours.

    Parameters
    ----------
    columns
        Of every field of :class:`Regions` the arrays of all tiles; emptied one by one, since they are large.
    """
    firsts, pixels, sums, squares, perimeter, box, starts, named, common = columns
    order = np.argsort(np.concatenate(firsts))
    first = _taken(firsts, order)
    degree = np.concatenate([np.diff(start) for start in starts])
    begins = np.concatenate([[0], np.cumsum(degree)])[:-1]
    start = np.concatenate([[0], np.cumsum(degree[order])])
    places = np.repeat(begins[order] - start[:-1], degree[order]) + np.arange(start[-1])
    return Regions(
        first=first,
        pixels=_taken(pixels, order),
        sums=_taken(sums, order),
        squares=_taken(squares, order),
        perimeter=_taken(perimeter, order),
        box=_taken(box, order),
        start=start,
        neighbour=np.searchsorted(first, _taken(named, places)).astype(np.int32),
        common=_taken(common, places),
    )


def _taken(arrays: list[NDArray[Any]], places: NDArray[np.integer]) -> NDArray[Any]:
    """Join arrays, empty their list, and take these places."""
    joined = np.concatenate(arrays)
    arrays.clear()
    return joined[places]


def array_reader(values: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> Read:
    """Read windows of an array (bands, y, x); NaN is no data, and so is what `valid` (y, x) leaves out.

    The least value of each band counts as zero: a constant offset changes nothing but rounding.
    """
    known = np.isfinite(values).all(axis=0)
    known = known if valid is None else known & valid
    lowest = np.array([band[known].min() if known.any() else 0 for band in values], np.float64)

    def read(rows: slice, columns: slice) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        window = np.moveaxis(values[:, rows, columns], 0, -1) - lowest
        return window, known[rows, columns]

    return read

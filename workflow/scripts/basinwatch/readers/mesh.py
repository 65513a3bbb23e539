"""Where the pixels of a map lie between the pixels of an image of which it is known where they lie on the map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAX_SPAN_PX = 32
_EDGE = 1e-9

Float = NDArray[np.float64]


def fill(places: NDArray[np.complex128], x: Float, y: Float, line: int) -> None:
    """Enter the places of the map's pixels into `places`, linear in the two triangles between four pixels.

    Parameters
    ----------
    places
        Complex (y, x) of the map: column + 1j · row of the image. Pixels outside its triangles keep what they have; of
        triangles that overlap the last counts.
    x, y
        Column and row of the map at which the image's pixels lie, (rows, columns) of the image; NaN where unknown.
        Triangles that span more than 32 pixels of the map are gaps of the image.
    line
        Number of the first row of the image.
    """
    rows, columns = np.indices((x.shape[0] - 1, x.shape[1] - 1)).reshape(2, -1)
    upper, lower = (slice(None, -1), slice(None, -1)), (slice(1, None), slice(1, None))
    right, below = (slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))
    start = columns + 1j * (rows + line)
    _fill_triangles(places, [(x[at].ravel(), y[at].ravel()) for at in (upper, right, below)], start, 1)
    _fill_triangles(places, [(x[at].ravel(), y[at].ravel()) for at in (lower, below, right)], start + (1 + 1j), -1)


def _fill_triangles(
    places: NDArray[np.complex128], corners: list[tuple[Float, Float]], start: NDArray[np.complex128], sign: int
) -> None:
    """Enter the pixels inside triangles.

    Parameters
    ----------
    corners
        Columns and rows on the map of the triangle's first corner, of the one `sign` columns from it in the image, and
        of the one `sign` rows from it.
    start
        Place of the first corner.
    """
    xs, ys = (np.stack([corner[axis] for corner in corners]) for axis in (0, 1))
    left, right = np.ceil(xs.min(axis=0)), np.floor(xs.max(axis=0))
    top, bottom = np.ceil(ys.min(axis=0)), np.floor(ys.max(axis=0))
    with np.errstate(invalid="ignore"):
        is_small = (right - left < _MAX_SPAN_PX) & (bottom - top < _MAX_SPAN_PX)
        left, top = np.maximum(left, 0), np.maximum(top, 0)
        right, bottom = np.minimum(right, places.shape[1] - 1), np.minimum(bottom, places.shape[0] - 1)
        kept = is_small & (right >= left) & (bottom >= top)
    boxes = np.stack([left, top, right, bottom])[:, kept].astype(np.int64)
    owner, column, row = _pixels_of(boxes)
    xs, ys, start = xs[:, kept][:, owner], ys[:, kept][:, owner], start[kept][owner]
    across, along = _shares(xs, ys, column, row)
    with np.errstate(invalid="ignore"):
        inside = (across >= -_EDGE) & (along >= -_EDGE) & (across + along <= 1 + _EDGE)
    step = sign * (np.clip(across, 0, 1) + 1j * np.clip(along, 0, 1))
    places[row[inside], column[inside]] = (start + step)[inside]


def _pixels_of(boxes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of the box, column and row of every pixel in boxes (left, top, right, bottom; all inside)."""
    left, top, right, bottom = boxes
    widths = right - left + 1
    counts = widths * (bottom - top + 1)
    owner = np.repeat(np.arange(counts.size), counts)
    number = np.arange(owner.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return owner, left[owner] + number % widths[owner], top[owner] + number // widths[owner]


def _shares(xs: Float, ys: Float, column: NDArray[Any], row: NDArray[Any]) -> tuple[Float, Float]:
    """How far pixels lie towards the second and the third corner of their triangles; NaN in one without area."""
    (x, y), (across_x, across_y), (along_x, along_y) = (
        (xs[0], ys[0]), (xs[1] - xs[0], ys[1] - ys[0]), (xs[2] - xs[0], ys[2] - ys[0]),
    )  # fmt: skip
    area = across_x * along_y - across_y * along_x
    area[area == 0] = np.nan
    right, down = column - x, row - y
    return (right * along_y - down * along_x) / area, (down * across_x - right * across_y) / area

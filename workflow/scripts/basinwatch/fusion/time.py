"""Displacement of several tracks on common dates, by Akima's interpolation of each pixel's own observations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError

Array = NDArray[np.float64]

MAX_GAP_DAYS = 48.0
_CHUNK_PX = 4096
# Akima's weights are meaningless where the slopes around a point change by less than this share of the largest change.
_FLAT = 1e-9


def common_dates(chosen: Sequence[date], others: Sequence[Sequence[date]]) -> list[date]:
    """Dates of one track that lie within the time spans of all others.

    Raises
    ------
    InputError
        If there are fewer than two.
    """
    first, last = max(min(dates) for dates in others), min(max(dates) for dates in others)
    inside = [day for day in chosen if first <= day <= last]
    if len(inside) < 2:
        raise InputError(
            f"fusion: found {len(inside)} of {len(chosen)} dates of the first track inside the time span that all "
            f"others share ({first} to {last}), expected at least 2; fuse tracks that overlap in time."
        )
    return inside


def interpolate(
    days: NDArray[np.floating[Any]],
    series: NDArray[np.floating[Any]],
    wanted: NDArray[np.floating[Any]],
    max_gap_days: float = MAX_GAP_DAYS,
) -> Array:
    """Interpolate series in time.

    Parameters
    ----------
    days
        (dates,), increasing.
    series
        (dates, …); NaN is left out, pixel by pixel.
    wanted
        (k,) times.
    max_gap_days
        Between valid neighbours further apart nothing is interpolated.

    Returns
    -------
    ndarray
        (k, …), NaN outside the valid dates of a pixel and inside its gaps. Equal to
        `scipy.interpolate.Akima1DInterpolator` of the pixel's valid dates (Akima 1970).

    Raises
    ------
    ValueError
        If shapes disagree or `days` do not increase.
    """
    times, targets = days.astype(np.float64), wanted.astype(np.float64)
    if days.ndim != 1 or len(days) != len(series) or (np.diff(days) <= 0).any():
        raise ValueError(f"expected increasing days, one per row of the series; found {days.shape} and {series.shape}")
    pixels = series.reshape(len(days), -1)
    result = np.full((len(wanted), pixels.shape[1]), np.nan)
    seen = np.isfinite(pixels)
    count = seen.sum(0)
    whole, part = np.flatnonzero(count == len(days)), np.flatnonzero((count > 1) & (count < len(days)))
    for chosen in (*_chunks(whole), *_chunks(part)):
        knots, values = _packed(times, pixels[:, chosen], seen[:, chosen])
        position = _intervals(times, targets, seen[:, chosen])
        result[:, chosen] = _akima(knots, values, count[chosen], targets, position, max_gap_days)
    return result.reshape(len(wanted), *series.shape[1:])


def _chunks(chosen: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Cut a list of pixels into pieces that stay in the processor's cache."""
    return [chosen[start : start + _CHUNK_PX] for start in range(0, len(chosen), _CHUNK_PX)]


def _packed(days: Array, pixels: NDArray[np.floating[Any]], seen: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Move each pixel's valid dates to the front; times (dates, P), or (dates, 1) where all are valid."""
    if seen.all():
        return days[:, None], pixels.astype(np.float64)
    order = np.argsort(~seen, axis=0, kind="stable")
    return days[order], np.take_along_axis(pixels, order, 0).astype(np.float64)


def _intervals(days: Array, wanted: Array, seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Find the valid interval that each wanted time lies in, (k, P); the last date belongs to the last one."""
    before = np.searchsorted(days, wanted, side="right")
    known = np.concatenate([np.zeros((1, seen.shape[1]), np.int64), seen.cumsum(0)])
    return np.clip(known[before] - 1, 0, known[-1] - 2)


def _akima(
    knots: Array, values: Array, count: NDArray[np.int64], wanted: Array, position: NDArray[np.int64], max_gap: float
) -> Array:
    """Evaluate the cubics of P pixels whose first `count` rows are valid."""
    step = np.diff(knots, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Rows behind a pixel's last date hold those that were left out: never looked at.
        slope = np.diff(values, axis=0) / step
    tangent = _tangents(slope, count)

    def at(rows: Array, shift: int = 0) -> Array:
        column = np.broadcast_to(rows, (len(rows), values.shape[1]))
        return np.take_along_axis(column, position + shift, 0)

    width, left, right, chord = at(step), at(tangent), at(tangent, 1), at(slope)
    past = wanted[:, None] - at(knots)
    bend = (left + right - 2 * chord) / width
    result = at(values) + left * past
    result += ((chord - left) / width - bend) * (past * past)
    result += (bend / width) * (past * past * past)
    on_date = (past == 0) | (past == width)
    outside = (past < 0) | (past > width) | ((width > max_gap) & ~on_date)
    return np.where(outside, np.nan, result)


def _tangents(slope: Array, count: NDArray[np.int64]) -> Array:
    """Weigh the slopes of the two intervals on either side of every knot, (dates, P)."""
    known = np.arange(len(slope))[:, None] < count - 1
    m = np.zeros((len(slope) + 4, slope.shape[1]))
    m[2:-2] = np.where(known, slope, 0)
    # One slope alone is the slope everywhere.
    m[3] = np.where(count > 2, m[3], m[2])
    for row in range(3, len(m)):
        beyond = row - 2 >= np.maximum(count - 1, 2)
        m[row] = np.where(beyond, 2 * m[row - 1] - m[row - 2], m[row])
    m[1] = 2 * m[2] - m[3]
    m[0] = 2 * m[1] - m[2]
    change = np.abs(np.diff(m, axis=0))
    ahead, behind = change[2:], change[:-2]
    total = ahead + behind
    inside = np.arange(len(total))[:, None] < count
    defined = total > _FLAT * np.where(inside, total, 0).max(0)
    share = np.divide(behind, total, out=np.zeros_like(total), where=defined)
    return np.where(defined, m[1:-2] + share * (m[2:-1] - m[1:-2]), 0.5 * (m[3:] + m[:-3]))

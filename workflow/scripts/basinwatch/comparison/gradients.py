"""How steep a basin is in wrapped phase, and in which pairs of the rate map it is too steep to unwrap.

Unwrapping needs less than half a cycle (a quarter of the wavelength of displacement) between neighbouring pixels. The
gradient of short pairs adds up over a longer one, so short wrapped pairs tell which longer ones must fail. It is a
lower bound: a gradient beyond half a cycle within a short pair folds back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from basinwatch.grid import Grid
from basinwatch.vectors import Footprint, footprints

WINDOW_PX = 5
# Mean of this many unit phasors of pure noise hardly ever reaches the limit.
_LEAST_CONSISTENCY = 0.5
_LEAST_PX = 10
_STEEP_QUANTILE = 0.95


def fringe_gradients(
    basins: gpd.GeoDataFrame,
    detected: pd.DataFrame,
    pairs: Iterable[tuple[date, date, NDArray[np.floating[Any]]]],
    grid: Grid,
) -> pd.DataFrame:
    """Measure how steep each basin is in the pairs that detect it.

    Parameters
    ----------
    basins
        Outlines in the CRS of `grid`, with column ``basin``.
    detected
        Rows ``basin``, ``date1``, ``date2`` (ISO) of the pairs that detect a basin.
    pairs
        (earlier date, later date, wrapped phase (y, x) in radians), read one at a time.

    Returns
    -------
    DataFrame
        ``basin``, ``date1``, ``date2``, ``gradient_rad`` (per pixel; 95 % of the basin's coherent pixels are less
        steep) of the pairs in which enough of the basin is coherent.
    """
    places = dict(zip(basins["basin"], footprints(basins.geometry, grid), strict=True))
    wanted = detected.groupby(["date1", "date2"])["basin"].agg(set).to_dict()
    rows = []
    for first, second, phase in pairs:
        dates = first.isoformat(), second.isoformat()
        names = sorted(wanted.get(dates, set()) & set(places))
        rows += [(name, *dates, _steepness(phase, places[name])) for name in names]
    found = pd.DataFrame(rows, columns=["basin", "date1", "date2", "gradient_rad"])
    return found.dropna(ignore_index=True).astype({"gradient_rad": "float64"})


def _steepness(phase: NDArray[np.floating[Any]], place: Footprint) -> float:
    """Gradient that few pixels of a place exceed, radians per pixel; NaN where too little is coherent."""
    rows, columns = (slice(max(s.start - WINDOW_PX, 0), s.stop + WINDOW_PX) for s in (place.rows, place.columns))
    gradient = local_gradient(phase[rows, columns])
    top, left = place.rows.start - rows.start, place.columns.start - columns.start
    height, width = place.mask.shape
    inside = gradient[top : top + height, left : left + width][place.mask]
    known = inside[np.isfinite(inside)]
    return float(np.quantile(known, _STEEP_QUANTILE)) if known.size >= _LEAST_PX else np.nan


def local_gradient(phase: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Larger of the phase differences to the next column and row, (y, x) in 0…π radians.

    Differences are averaged as phasors over a small window; NaN where they do not agree.
    """
    valid = np.isfinite(phase)
    phasor = np.where(valid, np.exp(1j * np.where(valid, phase, 0.0)), 0)
    steepest = np.full(phase.shape, np.nan)
    for axis in (0, 1):
        step = np.zeros(phase.shape, complex)
        own, following = ([slice(None)] * 2 for _ in range(2))
        own[axis], following[axis] = slice(None, -1), slice(1, None)
        step[tuple(own)] = phasor[tuple(following)] * phasor[tuple(own)].conj()
        size = {"size": WINDOW_PX, "mode": "constant"}
        mean = ndimage.uniform_filter(step.real, **size) + 1j * ndimage.uniform_filter(step.imag, **size)
        share = ndimage.uniform_filter((step != 0).astype(np.float64), **size)
        agreeing = np.abs(mean) > _LEAST_CONSISTENCY * np.maximum(share, 1 / WINDOW_PX)
        steepest = np.fmax(steepest, np.where(agreeing, np.abs(np.angle(mean)), np.nan))
    return np.where(valid, steepest, np.nan)


def network_gradients(
    gradients: pd.DataFrame, network_pairs: Sequence[tuple[date, date]]
) -> dict[str, NDArray[np.float64]]:
    """Predict how steep each basin is in every pair of the rate map.

    Parameters
    ----------
    gradients
        Result of :func:`fringe_gradients`.
    network_pairs
        (earlier, later) dates of the pairs the rate comes from.

    Returns
    -------
    dict
        Basin to radians per pixel, one per pair: the gradients of the detecting pairs, spread evenly over their days,
        added up over the days of the pair. Where several pairs cover a day, their mean.
    """
    spans = np.array([(first.toordinal(), second.toordinal()) for first, second in network_pairs])
    origin, end = int(spans.min()), int(spans.max())
    return {
        str(name): _added_up(rows, origin, end)[spans - origin] @ np.array([-1.0, 1.0])
        for name, rows in gradients.groupby("basin")
    }


def _added_up(rows: pd.DataFrame, origin: int, end: int) -> NDArray[np.float64]:
    """Gradient a basin gathers from day `origin` to each day until `end`."""
    total, count = np.zeros((2, end - origin))
    for first, second, gradient in zip(rows["date1"], rows["date2"], rows["gradient_rad"], strict=True):
        start, stop = (date.fromisoformat(day).toordinal() for day in (first, second))
        covered = slice(max(start - origin, 0), max(stop - origin, 0))
        total[covered] += gradient / (stop - start)
        count[covered] += 1
    return np.concatenate([[0.0], np.cumsum(total / np.maximum(count, 1))])

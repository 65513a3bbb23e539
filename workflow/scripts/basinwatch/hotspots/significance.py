"""Which scores are significant: two-sided p-values, classes, and the share of false discoveries.

The Benjamini-Hochberg limits are found without sorting the map: a fine histogram of |z| shows in which few bins
they lie, and only the scores in those bins are ranked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from basinwatch.hotspots.windows import Array

LEVELS = (0.10, 0.05, 0.01)
# A power of two, so that finding a score's bin is exact; p is zero in the last, open bin.
_BINS_PER_UNIT = 1024
_BINS = 64 * _BINS_PER_UNIT


def p_values(z: Array) -> Array:
    """Two-sided p of a standard normal score; NaN stays NaN."""
    p: Array = 2 * special.ndtr(-np.abs(z))
    return p


def significance(z: Array, false_discovery_rate: bool = False) -> NDArray[np.int8]:
    """Classes −3…3: sign of z times 1, 2, 3 for 90, 95, 99 % (two-sided); 0 not significant or NaN.

    With `false_discovery_rate` each level bounds the share of false discoveries among all pixels.
    """
    return classes_of(z, p_values(z), critical_p(lambda: [z]) if false_discovery_rate else LEVELS)


def classes_of(z: Array, p: Array, limits: Iterable[float]) -> NDArray[np.int8]:
    """Classes −3…3 of scores from the largest p of every level; NaN is 0."""
    level = np.zeros(z.shape, np.int8)
    for limit in limits:
        level += p <= limit
    return np.where(z < 0, -level, level)


def critical_p(scores: Callable[[], Iterable[Array]]) -> tuple[float, ...]:
    """Largest p-value of each level at which the share of false discoveries is bounded.

    Parameters
    ----------
    scores
        Gives the parts of the map's z; called twice. NaN does not count.

    Returns
    -------
    tuple
        One p per level; −1 where nothing is significant. Benjamini & Hochberg (1995).
    """
    counts = np.zeros(_BINS + 1, np.int64)
    for z in scores():
        counts += np.bincount(_bin(z), minlength=_BINS + 1)
    reaching = counts[::-1].cumsum()[::-1]
    ranges = [_undecided(alpha, counts, reaching) for alpha in LEVELS]
    wanted = np.zeros(_BINS + 1, bool)
    for first, stop in ranges:
        wanted[first:stop] = True
    picked = [_magnitudes(z)[wanted[_bin(z)]] for z in scores()]
    magnitude = np.sort(np.concatenate(picked) if picked else np.zeros(0))
    return tuple(_largest_passing(alpha, magnitude, span, reaching) for alpha, span in zip(LEVELS, ranges, strict=True))


def _magnitudes(z: Array) -> Array:
    """|z| of the finite scores, flat."""
    return np.abs(z[np.isfinite(z)])


def _bin(z: Array) -> NDArray[np.int64]:
    """Bin of every finite score, flat."""
    return np.minimum(_magnitudes(z) * _BINS_PER_UNIT, _BINS).astype(np.int64)


def _undecided(alpha: float, counts: NDArray[np.int64], reaching: NDArray[np.int64]) -> tuple[int, int]:
    """Bins that hold the smallest score that passes: from the first that might hold one to the first that must."""
    edges = p_values(np.arange(_BINS + 1) / _BINS_PER_UNIT)
    allowed = alpha * reaching / max(reaching[0], 1)
    filled = counts > 0
    possible = np.flatnonzero(filled & (np.append(edges[1:], 0.0) <= allowed))
    certain = np.flatnonzero(filled & (edges <= allowed))
    if not possible.size:
        return 0, 0
    return int(possible[0]), int(certain[0] if certain.size else _BINS) + 1


def _largest_passing(alpha: float, magnitude: Array, span: tuple[int, int], reaching: NDArray[Any]) -> float:
    """Rank the scores of a range of bins and return the largest p that passes, or −1."""
    first, stop = (int(np.searchsorted(magnitude, edge / _BINS_PER_UNIT)) for edge in span)
    if span[1] > _BINS:
        stop = magnitude.size
    p = p_values(magnitude[first:stop])
    beyond = reaching[span[1]] if span[1] <= _BINS else 0
    rank = beyond + np.arange(p.size, 0, -1)
    passed = np.flatnonzero(p <= alpha * rank / max(reaching[0], 1))
    return float(p[passed[0]]) if passed.size else -1.0

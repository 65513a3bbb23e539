"""How hot spots develop: Gi* of consecutive epochs, the Mann-Kendall test of its trend, and the pattern of the two."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.hotspots.windows import Array

DAYS_PER_YEAR = 365.25


class Pattern(IntEnum):
    """History of a pixel, from the epochs in which it was scored; see :func:`emerging_patterns`."""

    NONE = 0
    NEW = 1
    CONSECUTIVE = 2
    INTENSIFYING = 3
    PERSISTENT = 4
    DIMINISHING = 5
    SPORADIC = 6
    OSCILLATING = 7
    HISTORICAL = 8


@dataclass(frozen=True)
class EmergingSettings:
    """Definition of the patterns.

    Parameters
    ----------
    min_level
        Least class of a significant epoch: 1, 2, 3 for 90, 95, 99 %.
    lasting_share
        Share of the epochs that must be significant in a lasting hot spot.
    trend_p
        Largest p-value of a trend.
    """

    min_level: int = 2
    lasting_share: float = 0.9
    trend_p: float = 0.05


def epochs(days: NDArray[np.floating[Any]], length_days: float, min_dates: int = 3) -> list[slice]:
    """Cut acquisition times, increasing, into consecutive epochs; those with too few dates are left out."""
    count = int((days[-1] - days[0]) // length_days) + 1
    cuts = np.searchsorted(days, days[0] + length_days * np.arange(count + 1))
    return [slice(a, b) for a, b in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True) if b - a >= min_dates]


def slope_weights(days: NDArray[np.floating[Any]]) -> Array:
    """Weights of displacements at acquisition times whose sum is the slope of the straight line, per 365.25 days."""
    years = (days - days.mean()) / DAYS_PER_YEAR
    weights: Array = years / (years**2).sum()
    return weights


def mann_kendall(series: NDArray[np.floating[Any]]) -> tuple[NDArray[np.int32], Array]:
    """Test every series for a monotonic trend (Mann 1945, Kendall 1975).

    Parameters
    ----------
    series
        (epochs, …); NaN does not count.

    Returns
    -------
    score : int32 (…)
        Rising minus falling pairs.
    p : float64 (…)
        Exact two-sided p-value if there were no ties; with ties it is larger than the exact one. 1 for fewer than
        two values.
    """
    score = np.zeros(series.shape[1:], np.int32)
    for earlier, values in enumerate(series):
        for later in series[earlier + 1 :]:
            score += later > values
            score -= later < values
    count = np.isfinite(series).sum(0)
    p = np.ones(score.shape)
    for n in np.unique(count[count > 1]).tolist():
        p[count == n] = _kendall_p(n)[np.abs(score[count == n])]
    return score, p


def _kendall_p(n: int) -> Array:
    """Two-sided p of every |score| of n values in random order, 0…n(n − 1)/2."""
    inversions = reduce(np.convolve, (np.full(size, 1 / size) for size in range(2, n + 1)))
    # The number of falling pairs has this distribution; the score is the number of all pairs less twice that.
    falling = np.arange(len(inversions))
    score = np.abs(len(inversions) - 1 - 2 * falling)
    probability = np.bincount(score, inversions, len(inversions))
    return np.minimum(probability[::-1].cumsum()[::-1], 1.0)


def emerging_patterns(
    z: NDArray[np.floating[Any]], classes: NDArray[np.int8], settings: EmergingSettings | None = None
) -> NDArray[np.int8]:
    """Name how the hot spots of consecutive epochs develop.

    An epoch counts where it was scored, and is *on* where its class reaches the least level of the pattern's sign.
    The first that holds:

    - new: on in the last epoch only;
    - intensifying, persistent, diminishing: on in the last epoch and in the lasting share of all epochs; its score
      grows further from zero, has no trend, or comes back, by the Mann-Kendall test;
    - historical: on in the lasting share of all epochs, but not in the last;
    - consecutive: on in the last epochs, two or more, and never before;
    - oscillating: on in the last epoch, significant with the other sign in an earlier one;
    - sporadic: on in the last epoch, off and on before.

    Parameters
    ----------
    z, classes
        (epochs, …), in order of time: scores (NaN where not scored) and classes −3…3.

    Returns
    -------
    int8 (…)
        :class:`Pattern` times the sign: negative for cold spots (subsidence). Fewer than two scored epochs have no
        pattern, fewer than five no trend at the 5 % level.
    """
    settings = settings or EmergingSettings()
    score, p = mann_kendall(z)
    trend = np.where(p <= settings.trend_p, np.sign(score), 0)
    scored = np.isfinite(z)
    enough = scored.sum(0) > 1
    result = np.zeros(score.shape, np.int8)
    for sign in (-1, 1):
        pattern = _pattern(scored, sign * classes, sign * trend, settings)
        result[enough & (pattern > 0)] = sign * pattern[enough & (pattern > 0)]
    return result


def _pattern(
    scored: NDArray[np.bool_], classes: NDArray[np.int8], trend: NDArray[Any], settings: EmergingSettings
) -> NDArray[np.int8]:
    """Pattern of positive hot spots."""
    on, opposite = scored & (classes >= settings.min_level), scored & (classes <= -settings.min_level)
    hits, run = on.sum(0), np.zeros(trend.shape, int)
    for seen, hit in zip(scored, on, strict=True):
        run = np.where(hit, run + 1, np.where(seen, 0, run))
    last = run > 0
    lasting = hits >= settings.lasting_share * np.maximum(scored.sum(0), 1)
    rules = {
        Pattern.NEW: last & (hits == 1),
        Pattern.INTENSIFYING: last & lasting & (trend > 0),
        Pattern.DIMINISHING: last & lasting & (trend < 0),
        Pattern.PERSISTENT: last & lasting,
        Pattern.HISTORICAL: lasting & (hits > 0),
        Pattern.CONSECUTIVE: last & (hits == run),
        Pattern.OSCILLATING: last & opposite.any(0),
        Pattern.SPORADIC: last,
    }
    return np.select(list(rules.values()), [int(rule) for rule in rules], Pattern.NONE).astype(np.int8)

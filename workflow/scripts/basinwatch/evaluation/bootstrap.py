"""Bootstrap intervals of statistics over tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Statistic = Callable[[NDArray[np.int64]], NDArray[np.float64]]
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Estimate:
    """Values (k,) and the ends of their 95 % intervals; NaN where undefined."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def bootstrap(statistic: Statistic, tiles: int, resamples: int, seed: int) -> Estimate:
    """Percentile intervals (Efron 1979) of a statistic over tiles drawn with replacement.

    Parameters
    ----------
    statistic
        Gives values (k,) for how often each tile counts, (tiles,).
    """
    value = statistic(np.ones(tiles, np.int64))
    counts = np.random.default_rng(seed).multinomial(tiles, np.full(tiles, 1 / tiles), resamples)
    drawn = np.stack([statistic(times) for times in counts])
    limits = np.full((2, value.size), np.nan)
    known = np.isfinite(drawn).any(axis=0)
    limits[:, known] = np.nanpercentile(drawn[:, known], _INTERVAL, axis=0)
    return Estimate(value, limits[0], limits[1])

"""What short and long pairs say of the same ground: they disagree where phase is biased or fast motion aliases.

Multilooked pairs of short intervals carry a bias that fades with time (Ansari et al. 2021), which adds up to a false
rate. Ground that moves more than half a cycle against its surroundings loses whole cycles in the longer pairs, all
alike, so that their loops close. Both leave the lengths of the pairs in the residuals.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from basinwatch.sbas.network import Network
from basinwatch.sbas.trend import DAYS_PER_YEAR

Array = NDArray[np.float64]
Bool = NDArray[np.bool_]


def length_contrast(residual: NDArray[np.floating[Any]], network: Network, short_days: float | None) -> Array:
    """Contrast (P,) of residuals (m, P) of a network; see :func:`are_short` and :func:`rate_contrast`."""
    days = pair_days(network)
    return rate_contrast(length_sums(residual, days, are_short(days, short_days)))


def pair_days(network: Network) -> Array:
    """Length (m,) of every pair."""
    return np.asarray(np.diff(network.days[network.index], axis=1)[:, 0])


def are_short(days: Array, limit_days: float | None) -> Bool:
    """Tell which pairs (m,) are short: no longer than the limit, or with None shorter than their mean length."""
    return days < days.mean() if limit_days is None else days <= limit_days


def length_sums(residual: NDArray[np.floating[Any]], days: Array, short: Bool) -> Array:
    """Sum what the contrast of the pairs is made of, (4, P); sums over parts of the pairs add up.

    Parameters
    ----------
    residual
        (m, P) observation minus model, NaN where missing.
    days, short
        (m,) length of the pairs, and which are short.

    Returns
    -------
    numpy.ndarray
        Residual times years of the short pairs, their squared years; the same of the long ones.
    """
    years, seen = days / DAYS_PER_YEAR, np.isfinite(residual)
    kind = csr_array(np.stack([short, ~short]).astype(np.float64))
    slopes, squares = (kind * years) @ np.where(seen, residual, 0), (kind * years**2) @ seen.astype(np.float64)
    return np.stack([slopes[0], squares[0], slopes[1], squares[1]])


def rate_contrast(sums: Array) -> Array:
    """Rate of the short pairs minus that of the long ones, (P,), unit of the residual per year.

    Both are least-squares slopes, through the origin, of what the pairs measure beyond the series; so the contrast
    is zero for any motion on which the pairs agree. NaN where either kind is missing.
    """
    slopes = sums[::2] / np.where(sums[1::2] > 0, sums[1::2], np.nan)
    return np.asarray(slopes[0] - slopes[1])

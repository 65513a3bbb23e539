"""Rate of a displacement series, and the class it falls into."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DAYS_PER_YEAR = 365.25
NO_RATE, SUBSIDING, STABLE, UPLIFTING = 0, 1, 2, 3


def fit_rate(
    days: NDArray[np.floating[Any]], displacement: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit a straight line to every series by least squares.

    Parameters
    ----------
    days
        (dates,) acquisition times.
    displacement
        (dates, P), any unit.

    Returns
    -------
    rate, sigma
        (P,) slope and its standard error, unit per year of 365.25 days; sigma is NaN for two dates.
    """
    # Sums run date by date instead of through BLAS, whose rounding depends on the number of threads.
    years = (days - days.mean()) / DAYS_PER_YEAR
    spread = float((years**2).sum())
    mean = sum(row for row in displacement) / len(years)
    rate = sum(t * row for t, row in zip(years, displacement, strict=True)) / spread
    squares = sum((row - mean - t * rate) ** 2 for t, row in zip(years, displacement, strict=True))
    freedom = len(years) - 2
    sigma = np.sqrt(squares / (freedom * spread)) if freedom else np.full(rate.shape, np.nan)
    return rate, sigma


def classify(rate: NDArray[np.floating[Any]], threshold: float) -> NDArray[np.uint8]:
    """Class of a rate towards the satellite: 0 no rate, 1 below −threshold, 2 within, 3 above."""
    moving = np.where(rate < -threshold, SUBSIDING, np.where(rate > threshold, UPLIFTING, STABLE))
    return np.where(np.isfinite(rate), moving, NO_RATE).astype(np.uint8)

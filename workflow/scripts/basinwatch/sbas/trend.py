"""Rate of a displacement series, its seasonal part, how far it can be trusted, and the class it falls into."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.simulation.randomness import generator

Array = NDArray[np.float64]
Series = NDArray[np.floating[Any]]

DAYS_PER_YEAR = 365.25
NO_RATE, SUBSIDING, STABLE, UPLIFTING = 0, 1, 2, 3

_LINE = 2
_WITH_YEAR = 4


@dataclass(frozen=True)
class TrendSettings:
    """What is fitted to a series besides a line, and where its standard error comes from.

    Parameters
    ----------
    annual
        Also a sine and cosine of a year, which only series over a year or more can tell from a rate.
    bootstrap_draws
        The rate's standard error is its spread over so many draws of the dates with replacement; None takes it
        from the residuals, as if all dates were equally noisy.
    seed
        Same seed gives the same draws.
    """

    annual: bool = False
    bootstrap_draws: int | None = None
    seed: int = 20261121

    def report(self, days: NDArray[np.floating[Any]]) -> dict[str, str]:
        """Say what is fitted to dates (dates,), and where the standard error comes from."""
        draws = self.bootstrap_draws
        return {
            "annual": self.why_no_year(days) or "fitted",
            "sigma": "residuals" if draws is None else f"spread over {draws} draws of the dates",
        }

    def why_no_year(self, days: NDArray[np.floating[Any]]) -> str:
        """Say why no annual part is fitted to dates (dates,); nothing if one is."""
        if not self.annual:
            return "switched off"
        span = float(days[-1] - days[0])
        if span < DAYS_PER_YEAR:
            return f"{span:.0f} days are less than a year"
        return f"{len(days)} dates are too few" if len(days) <= _WITH_YEAR else ""


@dataclass(frozen=True)
class Trend:
    """What :func:`fit_trend` finds in the series of P pixels.

    Parameters
    ----------
    rate, sigma
        (P,) rate and its standard error, unit per year; sigma is NaN without more dates than terms.
    annual
        (P,) amplitude of the annual part, unit of the series; None where none is fitted.
    peak_day
        (P,) day of the year, from 0, on which the annual part is farthest towards the satellite; None likewise.
    """

    rate: Array
    sigma: Array
    annual: Array | None = None
    peak_day: Array | None = None


def fit_rate(days: NDArray[np.floating[Any]], displacement: Series) -> tuple[Array, Array]:
    """Fit a straight line to every series: rate and standard error (P,) as :func:`fit_trend`."""
    trend = fit_trend(days, displacement)
    return trend.rate, trend.sigma


def fit_trend(
    days: NDArray[np.floating[Any]],
    displacement: Series,
    settings: TrendSettings | None = None,
    first: date | None = None,
) -> Trend:
    """Fit a line, and an annual oscillation if wanted, to every series by least squares.

    Parameters
    ----------
    days
        (dates,) acquisition times, increasing.
    displacement
        (dates, P), any unit.
    first
        Date of day 0, for the day of the year; by default the first of January.
    """
    settings = settings or TrendSettings()
    years = (days - days.mean()) / DAYS_PER_YEAR
    design = _design(years, with_year=not settings.why_no_year(days))
    inverse = np.linalg.inv(np.einsum("at,bt->ab", design, design))
    coefficients = [_combined(weights, displacement) for weights in np.einsum("ab,bt->at", inverse, design)]
    residual = np.stack(
        [row - _combined(terms, coefficients) for terms, row in zip(design.T, displacement, strict=True)]
    )
    sigma = _standard_error(design, residual, float(inverse[0, 0]), settings)
    if len(design) == _LINE:
        return Trend(coefficients[0], sigma)
    sine, cosine = coefficients[_LINE:]
    middle = float(days.mean()) + (0 if first is None else (first - date(first.year, 1, 1)).days)
    peak_day = (middle + np.arctan2(sine, cosine) / (2 * np.pi) * DAYS_PER_YEAR) % DAYS_PER_YEAR
    return Trend(coefficients[0], sigma, np.hypot(sine, cosine), peak_day)


def _design(years: Array, *, with_year: bool) -> Array:
    """Terms of the fit at the dates, (terms, dates): the rate, a constant, sine and cosine."""
    angle = 2 * np.pi * years
    terms = [years, np.ones(len(years)), np.sin(angle), np.cos(angle)]
    return np.stack(terms[: _WITH_YEAR if with_year else _LINE])


def _combined(weights: Iterable[np.float64], rows: Iterable[Series]) -> Array:
    """Weighted sum of rows, (P,)."""
    # Row by row instead of through BLAS, whose rounding depends on the number of threads.
    return np.asarray(sum(weight * row for weight, row in zip(weights, rows, strict=True)))


def _standard_error(design: Array, residual: Array, variance_factor: float, settings: TrendSettings) -> Array:
    """Estimate the rate's standard error (P,) from residuals (dates, P)."""
    terms, dates = design.shape
    freedom = dates - terms
    if freedom <= 0:
        return np.full(residual.shape[1], np.nan)
    if settings.bootstrap_draws is None:
        squares = sum(row**2 for row in residual)
        return np.asarray(np.sqrt(squares * variance_factor / freedom))
    spread = _resampled(design, settings.bootstrap_draws, settings.seed)
    variance = sum(row * _combined(weights, residual) for weights, row in zip(spread, residual, strict=True))
    return np.asarray(np.sqrt(np.maximum(variance, 0)))


def _resampled(design: Array, draws: int, seed: int) -> Array:
    """Covariance (dates, dates), over the draws, of the weights that the dates have in the rate.

    The rate is linear in the series, so that this one matrix holds the bootstrap (Efron 1979) of all pixels.
    """
    counts = np.stack([_draw(number, design, seed) for number in range(draws)])
    drawn = counts[:, None] * design
    weights = np.linalg.solve(np.einsum("nat,bt->nab", drawn, design), drawn)[:, 0]
    weights -= weights.mean(axis=0)
    return np.asarray(np.einsum("ns,nt->st", weights, weights) / (draws - 1))


def _draw(number: int, design: Array, seed: int) -> Array:
    """How often each date is drawn, (dates,); the first draw of more different dates than terms."""
    terms, dates = design.shape
    rng = generator(seed, number, 0)
    while True:
        counts = np.bincount(rng.integers(dates, size=dates), minlength=dates)
        if np.count_nonzero(counts) > terms:
            return counts.astype(np.float64)


def classify(
    rate: NDArray[np.floating[Any]], threshold: float, margin: NDArray[np.floating[Any]] | float = 0.0
) -> NDArray[np.uint8]:
    """Class of a rate towards the satellite: 0 no rate, 1 below −threshold, 2 within, 3 above.

    A `margin`, such as a standard error, is taken from the size of the rate first; where it is NaN, the class is 0.
    """
    limit = threshold + margin
    moving = np.where(rate < -limit, SUBSIDING, np.where(rate > limit, UPLIFTING, STABLE))
    return np.where(np.isfinite(rate + margin), moving, NO_RATE).astype(np.uint8)

"""Errors of the elevation model: phase that follows the perpendicular baseline, told from motion by a temporal model.

After Fattahi & Amelung (2013): an error δz leaves the range change B⊥ / (R sin θ) · δz in every date, fitted
together with a smooth history of the ground.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError

log = logging.getLogger(__name__)

Array = NDArray[np.float64]

_DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class HeightErrorSettings:
    """How elevation errors are estimated, and when they are not.

    Parameters
    ----------
    enabled
        Estimate them where the baselines are known.
    degree
        Of the polynomial in time that stands for the motion.
    annual
        Also a sine and cosine of a year.
    steps
        Also a step at each of these dates (earthquakes).
    velocity
        Fit velocities between dates instead of displacements, which a wrong model of the motion biases less.
    max_correlation, min_spread_m
        Skipped when the baselines correlate with time more than this, or their standard deviation is smaller.
    """

    enabled: bool = True
    degree: int = 1
    annual: bool = False
    steps: tuple[date, ...] = ()
    velocity: bool = False
    max_correlation: float = 0.5
    min_spread_m: float = 20.0


@dataclass(frozen=True)
class HeightErrorModel:
    """Linear estimator shared by all pixels.

    Parameters
    ----------
    baselines_m
        (dates,) perpendicular baselines to the first date.
    functional
        (dates,) its product with a series is the series' change per metre of baseline.
    """

    baselines_m: Array
    functional: Array

    def split(self, series: NDArray[np.floating[Any]]) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
        """Take the part that follows the baseline from a series (dates, P).

        Returns
        -------
        series, slope
            The rest, (dates, P); and the change per metre of baseline that was taken out, (P,).
        """
        slope = sum(
            (weight * values for weight, values in zip(self.functional, series, strict=True)),
            start=np.zeros(series.shape[1], series.dtype),
        )
        return np.stack([v - b * slope for b, v in zip(self.baselines_m, series, strict=True)]), slope


def prepare(
    dates: Sequence[date], baselines_m: Mapping[date, float], settings: HeightErrorSettings
) -> HeightErrorModel | str:
    """Build the estimator, or say in a sentence why it is skipped.

    Parameters
    ----------
    dates
        Of the series, increasing.
    baselines_m
        Perpendicular baseline of each date to any common orbit.

    Raises
    ------
    InputError
        If a date has no baseline.
    """
    missing = [day for day in dates if day not in baselines_m]
    if missing:
        raise InputError(
            f"baselines: found none for {len(missing)} of {len(dates)} dates (first {missing[0]}), expected one each; "
            "complete the table, or leave the height error out."
        )
    years = np.array([(day - dates[0]).days for day in dates]) / _DAYS_PER_YEAR
    baselines = np.array([baselines_m[day] - baselines_m[dates[0]] for day in dates])
    spread = float(baselines.std())
    if spread < settings.min_spread_m:
        return f"baselines spread by {spread:.1f} m only, at least {settings.min_spread_m:g} m tell height from motion"
    correlation = float(np.corrcoef(baselines, years)[0, 1])
    if abs(correlation) > settings.max_correlation:
        return (
            f"baselines correlate with time by {correlation:.2f}, beyond ±{settings.max_correlation:g} height errors "
            "look like motion"
        )
    design = _motion(dates, years, settings)
    if len(dates) < len(design) + 2:
        return f"{len(dates)} dates are too few to tell {len(design)} terms of motion from height"
    return HeightErrorModel(baselines, _functional(years, baselines, design, velocity=settings.velocity))


def _motion(dates: Sequence[date], years: Array, settings: HeightErrorSettings) -> Array:
    """Terms of the ground's history, (terms, dates)."""
    terms = [years**power for power in range(settings.degree + 1)]
    if settings.annual:
        terms += [np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
    terms += [np.array([float(day >= step) for day in dates]) for step in settings.steps]
    return np.stack(terms)


def _functional(years: Array, baselines: Array, motion: Array, *, velocity: bool) -> Array:
    """Weights of the dates in the least-squares coefficient of the baseline."""
    if not velocity:
        return _partial(baselines, motion)
    difference = np.diff(np.eye(len(years)), axis=0) / np.diff(years)[:, None]
    weights: Array = _partial(difference @ baselines, motion[1:] @ difference.T) @ difference
    return weights


def _partial(regressor: Array, others: Array) -> Array:
    """Functional that gives the coefficient of one regressor when others (terms, n) are fitted as well."""
    own = regressor - np.linalg.lstsq(others.T, regressor, rcond=None)[0] @ others
    weights: Array = own / (own @ own)
    return weights


def height_of(
    slope_mm_per_m: NDArray[np.floating[Any]], slant_range_m: float, incidence_deg: NDArray[np.floating[Any]] | float
) -> NDArray[np.float32]:
    """Elevation error in metres of a displacement towards the satellite per metre of baseline, (P,)."""
    per_metre = slant_range_m * np.sin(np.radians(incidence_deg)) / 1000
    return np.asarray(-slope_mm_per_m * per_metre, np.float32)

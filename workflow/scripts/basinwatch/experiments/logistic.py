"""Logistic curves that exist for any data, and where they cross a level, with bootstrap intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit

Array = NDArray[np.float64]
Counts = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]
Relation = Literal["=", "<", ">"]

RESAMPLES = 1000
_TOLERANCE = 1e-6
_MOST_STEPS = 1000
_FIRST_STEP = 1.0
_TINY = 1e-300
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Curves:
    """Chance 1 / (1 + exp(-(intercept + slope · x))), one or many of them."""

    intercept: Array
    slope: Array

    def chance(self, x: Array) -> Array:
        """Chance at places (n,), shape (…, n)."""
        result: Array = expit(self.intercept[..., None] + self.slope[..., None] * x)
        return result

    def crossing(self, level: float, limits: tuple[float, float]) -> Array:
        """Where the chance rises through `level`; infinite with the sign of the side where it lies outside `limits`.

        A curve that does not rise has reached the level everywhere (-∞) or nowhere (∞), as its middle tells.
        """
        wanted, rising = logit(level), self.slope > 0
        place = np.divide(wanted - self.intercept, self.slope, out=np.zeros_like(self.slope), where=rising)
        middle = self.intercept + self.slope * sum(limits) / 2
        place = np.where(rising, place, np.where(middle >= wanted, -np.inf, np.inf))
        return np.where(place > limits[1], np.inf, np.where(place < limits[0], -np.inf, place))


def fit(x: Array, hits: Counts, trials: Counts) -> Curves:
    """Fit logistic curves by Firth's penalised likelihood, which stays finite where hits and misses are separated.

    Parameters
    ----------
    x
        Places (n,), not all equal.
    hits, trials
        Hits and trials at each place, (…, n); leading axes are separate fits. Places without trials are allowed.

    Raises
    ------
    ValueError
        If all places are the same.
    ArithmeticError
        If the iteration does not settle.

    Notes
    -----
    Firth, D. (1993), Bias reduction of maximum likelihood estimates, Biometrika 80(1): the score of each place
    gains leverage · (½ - chance). With one curve parameter per place this adds half a hit and half a miss.
    """
    if np.ptp(x) == 0:
        raise ValueError("a curve needs at least two different places")
    centre, spread = x.mean(), x.std()
    z = (x - centre) / spread
    found, tried = np.broadcast_arrays(np.asarray(hits, np.float64), np.asarray(trials, np.float64))
    line = np.zeros((2, *found.shape[:-1]))
    step, likelihood = _step(z, found, tried, line)
    for _ in range(_MOST_STEPS):
        if np.abs(step).max() < _TOLERANCE:
            return Curves(line[0] - line[1] * centre / spread, line[1] / spread)
        next_step, reached = _step(z, found, tried, line + step)
        better = reached >= likelihood - _TOLERANCE
        line, likelihood = np.where(better, line + step, line), np.where(better, reached, likelihood)
        step = np.where(better, _damped(next_step, step), step / 2)
    raise ArithmeticError("the logistic curve did not settle")


def _damped(step: Array, last: Array) -> Array:
    """Shorten a step back over the last one to where a straight line between the two puts the top."""
    back = (step * last).sum(0) < 0
    ratio = np.hypot(*step) / np.maximum(np.hypot(*last), _TINY)
    result: Array = step / np.where(back, 1 + ratio, 1)
    return result


def _step(z: Array, hits: Array, trials: Array, line: Array) -> tuple[Array, Array]:
    """Step of Fisher scoring from a line (intercept, slope), not much longer than it, and the likelihood there."""
    score = line[0][..., None] + line[1][..., None] * z
    chance = expit(score)
    weight = trials * chance * expit(-score)
    s0, s1, s2 = weight.sum(-1), (weight * z).sum(-1), (weight * z * z).sum(-1)
    determinant = np.maximum(s0 * s2 - s1 * s1, _TINY)
    leverage = weight * (s2[..., None] - 2 * z * s1[..., None] + z * z * s0[..., None]) / determinant[..., None]
    rest = hits - trials * chance + leverage * (0.5 - chance)
    u0, u1 = rest.sum(-1), (rest * z).sum(-1)
    step = np.stack([s2 * u0 - s1 * u1, s0 * u1 - s1 * u0]) / determinant
    longest = _FIRST_STEP + np.hypot(*line)
    likelihood = (hits * log_expit(score) + (trials - hits) * log_expit(-score)).sum(-1) + np.log(determinant) / 2
    return step * np.minimum(1, longest / np.maximum(np.hypot(*step), _TINY)), likelihood


@dataclass(frozen=True)
class Crossing:
    """Where a curve reaches a level, with its 95 % interval; outside the tried range the range's end and a relation.

    `relation` ``>``: not reached within the range; ``<``: exceeded from its start on.
    """

    value: float
    low: float
    high: float
    relation: Relation


@dataclass(frozen=True)
class Fit:
    """A curve through counts and the curves through its bootstrap samples.

    Parameters
    ----------
    curve, samples
        One curve and many.
    limits
        Smallest and largest place tried.
    gap
        Last place of misses and first of hits where nothing lies between; no interval is narrower. Else None.
    """

    curve: Curves
    samples: Curves
    limits: tuple[float, float]
    gap: tuple[float, float] | None

    def crossing(self, level: float) -> Crossing:
        """Where the chance reaches `level`."""
        value, draws = self.curve.crossing(level, self.limits), self.samples.crossing(level, self.limits)
        relation: Relation = "=" if math.isfinite(value) else ">" if value > 0 else "<"
        low, high = np.percentile(np.clip(draws, *self.limits), _INTERVAL)
        if self.gap is not None:
            low, high = min(low, self.gap[0]), max(high, self.gap[1])
        return Crossing(float(np.clip(value, *self.limits)), float(low), float(high), relation)


def bootstrapped(x: Array, hits: Counts, trials: Counts, resamples: int, seed: int) -> Fit:
    """Fit a curve to clustered counts and to resampled clusters.

    Parameters
    ----------
    x
        Places (n,), in order.
    hits, trials
        (clusters, n); what shares its random fields, and so is not independent, is one cluster.
    resamples, seed
        Number of bootstrap samples and their seed.
    """
    found, tried = np.asarray(hits, np.float64), np.asarray(trials, np.float64)
    clusters = len(found)
    times = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), resamples)
    samples = fit(x, times @ found, times @ tried)
    found, tried = found.sum(0), tried.sum(0)
    return Fit(fit(x, found, tried), samples, (float(x.min()), float(x.max())), _gap(x, found, tried))


def _gap(x: Array, hits: Array, trials: Array) -> tuple[float, float] | None:
    """Places around the change from misses only to hits only; None where the two mix."""
    missed, hit = x[hits < trials], x[hits > 0]
    if not missed.size or not hit.size or missed.max() >= hit.min():
        return None
    return float(missed.max()), float(hit.min())

"""Principal components of what stable ground does in common, which is air, orbits and processing, not mines.

Modes are estimated on stable ground outside all detections and from what a line and a yearly wave leave, so
that neither a mine nor a steady rate can enter one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

Array = NDArray[np.float64]

_DAYS_PER_YEAR = 365.25
_SHUFFLES = 20
_SHUFFLED_PX = 5_000


@dataclass(frozen=True)
class PrincipalSettings:
    """How many modes are taken out.

    Parameters
    ----------
    enabled
        Whether any is.
    share
        Take as many as explain this share of the variance …
    max_modes
        … but no more than this, and none that noise without any pattern would show as well (parallel
        analysis, Horn 1965).
    """

    enabled: bool = False
    share: float = 0.9
    max_modes: int = 5


@dataclass(frozen=True)
class Modes:
    """Temporal modes that are taken out.

    Parameters
    ----------
    vectors
        (dates, q), orthonormal.
    shares
        (q,) of the residual variance of stable ground.
    inside_ratio
        (q,) variance of the mode in detected basins over that on stable ground; far above 1 means that it
        carries their motion. NaN without any basin.
    """

    vectors: Array
    shares: Array
    inside_ratio: Array

    def remove(self, series: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Subtract the modes from a series (dates, P), which keeps its value at the first date."""
        rest = series.copy()
        for vector in self.vectors.T:
            rest -= np.outer(vector - vector[0], _dot(vector, series)).astype(series.dtype)
        return rest

    def report(self) -> list[dict[str, float | None]]:
        """Numbers for logs and products."""
        return [
            {
                "share": round(float(share), 4),
                "inside_ratio": round(float(ratio), 3) if np.isfinite(ratio) else None,
            }
            for share, ratio in zip(self.shares, self.inside_ratio, strict=True)
        ]


def _dot(vector: Array, series: NDArray[np.floating[Any]]) -> Array:
    """Product of a vector over dates with a series, (P,); summed date by date, whatever the number of pixels."""
    total = np.zeros(series.shape[1])
    for weight, values in zip(vector, series, strict=True):
        total += weight * values
    return total


def estimate(
    series: NDArray[np.floating[Any]],
    inside: NDArray[np.floating[Any]],
    days: NDArray[np.floating[Any]],
    settings: PrincipalSettings,
) -> Modes:
    """Estimate the modes of stable ground.

    Parameters
    ----------
    series
        (dates, P) on stable ground, any unit.
    inside
        (dates, Q) in detected basins, for comparison; Q may be 0.
    days
        (dates,) acquisition times.
    """
    temporal = _temporal_model(days)
    residual = series - temporal @ (temporal.T @ series)
    variances, vectors = np.linalg.eigh(np.einsum("ip,jp->ij", residual, residual))
    variances, vectors = np.maximum(variances[::-1], 0), vectors[:, ::-1]
    shares = variances / max(float(variances.sum()), np.finfo(float).tiny)
    count = _count(shares, residual, temporal, settings)
    chosen = vectors[:, :count]
    moving = inside - temporal @ (temporal.T @ inside)
    ratio = _variance(chosen, moving) / _variance(chosen, residual)
    modes = Modes(chosen, shares[:count], ratio)
    for number, row in enumerate(modes.report(), start=1):
        log.info("principal component %d: %s", number, row)
    return modes


def _variance(vectors: Array, residual: Array) -> Array:
    """Mean square of each mode's amplitude, (q,); NaN without any pixel."""
    if not residual.shape[1]:
        return np.full(vectors.shape[1], np.nan)
    mean: Array = ((vectors.T @ residual) ** 2).mean(1)
    return mean


def _temporal_model(days: NDArray[np.floating[Any]]) -> Array:
    """Orthonormal basis of a constant, a line and, over a year or more, a yearly wave: (dates, terms)."""
    years = (days - days[0]) / _DAYS_PER_YEAR
    terms = [np.ones(len(years)), years]
    if years[-1] >= 1:
        terms += [np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
    basis: Array = np.linalg.qr(np.stack(terms, axis=1))[0]
    return basis


def _count(shares: Array, residual: Array, temporal: Array, settings: PrincipalSettings) -> int:
    """Modes that explain enough, are allowed, and stand out of noise."""
    explaining = int(np.searchsorted(np.cumsum(shares), settings.share)) + 1
    significant = shares > _shuffled_shares(residual, temporal)
    standing_out = len(shares) if significant.all() else int(np.argmin(significant))
    return min(explaining, settings.max_modes, standing_out)


def _shuffled_shares(residual: Array, temporal: Array) -> Array:
    """Largest shares that the same values show when every pixel's dates are shuffled, (dates,)."""
    rng = np.random.default_rng(0)
    step = max(1, -(-residual.shape[1] // _SHUFFLED_PX))
    thinned, largest = residual[:, ::step], np.zeros(len(residual))
    for _ in range(_SHUFFLES):
        shuffled = rng.permuted(thinned, axis=0)
        shuffled -= temporal @ (temporal.T @ shuffled)
        variances = np.linalg.eigvalsh(np.einsum("ip,jp->ij", shuffled, shuffled))[::-1]
        largest = np.maximum(largest, variances / max(float(variances.sum()), np.finfo(float).tiny))
    return largest

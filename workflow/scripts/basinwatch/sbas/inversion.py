"""Small-baseline inversion: displacement series from pairs, whatever is missing.

The normal matrix of the displacements is a graph Laplacian whose half bandwidth is the longest pair
counted in scenes, so a banded Cholesky factorisation, carried out for thousands of pixels at once,
solves it. A little of the minimum-velocity term keeps the matrix regular, and repeated correction of
the residual (iterated Tikhonov regularisation) removes its bias: the result is the weighted
least-squares solution of least velocity norm (Berardino et al. 2002), also for pixels whose dates fall
into unconnected subsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

REGULARISATION = 1e-4
PASSES = 3
CHUNK_PX = 4096


@dataclass(frozen=True)
class Solution:
    """Result of :func:`invert` for P pixels.

    Parameters
    ----------
    displacement
        (dates, P) in the unit and sign of the observations, 0 at the first date; NaN without any observation.
    temporal_coherence
        (P,) length of the mean residual phasor over the pairs (Pepe & Lanari 2006); observations in radians.
    n_obs
        (P,) valid pairs.
    n_gap
        (P,) intervals between neighbouring dates that no valid pair spans.
    residual_rms
        (P,) root mean square of observation minus model.
    """

    displacement: Array
    temporal_coherence: Array
    n_obs: NDArray[np.int64]
    n_gap: NDArray[np.int64]
    residual_rms: Array


def invert(
    pairs: NDArray[np.integer[Any]],
    days: NDArray[np.floating[Any]],
    observations: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]] | None = None,
) -> Solution:
    """Estimate displacement at every date from pairwise differences.

    Parameters
    ----------
    pairs
        (m, 2) positions of earlier and later date.
    days
        (dates,) acquisition times in days, increasing.
    observations
        (m, P) displacement of the later minus the earlier date, NaN where missing.
    weights
        (m, P) positive weights of the squared residuals, any scale; None = all equal.

    Raises
    ------
    ValueError
        If shapes disagree, dates do not increase or a pair is not in order of time.
    """
    _check(pairs, days, observations, weights)
    chunks = range(0, max(observations.shape[1], 1), CHUNK_PX)
    parts = [
        _invert_chunk(
            pairs,
            np.diff(days) / np.median(np.diff(days)),
            observations[:, start : start + CHUNK_PX],
            None if weights is None else weights[:, start : start + CHUNK_PX],
        )
        for start in chunks
    ]
    displacement, coherence, n_obs, n_gap, rms = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    return Solution(displacement, coherence, n_obs, n_gap, rms)


def _check(pairs: NDArray[Any], days: NDArray[Any], observations: NDArray[Any], weights: NDArray[Any] | None) -> None:
    """Refuse arguments that do not fit together."""
    if pairs.ndim != 2 or pairs.shape[1] != 2 or observations.ndim != 2 or len(pairs) != len(observations):
        raise ValueError(
            f"pairs {pairs.shape} and observations {observations.shape} do not fit: expected (m, 2), (m, P)"
        )
    if weights is not None and weights.shape != observations.shape:
        raise ValueError(f"weights {weights.shape} do not fit observations {observations.shape}")
    if len(days) < 2 or (np.diff(days) <= 0).any():
        raise ValueError("days must hold at least two increasing times")
    if (pairs[:, 0] >= pairs[:, 1]).any() or pairs.min() < 0 or pairs.max() >= len(days):
        raise ValueError("every pair must name an earlier and a later date of the series")


def _invert_chunk(
    pairs: NDArray[Any], intervals: Array, observations: NDArray[Any], weights: NDArray[Any] | None
) -> tuple[Array, Array, NDArray[np.int64], NDArray[np.int64], Array]:
    """Solve one block of pixels; `intervals` are lengths relative to their median."""
    seen = np.isfinite(observations)
    observed = np.where(seen, observations, 0.0)
    weight = _mean_one(seen, weights)
    factor = _factorise(_normal_matrix(pairs, intervals, weight))
    displacement = np.zeros((len(intervals) + 1, observations.shape[1]))
    residual = observed
    for _ in range(PASSES):
        displacement[1:] += _solve(factor, _adjoint(pairs, weight * residual, len(intervals)))
        residual = np.where(seen, observed - (displacement[pairs[:, 1]] - displacement[pairs[:, 0]]), 0.0)
    n_obs = seen.sum(0)
    count = np.where(n_obs > 0, n_obs, np.nan)
    displacement[:, n_obs == 0] = np.nan
    coherence = np.hypot((np.cos(residual) * seen).sum(0), np.sin(residual).sum(0)) / count
    return displacement, coherence, n_obs, _gaps(pairs, seen, len(intervals)), np.sqrt((residual**2).sum(0) / count)


def _mean_one(seen: NDArray[np.bool_], weights: NDArray[Any] | None) -> Array:
    """Scale weights to mean 1 over each pixel's observations, so that the regularisation means the same."""
    if weights is None:
        return seen.astype(np.float64)
    weight = np.where(seen, weights, 0.0)
    total, n_obs = weight.sum(0), seen.sum(0)
    scaled: Array = weight * np.where(total > 0, n_obs / np.where(total > 0, total, 1), 0)
    return scaled


def _normal_matrix(pairs: NDArray[Any], intervals: Array, weight: Array) -> Array:
    """Lower band of the regularised normal matrix: band[j, a] = N[j + a, j]; the first date is no unknown."""
    span = max(int((pairs[:, 1] - pairs[:, 0]).max()), 1)
    band = np.zeros((len(intervals), span + 1, weight.shape[1]))
    for (first, second), w in zip(pairs - 1, weight, strict=True):
        band[second, 0] += w
        if first >= 0:
            band[first, 0] += w
            band[first, second - first] -= w
    for j, stiffness in enumerate(REGULARISATION / intervals**2):
        band[j, 0] += stiffness
        if j:
            band[j - 1, 0] += stiffness
            band[j - 1, 1] -= stiffness
    return band


def _factorise(band: Array) -> Array:
    """Banded Cholesky in place, column by column, all pixels at once."""
    size, width, _ = band.shape
    for j in range(size):
        np.sqrt(band[j, 0], out=band[j, 0])
        reach = min(width, size - j)
        band[j, 1:reach] /= band[j, 0]
        for a in range(1, reach):
            band[j + a, : reach - a] -= band[j, a] * band[j, a:reach]
    return band


def _solve(factor: Array, right: Array) -> Array:
    """Forward and backward substitution in place."""
    size, width, _ = factor.shape
    for j in range(size):
        right[j] /= factor[j, 0]
        for a in range(1, min(width, size - j)):
            right[j + a] -= factor[j, a] * right[j]
    for j in reversed(range(size)):
        for a in range(1, min(width, size - j)):
            right[j] -= factor[j, a] * right[j + a]
        right[j] /= factor[j, 0]
    return right


def _adjoint(pairs: NDArray[Any], weighted: Array, size: int) -> Array:
    """Sum weighted pair values onto their dates: + at the later, − at the earlier one."""
    total = np.zeros((size + 1, weighted.shape[1]))
    for (first, second), value in zip(pairs, weighted, strict=True):
        total[second] += value
        total[first] -= value
    return total[1:]


def _gaps(pairs: NDArray[Any], seen: NDArray[np.bool_], size: int) -> NDArray[np.int64]:
    """Count, per pixel, the intervals that no valid pair spans."""
    change = np.zeros((size + 1, seen.shape[1]), np.int32)
    for (first, second), ok in zip(pairs, seen, strict=True):
        change[first] += ok
        change[second] -= ok
    return (np.cumsum(change, axis=0)[:-1] == 0).sum(0)

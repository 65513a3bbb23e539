"""Weights of the pairs in an inversion, from their coherence."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, hyp2f1

from basinwatch.errors import InputError

Array = NDArray[np.float64]
Weighting = Literal["uniform", "coherence", "fisher", "variance"]

LEAST_COHERENCE, LARGEST_COHERENCE = 0.05, 0.999
# Beyond it the phase is as good as normally distributed: more looks scale all weights alike.
MAX_LOOKS = 80.0
_TABLE = 200
_NODES = 512


def pair_weights(coherence: NDArray[np.floating[Any]], weighting: Weighting, looks: float = 1.0) -> Array:
    """Weigh squared residuals of pairs by their coherence.

    Parameters
    ----------
    coherence
        (m, P) in 0…1, NaN where unknown; clipped to 0.05…0.999.
    weighting
        ``uniform``: one; ``coherence``: the coherence; ``fisher``: 2 L γ² / (1 − γ²), the information a
        point of γ carries about its phase; ``variance``: one over the phase variance of distributed scatterers.
    looks
        Effective number of looks L of the coherence, at least 1.

    Returns
    -------
    numpy.ndarray
        (m, P), of no particular scale. Where the coherence is unknown: the mean over the pixel's known pairs,
        or one.

    Raises
    ------
    InputError
        If the weighting is unknown or there is less than one look.
    """
    if weighting not in get_args(Weighting):
        raise InputError(f"weighting: found {weighting!r}, expected one of {', '.join(get_args(Weighting))}.")
    if not looks >= 1:
        raise InputError(f"looks: found {looks}, expected at least 1; give the effective number of looks.")
    if weighting == "uniform":
        return np.ones(coherence.shape)
    gamma = np.clip(coherence.astype(np.float64), LEAST_COHERENCE, LARGEST_COHERENCE)
    if weighting == "coherence":
        return _fill_unknown(gamma)
    if weighting == "fisher":
        return _fill_unknown(2 * looks * gamma**2 / (1 - gamma**2))
    return _fill_unknown(1 / np.interp(gamma, *_variance_table(min(looks, MAX_LOOKS))))


def phase_variance(coherence: NDArray[np.floating[Any]], looks: float) -> Array:
    """Phase variance of distributed scatterers.

    Parameters
    ----------
    coherence
        (n,) in 0…1, below 1.
    looks
        Number of looks, 1…80 (not whole numbers are allowed).

    Returns
    -------
    numpy.ndarray
        (n,) rad²: mean of φ² under the multilook phase density (Tough et al. 1995), by Gauss–Legendre
        quadrature, whose nodes crowd where the density of a high coherence is.
    """
    node, share = np.polynomial.legendre.leggauss(_NODES)
    phase, step = np.pi * (node + 1) / 2, np.pi * share / 2
    density = phase_density(phase, np.asarray(coherence, np.float64)[:, None], looks)
    variance: Array = 2 * (density * phase**2 * step).sum(axis=1)
    return variance


def phase_density(phase: Array, coherence: Array, looks: float) -> Array:
    """Probability density per radian of the phase of a multilook interferogram about its expectation.

    Tough et al. (1995), with the hypergeometric function transformed so that nothing overflows at high coherence.
    """
    beta = coherence * np.cos(phase)
    rest = 1 - beta**2
    peak = np.exp(gammaln(looks + 0.5) - gammaln(looks)) * beta / (2 * np.sqrt(np.pi))
    floor = hyp2f1(0.5 - looks, -0.5, 0.5, beta**2) / (2 * np.pi)
    density: Array = ((1 - coherence**2) / rest) ** looks / np.sqrt(rest) * (peak + floor)
    return density


@lru_cache(maxsize=16)
def _variance_table(looks: float) -> tuple[Array, Array]:
    """Coherence, evenly spaced, and phase variance."""
    coherence = np.linspace(0, LARGEST_COHERENCE, _TABLE)
    return coherence, phase_variance(coherence, looks)


def _fill_unknown(weights: Array) -> Array:
    """Give pairs of unknown coherence the mean weight of the pixel's others."""
    unknown = np.isnan(weights)
    if unknown.any():
        n_known = (~unknown).sum(axis=0)
        mean = np.where(unknown, 0, weights).sum(axis=0) / np.maximum(n_known, 1)
        np.copyto(weights, np.where(n_known > 0, mean, 1), where=unknown)
    return weights

"""Exact multilook speckle: three random numbers per pixel instead of L single looks."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d


def multilook(
    rng: Generator, phase: NDArray[np.float32], coherence: NDArray[np.float32], looks: float
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Draw an L-look interferogram and its sample coherence.

    With a ~ Gamma(L), the sum of intensities of the first image, the interferogram given a is its
    coherent part γ a exp(jφ) plus circular Gaussian noise of variance a (1 - γ²), for any real L > 0.

    Parameters
    ----------
    rng
        Source of randomness.
    phase
        True phase, radians, (y, x).
    coherence
        True coherence γ in 0…1, (y, x).
    looks
        Equivalent number of independent looks, at least 1 for a meaningful sample coherence.

    Returns
    -------
    complex64 interferogram and float32 sample coherence in 0…1.
    """
    shape = phase.shape
    power = rng.standard_gamma(looks, shape, dtype=np.float32)
    normals = rng.standard_normal((2, *shape), dtype=np.float32)
    rest = rng.standard_gamma(max(looks - 1, 1e-3), shape, dtype=np.float32)
    root, lost = np.sqrt(power), 1 - coherence * coherence
    common = coherence * root + np.sqrt(lost / 2) * (normals[0] + 1j * normals[1])
    energy = np.abs(common) ** 2
    sample = np.sqrt(energy / np.maximum(energy + lost * rest, 1e-12))
    rotation = np.cos(phase) + 1j * np.sin(phase)
    interferogram = (root * common * rotation).astype(np.complex64)
    return interferogram, sample.astype(np.float32)


def smooth_along(interferogram: NDArray[np.complex64], axis: int, sigma_px: float) -> NDArray[np.complex64]:
    """Correlate noise along one axis, the mark that resampling leaves."""
    result = np.empty_like(interferogram)
    result.real = gaussian_filter1d(interferogram.real, sigma_px, axis=axis, mode="nearest", truncate=3)
    result.imag = gaussian_filter1d(interferogram.imag, sigma_px, axis=axis, mode="nearest", truncate=3)
    return result

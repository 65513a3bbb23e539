"""Phase unwrapping by minimum-cost flow, and what of the result can be trusted."""

from __future__ import annotations

import numpy as np
import whirlwind
from numpy.typing import NDArray
from scipy import ndimage

CONSISTENCY_WINDOW_PX = 5
MAX_LOOKS = 300.0
_LEAST_COHERENCE = 0.01


def unwrap(
    phase: NDArray[np.float32], coherence: NDArray[np.float32] | None, looks: float
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Unwrap one interferogram.

    Parameters
    ----------
    phase
        (y, x) wrapped radians, NaN where invalid.
    coherence
        (y, x) in 0…1, NaN where unknown; None when the producer gave none. Where it is unknown the
        local consistency of the phase takes its place (:func:`phase_consistency`).
    looks
        Effective number of looks of the coherence, at least 1.

    Returns
    -------
    unwrapped
        float32 (y, x), radians with the sign of `phase`; NaN where `phase` is and where no reliable
        connected component reaches. The constant of every interferogram is arbitrary.
    components
        uint32 (y, x), 1…n for reliable components, 0 elsewhere.

    Notes
    -----
    Solver: minimum-cost flow with statistical costs as in Chen & Zebker (2001), by whirlwind.
    """
    valid = np.isfinite(phase)
    if valid.sum() < 4:
        return np.full(phase.shape, np.nan, np.float32), np.zeros(phase.shape, np.uint32)
    local = phase_consistency(phase)
    known = local if coherence is None else np.where(np.isfinite(coherence), coherence, local)
    phasor = np.where(valid, np.exp(1j * np.where(valid, phase, 0)), 0).astype(np.complex64)
    weight = np.where(valid, np.clip(known, _LEAST_COHERENCE, 1), 0).astype(np.float32)
    unwrapped, components = whirlwind.unwrap(phasor, weight, float(np.clip(looks, 1, MAX_LOOKS)), valid)
    components = np.asarray(components, np.uint32)
    return np.where(valid & (components > 0), unwrapped, np.nan).astype(np.float32), components


def phase_consistency(phase: NDArray[np.float32], window_px: int = CONSISTENCY_WINDOW_PX) -> NDArray[np.float32]:
    """Length of the mean phasor in a square window, 0…1; a stand-in for an unknown coherence.

    NaN pixels are left out of the mean and are NaN in the result, float32 (y, x).
    """
    valid = np.isfinite(phase)
    angle = np.where(valid, phase, 0).astype(np.float64)

    def mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
        smoothed: NDArray[np.float64] = ndimage.uniform_filter(np.where(valid, values, 0.0), window_px, mode="constant")
        return smoothed

    share = np.maximum(mean(valid.astype(np.float64)), 1 / window_px**2)
    length = np.hypot(mean(np.cos(angle)), mean(np.sin(angle))) / share
    return np.where(valid, np.clip(length, 0, 1), np.nan).astype(np.float32)

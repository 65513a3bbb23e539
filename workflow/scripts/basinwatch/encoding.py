"""What a detector sees: wrapped phase and coherence as three continuous channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NAME = "sincos_coherence"
CHANNELS = 3


def encode(phase: NDArray[np.float32], coherence: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Encode φ and γ as sin φ, cos φ, 2γ − 1.

    Both components are continuous across the wrap, so φ and φ + 2π give the same numbers.

    Parameters
    ----------
    phase
        (…, y, x) radians, NaN where invalid; there all three channels are 0.
    coherence
        Same shape, 0…1, NaN where unknown; there the third channel is 0. None: unknown everywhere.

    Returns
    -------
    NDArray
        float32 (…, 3, y, x).
    """
    valid = np.isfinite(phase)
    angle = np.where(valid, phase, 0).astype(np.float32)
    channels = np.zeros((*phase.shape[:-2], CHANNELS, *phase.shape[-2:]), np.float32)
    np.sin(angle, out=channels[..., 0, :, :])
    np.cos(angle, out=channels[..., 1, :, :])
    channels[..., 1, :, :] *= valid
    if coherence is not None:
        channels[..., 2, :, :] = np.where(valid & np.isfinite(coherence), 2 * coherence - 1, 0)
    return channels

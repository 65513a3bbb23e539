"""Wrapped phase as an angle: wrapping and its two-component encoding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SPEED_OF_LIGHT_M_S = 299_792_458.0
SENTINEL1_WAVELENGTH_M = 0.05546576


def wrap(phase: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Wrap radians to [-π, π] as their type rounds it; keeps dtype and NaN."""
    cycles = np.floor(phase / (2 * np.pi) + 0.5)
    wrapped: NDArray[np.floating[Any]] = (phase - 2 * np.pi * cycles).astype(phase.dtype)
    # Rounding of large angles may lead a little beyond.
    return np.clip(wrapped, -np.pi, np.pi, out=wrapped) if isinstance(wrapped, np.ndarray) else wrapped


def to_displacement_mm(phase: NDArray[np.floating[Any]], wavelength_m: float) -> NDArray[np.floating[Any]]:
    """Line-of-sight displacement towards the satellite in mm: −λ/4π · φ.

    φ in radians, positive away from the satellite (the project's internal sign).
    """
    displacement: NDArray[np.floating[Any]] = phase * (-wavelength_m / (4 * np.pi) * 1000)
    return displacement

"""True coherence of a pair, its loss over moving ground, and what a processor would estimate."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from basinwatch.phase import wrap
from basinwatch.simulation.atmosphere import smooth_field

FLOOR, CEILING, WATER = 0.01, 0.98, 0.02
_RAGGEDNESS = 0.5
_DISTURBANCE_SPREAD = 0.4


def seasonal(day_of_year: float) -> float:
    """Typical true 12-day coherence through the year: 0.9 in mid January, 0.6 in mid July."""
    return 0.75 + 0.15 * math.cos(2 * math.pi * (day_of_year - 15) / 365.25)


def background(
    rng: Generator, shape: tuple[int, int], mean: float, spread: float, correlation_px: float
) -> NDArray[np.float32]:
    """Coherence of stable ground: a mean and smooth variation about it."""
    return np.clip(mean + spread * smooth_field(rng, shape, correlation_px), FLOOR, CEILING).astype(np.float32)


def patches(rng: Generator, shape: tuple[int, int], share: float, correlation_px: float) -> NDArray[np.bool_]:
    """Draw irregular patches that cover about `share` of the area (fields, forest, water)."""
    coarse, ragged = (smooth_field(rng, shape, correlation_px / scale) for scale in (1, 4))
    field = coarse + np.float32(_RAGGEDNESS) * ragged
    covered: NDArray[np.bool_] = field < np.quantile(field, share) if share > 0 else np.zeros(shape, np.bool_)
    return covered


def gradient_loss(phase: NDArray[np.float32]) -> NDArray[np.float32]:
    """Coherence factor left by a phase slope inside each pixel: |sinc · sinc| of cycles per pixel.

    Exact for a linear ramp under box-shaped looks: 0.64 at half a cycle per pixel, 0 at one.
    """
    rows, columns = (np.gradient(phase, axis=axis) * np.float32(1 / (2 * np.pi)) for axis in (0, 1))
    loss: NDArray[np.float32] = np.abs(_sinc(rows) * _sinc(columns))
    return loss


def _sinc(cycles: NDArray[np.float32]) -> NDArray[np.float32]:
    """sin(πx)/πx, taking the quiet majority of pixels as 1."""
    result = np.ones_like(cycles)
    moving = np.abs(cycles) > 1e-3
    result[moving] = np.sinc(cycles[moving])
    return result


def disturbance(rng: Generator, phase: NDArray[np.float32], share: float, correlation_px: float) -> NDArray[np.float32]:
    """Coherence factor left by random motion inside the pixel, whose spread is about `share` of the movement."""
    ripple = smooth_field(rng, phase.shape, correlation_px)
    varied = np.float32(share) * np.exp(np.float32(_DISTURBANCE_SPREAD) * ripple)
    return np.exp(np.float32(-0.5) * (varied * phase) ** 2)


def smoothed(sample: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sample coherence as estimators with a sliding window deliver it."""
    return np.clip(uniform_filter(sample, 3), 0, 1)


def phasor_coherence(interferogram: NDArray[np.complex64], size: int = 5) -> NDArray[np.float32]:
    """Coherence read from the phase alone: length of the mean unit phasor in a moving window."""
    modulus = np.abs(interferogram)
    unit = interferogram / np.where(modulus > 0, modulus, 1)
    share = uniform_filter((modulus > 0).astype(np.float32), size)
    length = np.hypot(uniform_filter(unit.real, size), uniform_filter(unit.imag, size))
    return np.clip(length / np.maximum(share, 1e-3), 0, 1).astype(np.float32)


def residues(phase: NDArray[np.float32]) -> NDArray[np.int8]:
    """Charges (-1, 0, 1) of all 2 × 2 pixel loops, shape one smaller on both axes; NaN loops give 0."""
    right, down = wrap(np.diff(phase, axis=1)), wrap(np.diff(phase, axis=0))
    turns = (right[:-1] + down[:, 1:] - right[1:] - down[:, :-1]) / (2 * np.pi)
    return np.rint(np.nan_to_num(turns)).astype(np.int8)

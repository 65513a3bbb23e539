"""True coherence of a pair, its loss over moving ground, and what a processor would estimate."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from basinwatch.phase import wrap
from basinwatch.simulation.atmosphere import smooth_field
from basinwatch.simulation.geometry import Spacing

FLOOR, CEILING, WATER = 0.01, 0.98, 0.02
_RAGGEDNESS = 0.5
_DISTURBANCE_SPREAD = 0.4
# Mean reading of a 5 × 5 phasor estimate from flat phase that passed the Goldstein filter (0.6, window 32):
# rows are 5 and 20 looks, columns the true coherence.
_TRUE = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9)
_READ_AT_5_LOOKS = (0.18, 0.27, 0.50, 0.73, 0.89, 0.97, 0.99, 0.995, 1.0)
_READ_AT_20_LOOKS = (0.18, 0.51, 0.88, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0)


def seasonal(day_of_year: float, winter: float = 0.9, summer: float = 0.6) -> float:
    """Coherence through the year: `winter` in mid January, `summer` in mid July."""
    return (winter + summer) / 2 + (winter - summer) / 2 * math.cos(2 * math.pi * (day_of_year - 15) / 365.25)


def true_from_reading(reading: float, looks: float) -> float:
    """Find the true coherence that an estimate from filtered phase reads as `reading`.

    Inverts the mean reading of a 5 × 5 phasor estimate after filtering, interpolated in the logarithm of the looks
    between 5 and 20.
    """
    share = min(max(math.log(looks / 5) / math.log(20 / 5), 0.0), 1.0)
    table = (1 - share) * np.array(_READ_AT_5_LOOKS) + share * np.array(_READ_AT_20_LOOKS)
    return float(np.interp(reading, table, _TRUE))


def baseline_factor(baseline_m: float, critical_m: float | None) -> float:
    """Coherence factor left by a perpendicular baseline; it falls to 0 at the critical one (None: no such loss)."""
    return 1.0 if critical_m is None else max(1 - abs(baseline_m) / critical_m, 0.0)


def background(
    rng: Generator, shape: tuple[int, int], mean: float, spread: float, correlation_m: float, spacing: Spacing
) -> NDArray[np.float32]:
    """Coherence of stable ground: a mean and smooth variation about it."""
    variation = np.float32(spread) * smooth_field(rng, shape, correlation_m, spacing)
    return np.clip(np.float32(mean) + variation, FLOOR, CEILING)


def patches(
    rng: Generator, shape: tuple[int, int], share: float, correlation_m: float, spacing: Spacing
) -> NDArray[np.bool_]:
    """Draw irregular patches that cover about `share` of the area (fields, forest, water)."""
    coarse, ragged = (smooth_field(rng, shape, correlation_m / scale, spacing) for scale in (1, 4))
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


def disturbance(
    rng: Generator, phase: NDArray[np.float32], share: float, correlation_m: float, spacing: Spacing
) -> NDArray[np.float32]:
    """Coherence factor left by random motion inside the pixel, whose spread is about `share` of the movement."""
    ripple = smooth_field(rng, phase.shape, correlation_m, spacing)
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

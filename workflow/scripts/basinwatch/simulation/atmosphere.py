"""Random fields: turbulent delay, fractal terrain, and smooth fields for everything patchy."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft
from scipy.interpolate import make_interp_spline
from scipy.special import j0

Spectrum = Callable[[NDArray[np.floating[Any]]], NDArray[np.floating[Any]]]

_OUTER_SCALE_M = 50_000.0
_SPLIT_M = 2_000.0
_COARSE_STEP_M = 250.0
_COARSE_DOMAIN_M = 64_000.0
_FINE_DOMAIN_M = 3 * _SPLIT_M
_REFERENCE_LAG_M = 10_000.0
_SMALLEST_SCALE_M = 20.0


def broken_power_law(
    frequency: NDArray[np.floating[Any]], breaks_m: tuple[float, float], exponents: tuple[float, float, float]
) -> NDArray[np.floating[Any]]:
    """Two-dimensional power density that changes slope at two wavelengths, continuous, flat beyond 50 km.

    Parameters
    ----------
    frequency
        Cycles per metre.
    breaks_m
        Longer and shorter break wavelength in metres.
    exponents
        Slopes of the long, middle and short waves.
    """
    first, second = 1 / breaks_m[0], 1 / breaks_m[1]
    bounded = np.maximum(frequency, 1 / _OUTER_SCALE_M)
    log = exponents[0] * np.log(np.minimum(bounded, first) / first)
    log = log + exponents[1] * np.log(np.clip(bounded, first, second) / first)
    density: NDArray[np.floating[Any]] = np.exp(log + exponents[2] * np.log(np.maximum(bounded, second) / second))
    return density


def delay_spectrum(frequency: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Spectrum of tropospheric delay (Hanssen 2001, section 4.7): -8/3, -11/3, -5/3 in two dimensions."""
    return broken_power_law(frequency, (1500.0, 250.0), (-8 / 3, -11 / 3, -5 / 3))


def terrain_spectrum(frequency: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Spectrum of fractal terrain with breaks at 8 and 0.8 km."""
    return broken_power_law(frequency, (8000.0, 800.0), (-2.0, -3.0, -3.6))


@lru_cache(maxsize=8)
def unit_scale(spectrum: Spectrum) -> float:
    """Return the factor that makes the structure function of `spectrum` 1 at a lag of 10 km.

    D(L) = 2 ∫ P(f) [1 - J0(2πfL)] 2πf df.
    """
    log_f = np.linspace(math.log(1e-7), math.log(1 / _SMALLEST_SCALE_M), 40_000)
    f = np.exp(log_f)
    integrand = 2 * spectrum(f) * (1 - j0(2 * np.pi * f * _REFERENCE_LAG_M)) * 2 * np.pi * f * f
    return float(1 / np.trapezoid(integrand, log_f))


def scaled_field(
    rng: Generator, shape: tuple[int, int], spacing_m: float, spectrum: Spectrum, rms_10km: float
) -> NDArray[np.float32]:
    """Draw a zero-mean isotropic field with a given rms difference between points 10 km apart.

    Waves longer than 2 km come from a coarse 64 km domain, shorter ones from a domain a little
    larger than the tile: a small tile so keeps the right strength at long lags.
    """
    extent = max(shape) * spacing_m
    coarse_n = fft.next_fast_len(math.ceil(max(_COARSE_DOMAIN_M, 1.25 * extent) / _COARSE_STEP_M), real=True)
    fine_n = fft.next_fast_len(math.ceil(max(_FINE_DOMAIN_M, 1.25 * extent) / spacing_m), real=True)
    split = 1 / _SPLIT_M

    def long_waves(f: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        return np.where(f < split, spectrum(f), 0)

    def short_waves(f: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        return np.where(f >= split, spectrum(f), 0)

    coarse = _draw(rng, coarse_n, _COARSE_STEP_M, long_waves)
    fine = _draw(rng, fine_n, spacing_m, short_waves)[: shape[0], : shape[1]]
    total = _upsample(coarse, spacing_m / _COARSE_STEP_M, shape) + fine
    return (total * np.float32(rms_10km * math.sqrt(unit_scale(spectrum)))).astype(np.float32)


def smooth_field(rng: Generator, shape: tuple[int, int], correlation_px: float) -> NDArray[np.float32]:
    """Draw a field of zero mean and unit variance with Gaussian correlation exp(-½ d²/correlation²)."""
    step = max(1.0, correlation_px / 4)
    length = correlation_px / step
    n = fft.next_fast_len(math.ceil(max(shape) / step + 4 * length) + 4, real=True)

    def gaussian(f: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        power: NDArray[np.floating[Any]] = 2 * np.pi * length**2 * np.exp(-2 * (np.pi * length * f) ** 2)
        return power

    field = _draw(rng, n, 1.0, gaussian)
    return field[: shape[0], : shape[1]] if step == 1.0 else _upsample(field, 1 / step, shape)


def _draw(rng: Generator, n: int, spacing: float, power: Spectrum) -> NDArray[np.float32]:
    """Periodic n × n field of a given two-dimensional power density, without a mean."""
    df = 1 / (n * spacing)
    f = np.hypot(fft.fftfreq(n, spacing)[:, None], fft.rfftfreq(n, spacing)[None]).astype(np.float32)
    f[0, 0] = df
    amplitude = np.sqrt(power(f) / 2).astype(np.float32) * np.float32(df)
    amplitude[0, 0] = 0
    # The inverse real transform keeps only the real part of the first column: half its variance.
    amplitude[:, 0] *= np.float32(math.sqrt(2))
    normals = rng.standard_normal((2, *f.shape), dtype=np.float32)
    spectrum = (normals[0] + 1j * normals[1]) * amplitude
    field: NDArray[np.float32] = fft.irfft2(spectrum, s=(n, n), norm="forward")
    return field


def _upsample(coarse: NDArray[np.float32], step: float, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Cubic spline through a coarse field at every `step` of its pixels, one pixel inside its edge."""
    result = coarse
    for axis, length in enumerate(shape):
        at = 1 + step * np.arange(length)
        knots = np.arange(min(result.shape[axis], math.ceil(at[-1]) + 3))
        result = make_interp_spline(knots, result.take(knots, axis=axis), k=3, axis=axis)(at)
    return result.astype(np.float32)


def turbulence(rng: Generator, shape: tuple[int, int], spacing_m: float, rms_10km: float) -> NDArray[np.float32]:
    """Turbulent delay difference of a pair, in the unit of `rms_10km` = √D(10 km)."""
    return scaled_field(rng, shape, spacing_m, delay_spectrum, rms_10km)


def terrain(rng: Generator, shape: tuple[int, int], spacing_m: float, rms_10km_m: float) -> NDArray[np.float32]:
    """Fractal heights in metres about their mean, for delay that follows the terrain."""
    heights = scaled_field(rng, shape, spacing_m, terrain_spectrum, rms_10km_m)
    return heights - heights.mean(dtype=np.float64).astype(np.float32)


def ramp(shape: tuple[int, int], spacing_m: float, per_25km: tuple[float, float]) -> NDArray[np.float32]:
    """Plane that rises by `per_25km` (per column direction, per row direction) over 25 km."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None] * np.float32(per_25km[1] * spacing_m / 25_000)
    columns = np.arange(shape[1], dtype=np.float32)[None] * np.float32(per_25km[0] * spacing_m / 25_000)
    return rows + columns


def seasonal_strength(day_of_year: float) -> float:
    """Relative strength of turbulence through the year: 1 in mid January, 2 in mid July."""
    return 1.5 - 0.5 * math.cos(2 * math.pi * (day_of_year - 15) / 365)

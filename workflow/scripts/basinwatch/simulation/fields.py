"""Random fields of a given spectrum or correlation length, on grids with rectangular pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft
from scipy.integrate import trapezoid
from scipy.special import j0
from threadpoolctl import ThreadpoolController

from basinwatch.simulation.geometry import Spacing

Spectrum = Callable[[NDArray[np.floating[Any]]], NDArray[np.floating[Any]]]

_OUTER_SCALE_M = 50_000.0
_SMALLEST_SCALE_M = 20.0
_REFERENCE_LAG_M = 10_000.0
CROSSOVER_M = (3000.0, 1500.0)
LONG_DOMAIN_M = 64_000.0
CLEARANCE_M = 25_000.0
SEAM_M = 2000.0
# Times the correlation length: the amplitude of a Gaussian spectrum there is 1/250 of its largest.
_GAUSSIAN_CUTOFF = 0.75


def broken_power_law(
    frequency: NDArray[np.floating[Any]], breaks_m: tuple[float, float], exponents: tuple[float, float, float]
) -> NDArray[np.floating[Any]]:
    """Two-dimensional power density that changes slope at two wavelengths: continuous, flat beyond 50 km.

    Parameters
    ----------
    frequency
        Cycles per metre, above 0.
    breaks_m
        Longer and shorter break wavelength in metres; the density is 1 at the longer one.
    exponents
        Slopes of the long, middle and short waves.
    """
    first, second = (math.log(1 / wavelength) for wavelength in breaks_m)
    position = np.log(np.maximum(frequency, 1 / _OUTER_SCALE_M))
    level = exponents[0] * (position - first)
    level += (exponents[1] - exponents[0]) * np.maximum(position - first, 0)
    level += (exponents[2] - exponents[1]) * np.maximum(position - second, 0)
    density: NDArray[np.floating[Any]] = np.exp(level)
    return density


@lru_cache(maxsize=8)
def unit_scale(spectrum: Spectrum) -> float:
    """Return the factor that makes the structure function of `spectrum` 1 at a lag of 10 km.

    D(L) = 2 ∫ P(f) [1 - J₀(2πfL)] 2πf df.
    """
    log_f = np.linspace(math.log(1e-7), math.log(1 / _SMALLEST_SCALE_M), 40_000)
    f = np.exp(log_f)
    integrand = 2 * spectrum(f) * (1 - j0(2 * np.pi * f * _REFERENCE_LAG_M)) * 2 * np.pi * f * f
    return float(1 / trapezoid(integrand, log_f))


def scaled_field(
    rng: Generator, shape: tuple[int, int], spacing: Spacing, spectrum: Spectrum, rms_10km: float
) -> NDArray[np.float32]:
    """Draw an isotropic field with a given rms difference √D(10 km) between points 10 km apart.

    Waves longer than 3 km come from a domain of at least 64 km, those shorter than 1.5 km from one
    that is 2 km larger than the tile, those between from both in shares: a tile of any size has
    the strength of the spectrum at all its lags, and its opposite edges do not join.

    Parameters
    ----------
    rng
        Source of randomness.
    shape, spacing
        Rows and columns, and their distances in metres.
    spectrum
        Two-dimensional power density by frequency in cycles per metre, in any unit.
    rms_10km
        √D(10 km); its unit is that of the field.
    """
    field = _long_waves(rng, shape, spacing, spectrum)
    field += _short_waves(rng, shape, spacing, spectrum)
    field *= np.float32(rms_10km * math.sqrt(unit_scale(spectrum)))
    return field


def short_scaled_field(
    rng: Generator, shape: tuple[int, int], spacing: Spacing, spectrum: Spectrum, rms_10km: float
) -> NDArray[np.float32]:
    """Draw what :func:`scaled_field` has in waves shorter than 3 km (in full below 1.5 km)."""
    return _short_waves(rng, shape, spacing, spectrum) * np.float32(rms_10km * math.sqrt(unit_scale(spectrum)))


def smooth_field(rng: Generator, shape: tuple[int, int], correlation_m: float, spacing: Spacing) -> NDArray[np.float32]:
    """Draw a field of mean 0, variance 1 and correlation exp(-½ d²/`correlation_m`²).

    Mean and variance are those of many fields: one much smaller than the correlation length is nearly constant.
    """
    domain = _domain(shape, spacing, 4 * correlation_m)
    rows, columns = (_gaussian_amplitude(n, step, correlation_m) for n, step in zip(domain, spacing, strict=True))
    return np.ascontiguousarray(_periodic_field(rng, shape, domain, np.outer(rows, columns)))


def _gaussian_amplitude(n: int, step: float, correlation_m: float) -> NDArray[np.float32]:
    """Root of the power per frequency of one axis, normalised to variance 1, up to where it vanishes."""
    frequency = fft.rfftfreq(n, step)
    used = frequency[: max(2, np.searchsorted(frequency, _GAUSSIAN_CUTOFF / correlation_m))]
    amplitude = np.exp(-((np.pi * correlation_m * used) ** 2))
    return (amplitude / math.sqrt(2 * np.sum(amplitude**2) - amplitude[0] ** 2)).astype(np.float32)


def _short_waves(rng: Generator, shape: tuple[int, int], spacing: Spacing, spectrum: Spectrum) -> NDArray[np.float32]:
    """Part of a field in waves shorter than 3 km, unscaled."""
    domain = _domain(shape, spacing, SEAM_M)
    rows, columns = (fft.rfftfreq(n, step).astype(np.float32) for n, step in zip(domain, spacing, strict=True))
    return _periodic_field(rng, shape, domain, _amplitude(rows, columns, spectrum, short=True))


def _long_waves(rng: Generator, shape: tuple[int, int], spacing: Spacing, spectrum: Spectrum) -> NDArray[np.float32]:
    """Part of a field in waves longer than 1.5 km, unscaled, summed wave by wave: they are few."""
    extent = [n * step for n, step in zip(shape, spacing, strict=True)]
    domain = [max(LONG_DOMAIN_M, length + CLEARANCE_M) for length in extent]
    rows, columns = (np.arange(math.ceil(m / CROSSOVER_M[1]), dtype=np.float32) / np.float32(m) for m in domain)
    amplitude = _amplitude(rows, columns, spectrum, short=False)
    rows = np.concatenate([rows, -rows[:0:-1]])
    waves = _normals(rng, (len(rows), len(columns))) * np.concatenate([amplitude, amplitude[:0:-1]])
    # Only half of the plane is drawn, and a wave and its conjugate make twice the real part of one.
    waves[:, 1:] *= 2
    along_rows, along_columns = (
        _phasors(np.arange(n, dtype=np.float32) * np.float32(step), frequency)
        for n, step, frequency in zip(shape, spacing, (rows, columns), strict=True)
    )
    # With several threads the matrix library adds in another order, and the last digit depends on the machine.
    with _libraries().limit(limits=1, user_api="blas"):
        real: NDArray[np.float32] = (along_rows @ waves).view(np.float32) @ along_columns.conj().view(np.float32).T
    return real


@cache
def _libraries() -> ThreadpoolController:
    """Find the matrix libraries of this process, once."""
    return ThreadpoolController()


def _phasors(place_m: NDArray[np.float32], frequency: NDArray[np.float32]) -> NDArray[np.complex64]:
    """exp(2πi·place·frequency), (place, frequency)."""
    angle = np.float32(2 * np.pi) * np.outer(place_m, frequency)
    result = np.empty(angle.shape, np.complex64)
    result.real, result.imag = np.cos(angle), np.sin(angle)
    return result


def _amplitude(
    rows: NDArray[np.float32], columns: NDArray[np.float32], spectrum: Spectrum, short: bool
) -> NDArray[np.float32]:
    """Root of the power in each cell of the lattice of frequencies, 0 at the mean, for short or long waves."""
    frequency = np.sqrt(np.add.outer(rows**2, columns**2))
    frequency[0, 0] = columns[1]
    long_end, short_end = (1 / wavelength for wavelength in CROSSOVER_M)
    share = (
        (frequency - long_end) / (short_end - long_end) if short else (short_end - frequency) / (short_end - long_end)
    )
    power = spectrum(frequency) * np.clip(share, 0, 1, out=share)
    amplitude: NDArray[np.float32] = np.sqrt(power * (rows[1] * columns[1]))
    amplitude[0, 0] = 0
    return amplitude


def _periodic_field(
    rng: Generator, shape: tuple[int, int], domain: tuple[int, int], amplitude: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Crop of a periodic field; `amplitude` belongs to frequencies from 0 up, those it leaves out are 0."""
    above, columns = amplitude.shape
    below = min(above - 1, domain[0] - above)
    waves = np.zeros((domain[0], columns), np.complex64)
    np.multiply(_normals(rng, (above, columns)), amplitude, out=waves[:above])
    np.multiply(_normals(rng, (below, columns)), amplitude[below:0:-1], out=waves[domain[0] - below :])
    rows = fft.ifft(waves, axis=0, norm="forward", overwrite_x=True)[: shape[0]]
    field: NDArray[np.float32] = fft.irfft(rows, n=domain[1], axis=1, norm="forward")
    return field[:, : shape[1]]


def _normals(rng: Generator, shape: tuple[int, int]) -> NDArray[np.complex64]:
    """Complex normal numbers for half a plane of frequencies, variance 1, or 2 in the first column.

    That column stands alone, not for itself and a conjugate, and only its real part counts.
    """
    pairs = rng.standard_normal((*shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    pairs *= np.float32(math.sqrt(0.5))
    pairs[:, 0] *= np.float32(math.sqrt(2))
    return pairs


def _domain(shape: tuple[int, int], spacing: Spacing, margin_m: float) -> tuple[int, int]:
    """Pixels of a periodic domain larger than the tile by a margin, of a size that transforms fast."""
    least = [n + math.ceil(margin_m / step) for n, step in zip(shape, spacing, strict=True)]
    return fft.next_fast_len(least[0]), fft.next_fast_len(least[1], real=True)

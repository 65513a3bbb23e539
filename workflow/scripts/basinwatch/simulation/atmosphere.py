"""Delay of the radar signal in the troposphere: turbulence, terrain and layers, ramps, and their phase.

All delays are differences of the two dates of a pair along the zenith; :func:`delay_phase` alone
turns them into the satellite's direction.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.simulation.fields import broken_power_law, scaled_field, short_scaled_field, smooth_field, unit_scale
from basinwatch.simulation.geometry import PHASE_PER_MM, Spacing

__all__ = [
    "FINE_SHARE",
    "delay_phase",
    "delay_spectrum",
    "fine_turbulence",
    "layered_delay",
    "power_law_delay",
    "ramp",
    "seasonal_strength",
    "smooth_field",
    "terrain",
    "turbulence",
    "unit_scale",
]

FINE_SHARE = 0.5

LAYERS_EXPONENT = 1.4
LAYERS_TOP_M = 7000.0


def delay_spectrum(frequency: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Spectrum of tropospheric delay (Hanssen 2001, section 4.7): -8/3, -11/3, -5/3 in two dimensions."""
    return broken_power_law(frequency, (1500.0, 250.0), (-8 / 3, -11 / 3, -5 / 3))


def terrain_spectrum(frequency: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Spectrum of fractal terrain: -2, -3, -3.6 in two dimensions, one less along a line, breaks at 8 and 0.8 km."""
    return broken_power_law(frequency, (8000.0, 800.0), (-2.0, -3.0, -3.6))


def turbulence(rng: Generator, shape: tuple[int, int], spacing: Spacing, rms_10km: float) -> NDArray[np.float32]:
    """Turbulent delay difference of a pair, in the unit of `rms_10km` = √D(10 km)."""
    return scaled_field(rng, shape, spacing, delay_spectrum, rms_10km)


def fine_turbulence(rng: Generator, shape: tuple[int, int], spacing: Spacing, rms_10km: float) -> NDArray[np.float32]:
    """Waves shorter than 3 km, which weather models lack, of a :func:`turbulence` half as strong as `rms_10km`."""
    return short_scaled_field(rng, shape, spacing, delay_spectrum, FINE_SHARE * rms_10km)


def terrain(rng: Generator, shape: tuple[int, int], spacing: Spacing, rms_10km_m: float) -> NDArray[np.float32]:
    """Fractal heights in metres about their mean, for delay that follows the terrain."""
    return _centred(scaled_field(rng, shape, spacing, terrain_spectrum, rms_10km_m))


def layered_delay(heights_m: NDArray[np.float32], mm_per_km: float) -> NDArray[np.float32]:
    """Zenith delay difference in mm that grows linearly with height, 0 in the mean of the tile."""
    return _centred(heights_m) * (mm_per_km / 1000)


def power_law_delay(
    heights_m: NDArray[np.float32], mm_per_km: float, top_m: float = LAYERS_TOP_M
) -> NDArray[np.float32]:
    """Zenith delay difference in mm between two dates that both follow K (h₀ - h)^1.4, 0 in the mean of the tile.

    Bekaert, Hooper and Wright (2015): above h₀ the air is alike on all dates.

    Parameters
    ----------
    heights_m
        Heights, (y, x).
    mm_per_km
        Increase of the delay with height at the mean height; it fixes the difference of the two K.
    top_m
        h₀, a height.

    Raises
    ------
    InputError
        If the mean height is not below h₀.
    """
    mean_m = float(heights_m.mean(dtype=np.float64))
    if mean_m >= top_m:
        raise InputError(
            f"terrain: found a mean height of {mean_m:.0f} m, expected less than {top_m:.0f} m; check its unit."
        )
    below_top_km, mean_km = np.maximum(top_m - heights_m, 0) / 1000, (top_m - mean_m) / 1000
    factor = -mm_per_km / (LAYERS_EXPONENT * mean_km ** (LAYERS_EXPONENT - 1))
    return _centred(factor * below_top_km**LAYERS_EXPONENT)


def ramp(shape: tuple[int, int], spacing: Spacing, per_25km: tuple[float, float]) -> NDArray[np.float32]:
    """Plane that rises by `per_25km` (per column direction, per row direction) over 25 km."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None] * np.float32(per_25km[1] * spacing.y / 25_000)
    columns = np.arange(shape[1], dtype=np.float32)[None] * np.float32(per_25km[0] * spacing.x / 25_000)
    return rows + columns


def seasonal_strength(day_of_year: float) -> float:
    """Relative strength of turbulence through the year: 1 in mid January, 2 in mid July."""
    return 1.5 - 0.5 * math.cos(2 * math.pi * (day_of_year - 15) / 365)


def delay_phase(zenith_mm: Any, incidence_deg: float) -> Any:
    """Phase in radians of a zenith delay difference (second date minus first) in mm: 4π/λ · delay / cos θ.

    More delay on the second date looks like motion away from the satellite.
    """
    return PHASE_PER_MM / math.cos(math.radians(incidence_deg)) * zenith_mm


def _centred(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take away the mean."""
    return field - field.mean(dtype=np.float64).astype(np.float32)

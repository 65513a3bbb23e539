"""From a basin's own phase to its mask, its state and its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, label

from basinwatch.datasets import Label
from basinwatch.simulation.atmosphere import delay_spectrum, unit_scale
from basinwatch.simulation.deformation import Patch, overlap
from basinwatch.simulation.geometry import PHASE_PER_MM

OUTERMOST_RAD = math.pi / 2
SMALLEST_AREA_PX = 12
SMALLEST_SHARE_INSIDE = 0.6


@dataclass(frozen=True)
class Limits:
    """When a basin must be found and when it may be: line-of-sight peak in mm and detectability d′."""

    positive_mm: float = 8.0
    ignore_mm: float = 4.0
    positive_detectability: float = 6.0
    ignore_detectability: float = 3.0


@dataclass(frozen=True)
class Conditions:
    """What decides how visible a basin is: true coherence (y, x), looks, pixel size, √D(10 km) in radians."""

    coherence: NDArray[np.float32]
    looks: float
    spacing_m: float
    delay_rad: float


def basin_mask(phase: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels of a basin: its phase reaches min(π/2, half its peak), holes filled, the part that holds the peak."""
    peak = np.unravel_index(int(phase.argmax()), phase.shape)
    parts, _ = label(phase >= min(OUTERMOST_RAD, float(phase[peak]) / 2))
    filled: NDArray[np.bool_] = binary_fill_holes(parts == parts[peak])
    return filled


def noise_rad(coherence: float, looks: float) -> float:
    """Phase standard deviation: the high-coherence limit joined to that of uniform phase."""
    variance = (1 - coherence**2) / (2 * looks * max(coherence, 1e-3) ** 2)
    return math.sqrt(1 / (1 / max(variance, 1e-9) + 3 / math.pi**2))


def detectability(peak_rad: float, sigma_m: float, noise: float, spacing_m: float, delay_rad: float) -> float:
    """Ideal observer's d′ for a Gaussian bowl of known place in coloured noise.

    d′² = ∫ |Φ(f)|² / (P_delay(f) + noise² · pixel area) 2πf df with Φ the transform of the bowl.

    Parameters
    ----------
    peak_rad, sigma_m
        Peak phase and radius of the bowl.
    noise
        Phase standard deviation per pixel, radians.
    spacing_m
        Pixel size.
    delay_rad
        √D(10 km) of turbulence, radians.
    """
    log_f = np.linspace(math.log(1e-6), math.log(1 / sigma_m), 200)
    f = np.exp(log_f)
    bowl = peak_rad * 2 * math.pi * sigma_m**2 * np.exp(-2 * (math.pi * sigma_m * f) ** 2)
    clutter = delay_rad**2 * unit_scale(delay_spectrum) * delay_spectrum(f) + (noise * spacing_m) ** 2
    return math.sqrt(float(np.trapezoid(bowl**2 / clutter * 2 * math.pi * f * f, log_f)))


def merge_touching(patches: list[Patch]) -> list[Patch]:
    """Join basins that read as one: the saddle between them exceeds half the smaller peak."""
    merged: list[Patch] = []
    for patch in patches:
        for index, other in enumerate(merged):
            if _saddle(patch, other) > 0.5 * min(patch.phase.max(), other.phase.max()):
                merged[index] = _joined(patch, other)
                break
        else:
            merged.append(patch)
    return merged


def _peak_place(patch: Patch) -> tuple[int, int]:
    """Row and column of the peak in the tile."""
    row, column = np.unravel_index(int(patch.phase.argmax()), patch.phase.shape)
    return patch.row + int(row), patch.column + int(column)


def _saddle(first: Patch, second: Patch) -> float:
    """Lowest summed phase on the straight line between two peaks."""
    (r1, c1), (r2, c2) = _peak_place(first), _peak_place(second)
    steps = max(abs(r2 - r1), abs(c2 - c1)) + 1
    rows, columns = np.linspace(r1, r2, steps).round().astype(int), np.linspace(c1, c2, steps).round().astype(int)
    return float((_sample(first, rows, columns) + _sample(second, rows, columns)).min())


def _sample(patch: Patch, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float32]:
    """Phase at places of the tile, 0 outside the patch."""
    r, c = rows - patch.row, columns - patch.column
    inside = (r >= 0) & (c >= 0) & (r < patch.phase.shape[0]) & (c < patch.phase.shape[1])
    values = np.zeros(len(rows), np.float32)
    values[inside] = patch.phase[r[inside], c[inside]]
    return values


def _joined(first: Patch, second: Patch) -> Patch:
    """Sum of two patches on the window that holds both."""
    row, column = min(first.row, second.row), min(first.column, second.column)
    bottom = max(p.row + p.phase.shape[0] for p in (first, second))
    right = max(p.column + p.phase.shape[1] for p in (first, second))
    total = np.zeros((bottom - row, right - column), np.float32)
    for patch in (first, second):
        Patch(patch.row - row, patch.column - column, patch.phase).add_to(total)
    return Patch(row, column, total)


def label_of(patch: Patch, conditions: Conditions, limits: Limits) -> Label | None:
    """Label one basin, or None when it is too weak to count or lies outside the tile.

    Basins between the limits, smaller than 12 pixels or less than 60 % inside the tile are to be ignored.
    """
    peak_rad = float(patch.phase.max())
    whole = basin_mask(patch.phase)
    tile = conditions.coherence.shape
    inside, own = overlap(patch.row, patch.column, patch.phase.shape, tile)
    mask = np.zeros(tile, np.bool_)
    mask[inside] = whole[own]
    if not mask.any():
        return None
    numbers = _numbers(patch, whole, float(conditions.coherence[mask].mean()), conditions)
    visible, weak = numbers["peak_los_mm"], numbers["d_prime"]
    if peak_rad <= 0 or visible < limits.ignore_mm or weak < limits.ignore_detectability:
        return None
    ignore = (
        visible < limits.positive_mm
        or weak < limits.positive_detectability
        or int(mask.sum()) < SMALLEST_AREA_PX
        or mask.sum() < SMALLEST_SHARE_INSIDE * whole.sum()
    )
    return Label(mask, bool(ignore), numbers | {"area_px": int(mask.sum())})


def _numbers(patch: Patch, mask: NDArray[np.bool_], coherence: float, conditions: Conditions) -> dict[str, Any]:
    """Attributes of a basin."""
    rows, columns = np.gradient(patch.phase)
    steepest = np.maximum(np.abs(rows), np.abs(columns))[mask]
    peak_rad, volume = float(patch.phase.max()), float(patch.phase[mask].sum(dtype=np.float64))
    sigma_m = math.sqrt(max(volume, 1e-6) / (2 * math.pi * peak_rad)) * conditions.spacing_m
    noise = noise_rad(coherence, conditions.looks)
    d_prime = detectability(peak_rad, sigma_m, noise, conditions.spacing_m, conditions.delay_rad)
    return {
        "peak_los_mm": round(peak_rad / PHASE_PER_MM, 3),
        "gradient_rad_px": round(float(steepest.max()), 4),
        "alias_fraction": round(float((steepest > math.pi).mean()), 4),
        "coherence": round(coherence, 4),
        "d_prime": round(d_prime, 3),
    }

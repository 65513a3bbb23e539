"""From a basin's own phase to its mask, its state and its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import contourpy
import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.ndimage import binary_fill_holes, label
from shapely import Point, Polygon, box

from basinwatch.datasets.tiles import Label
from basinwatch.simulation.atmosphere import delay_spectrum, unit_scale
from basinwatch.simulation.deformation import Patch, overlap
from basinwatch.simulation.geometry import PHASE_PER_MM, Spacing
from basinwatch.simulation.settings import Labels

SMALLEST_AREA_PX = 12
SMALLEST_SHARE_INSIDE = 0.6
_SIMPLIFIED_PX = 0.25
_FAINTEST_MM = 0.01


@dataclass(frozen=True)
class Conditions:
    """What decides how visible a basin is.

    True coherence (y, x), 0 where there are no data; phase noise in radians at a coherence; pixel size;
    √D(10 km) in radians.
    """

    coherence: NDArray[np.float32]
    noise_rad: Callable[[float], float]
    spacing: Spacing
    delay_rad: float


@dataclass(frozen=True)
class Basin:
    """What reads as one basin: the phase of one or several touching bowls, and which of the drawn ones they are."""

    patch: Patch
    members: tuple[int, ...]


def threshold_rad(peak_rad: float, rule: Labels) -> float:
    """Phase at a basin's outline."""
    return min(rule.threshold_rad, peak_rad / 2) if rule.half_peak else rule.threshold_rad


def basin_mask(phase: NDArray[np.float32], rule: Labels = Labels()) -> NDArray[np.bool_]:  # noqa: B008
    """Pixels of a basin: its phase reaches the outline's, holes filled, the part that holds the peak."""
    peak = np.unravel_index(int(phase.argmax()), phase.shape)
    parts, _ = label(phase >= threshold_rad(float(phase[peak]), rule))
    filled: NDArray[np.bool_] = binary_fill_holes(parts == parts[peak])
    return filled & bool(parts[peak])


def outline(patch: Patch, shape: tuple[int, int], rule: Labels) -> Polygon:
    """Outline of a basin in the tile: marching squares at the threshold, simplified to a quarter pixel.

    Coordinates are (x, y) = (column, row) with pixel centres at whole numbers plus a half, as in COCO. Empty where
    the basin lies outside the tile or stays below the threshold.
    """
    top = int(patch.phase.argmax())
    row, column = np.unravel_index(top, patch.phase.shape)
    padded = np.pad(patch.phase, 1)
    lines = contourpy.contour_generator(z=padded).lines(threshold_rad(float(patch.phase.flat[top]), rule))
    rings = [Polygon(line) for line in lines if len(line) > 3]
    around = [ring for ring in rings if ring.covers(Point(column + 1, row + 1))]
    if not around:
        return Polygon()
    largest = max(around, key=lambda ring: ring.area)
    placed = Polygon(np.add(largest.exterior.coords, (patch.column - 0.5, patch.row - 0.5)))
    clipped = placed.simplify(_SIMPLIFIED_PX).buffer(0).intersection(box(0, 0, shape[1], shape[0]))
    parts = [part for part in getattr(clipped, "geoms", [clipped]) if isinstance(part, Polygon)]
    return max(parts, key=lambda part: part.area, default=Polygon())


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
    return math.sqrt(float(trapezoid(bowl**2 / clutter * 2 * math.pi * f * f, log_f)))


def equivalent_sigma_m(phase: NDArray[np.float32], spacing: Spacing) -> float:
    """Return σ of the Gaussian bowl of the same peak and volume (movement away only), √(V / 2π peak)."""
    volume = float(phase.clip(min=0).sum(dtype=np.float64)) * spacing.y * spacing.x
    return math.sqrt(volume / (2 * math.pi * float(phase.max())))


def merge_touching(patches: list[Patch]) -> list[Basin]:
    """Join basins that read as one: the saddle between them exceeds half the smaller peak."""
    basins = [Basin(patch, (number,)) for number, patch in enumerate(patches)]
    while pair := _first_touching(basins):
        first, second = pair
        joined = Basin(_joined(first.patch, second.patch), tuple(sorted(first.members + second.members)))
        basins = [joined if b is first else b for b in basins if b is not second]
    return basins


def _first_touching(basins: list[Basin]) -> tuple[Basin, Basin] | None:
    """First two basins that read as one."""
    for first, second in combinations(basins, 2):
        smaller = min(first.patch.phase.max(), second.patch.phase.max())
        if _saddle(first.patch, second.patch) > 0.5 * smaller:
            return first, second
    return None


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


def label_of(basin: Basin, conditions: Conditions, rule: Labels) -> Label | None:
    """Label one basin, or None when it is too weak to count or lies outside the tile.

    Basins between the limits, of which fewer than 12 pixels or less than 60 % are seen (inside the tile, with data)
    are to be ignored.
    """
    patch = basin.patch
    visible_mm = float(patch.phase.max()) / PHASE_PER_MM
    if visible_mm < max(rule.ignore_mm, _FAINTEST_MM):
        return None
    whole = basin_mask(patch.phase, rule)
    tile = (conditions.coherence.shape[0], conditions.coherence.shape[1])
    inside, own = overlap(patch.row, patch.column, patch.phase.shape, tile)
    mask = np.zeros(tile, np.bool_)
    mask[inside] = whole[own]
    seen = mask & (conditions.coherence > 0)
    if not seen.any():
        return None
    numbers = _numbers(patch, whole, float(conditions.coherence[seen].mean()), conditions)
    if numbers["d_prime"] < rule.ignore_detectability:
        return None
    ignore = (
        visible_mm < rule.positive_mm
        or numbers["d_prime"] < rule.positive_detectability
        or int(seen.sum()) < SMALLEST_AREA_PX
        or seen.sum() < SMALLEST_SHARE_INSIDE * whole.sum()
    )
    corners = [[round(float(v), 2) for v in point] for point in outline(patch, tile, rule).exterior.coords]
    numbers |= {"area_px": int(mask.sum()), "drawn": list(basin.members), "outline": corners}
    return Label(mask, bool(ignore), numbers)


def _numbers(patch: Patch, mask: NDArray[np.bool_], coherence: float, conditions: Conditions) -> dict[str, Any]:
    """Attributes of a basin."""
    rows, columns = np.gradient(patch.phase)
    steepest = np.maximum(np.abs(rows), np.abs(columns))[mask]
    peak_rad, area = float(patch.phase.max()), conditions.spacing.y * conditions.spacing.x
    noise, sigma_m = conditions.noise_rad(coherence), equivalent_sigma_m(patch.phase, conditions.spacing)
    d_prime = detectability(peak_rad, sigma_m, noise, math.sqrt(area), conditions.delay_rad)
    return {
        "peak_los_mm": round(peak_rad / PHASE_PER_MM, 3),
        "gradient_rad_px": round(float(steepest.max()), 4),
        "alias_fraction": round(float((steepest > math.pi).mean()), 4),
        "coherence": round(coherence, 4),
        "d_prime": round(d_prime, 3),
    }

"""Subsidence over underground extraction: closed profiles, the raster engine, horizontal movement.

Every basin of the closed forms is the product of a profile along the direction of advance and one
across it. Subsidence is positive downwards, lengths are metres, times days.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import erf, erfc, erfcx

from basinwatch.simulation.atmosphere import smooth_field
from basinwatch.simulation.geometry import los_phase

Array = NDArray[np.floating[Any]]
SQRT_PI = math.sqrt(math.pi)
_PROFILE_STEPS_PER_RADIUS = 40
_CUTOFF_MM = 0.1


@dataclass(frozen=True)
class Profile:
    """Values at increasing positions in metres; 0 outside."""

    positions: Array
    values: Array

    def at(self, where: Array) -> Array:
        """Interpolate linearly."""
        result: Array = np.interp(where, self.positions, self.values, left=0, right=0)
        return result

    def peaked(self, cutoff: float) -> Profile:
        """Scale to a maximum of 1 there at position 0, cut where it stays below `cutoff`."""
        top = int(self.values.argmax())
        scaled = self.values / self.values[top]
        kept = np.flatnonzero(scaled > cutoff)
        part = slice(max(kept[0] - 1, 0), kept[-1] + 2)
        return Profile(self.positions[part] - self.positions[top], scaled[part])


@dataclass(frozen=True)
class Patch:
    """One basin on its own window of the tile's lattice; the window may reach beyond the tile.

    `phase` is its line-of-sight phase in radians, `row` and `column` the window's first pixel.
    """

    row: int
    column: int
    phase: NDArray[np.float32]

    def add_to(self, target: NDArray[np.float32]) -> None:
        """Add the patch where it overlaps the tile."""
        inside, own = overlap(self.row, self.column, self.phase.shape, target.shape)
        target[inside] += self.phase[own]


def overlap(
    row: int, column: int, shape: tuple[int, ...], target: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of the tile and of a window at (row, column) that show the same pixels."""
    top, left = max(row, 0), max(column, 0)
    bottom, right = max(min(row + shape[0], target[0]), top), max(min(column + shape[1], target[1]), left)
    return (slice(top, bottom), slice(left, right)), (
        slice(top - row, bottom - row),
        slice(left - column, right - column),
    )


def trough_profile(x: Array, half_width: float, radius: float, radius_after: float | None = None) -> Array:
    """Share of full subsidence across a panel of 2 · `half_width`, by the probability integral.

    ½ [erf(√π (x + h) / r₁) - erf(√π (x - h) / r₂)] with influence radii r₁ and r₂ of the two edges
    (equal for a flat seam). The derivative is the difference of two Gaussian influence functions.
    """
    after = radius if radius_after is None else radius_after
    profile: Array = (erf(SQRT_PI * (x + half_width) / radius) - erf(SQRT_PI * (x - half_width) / after)) / 2
    return profile


def knothe_profile(x: Array, face: float, lag: float, radius: float) -> Array:
    """Share of full subsidence along a panel mined from 0 to `face` at constant speed, Knothe's time law.

    Parameters
    ----------
    x, face, radius
        Positions, face position and influence radius in metres.
    lag
        Knothe coefficient over advance rate, 1/m; infinity gives the static trough.
    """
    static: Array = (erf(SQRT_PI * x / radius) - erf(SQRT_PI * (x - face) / radius)) / 2
    return static - (_delayed(x, face, face, lag, radius) - _delayed(x, 0.0, face, lag, radius))


def _delayed(x: Array, g: float, face: float, lag: float, radius: float) -> Array:
    """Antiderivative of influence times what is still to come; two forms of it, neither can overflow."""
    a = SQRT_PI * (x - g) / radius + lag * radius / (2 * SQRT_PI)
    ahead = erfcx(np.maximum(a, 0)) * np.exp(lag * (g - face) - math.pi * ((x - g) / radius) ** 2)
    behind = erfc(np.minimum(a, 0)) * np.exp(np.minimum(lag * (x - face) + (lag * radius) ** 2 / (4 * math.pi), 0))
    result: Array = np.where(a > 0, ahead, behind) / 2
    return result


def extraction_increment(
    share: NDArray[np.float32],
    extracted_day: NDArray[np.float32],
    interval: tuple[float, float],
    rate_per_day: float,
    radius_px: float,
) -> NDArray[np.float32]:
    """Share of full subsidence gained in a time interval over any extraction raster.

    Parameters
    ----------
    share
        Extracted part of each cell, 0…1, (y, x).
    extracted_day
        Day on which the cell is extracted, (y, x); infinite where never.
    interval
        First and last day.
    rate_per_day
        Knothe coefficient.
    radius_px
        Influence radius in pixels; the influence function is a Gaussian of radius/√(2π).
    """

    def settled(day: float) -> NDArray[np.float32]:
        age = np.maximum(np.float32(day) - extracted_day, 0)
        return -np.expm1(np.float32(-rate_per_day) * age)

    gained = share * (settled(interval[1]) - settled(interval[0]))
    result: NDArray[np.float32] = gaussian_filter(
        gained, radius_px / math.sqrt(2 * math.pi), mode="constant", truncate=5
    )
    return result


def horizontal_movement(subsidence: Array, factor_m: float, spacing_m: float) -> tuple[Array, Array]:
    """East and north movement towards the centre: `factor_m` (b · r) times the slope of subsidence."""
    east: Array = factor_m * np.gradient(subsidence, spacing_m, axis=1)
    north: Array = -factor_m * np.gradient(subsidence, spacing_m, axis=0)
    return east, north


def basin_profiles(basin: Mapping[str, Any], days: float, cutoff: float) -> tuple[Profile, Profile]:
    """Profiles along and across one drawn basin, each scaled to a maximum of 1 at 0."""
    if basin["kind"] == "gaussian":
        along, across = (_gaussian_profile(basin[k]) for k in ("sigma_along_m", "sigma_across_m"))
    else:
        along, across = _face_profile(basin, days), _panel_profile(basin)
    return along.peaked(cutoff), across.peaked(cutoff)


def _gaussian_profile(sigma: float) -> Profile:
    x = np.linspace(-6, 6, 481) * sigma
    return Profile(x, np.exp(-0.5 * (x / sigma) ** 2))


def _panel_profile(basin: Mapping[str, Any]) -> Profile:
    """Across the panel: edges with the two influence radii of a dipping seam."""
    first, second = basin["radius_m"], basin["radius_m"] * basin["dip_ratio"]
    reach = basin["half_width_m"] + 2 * max(first, second)
    y = np.linspace(-reach, reach, math.ceil(2 * reach / min(first, second) * _PROFILE_STEPS_PER_RADIUS))
    return Profile(y, trough_profile(y, basin["half_width_m"], first, second))


def _face_profile(basin: Mapping[str, Any], days: float) -> Profile:
    """Along the panel: what a moving face adds within `days`, or what still settles after it stopped."""
    radius, run, advance, rate = (basin[k] for k in ("radius_m", "run_m", "advance_m_per_day", "rate_per_day"))
    lag, gained = rate / advance, advance * days
    x = np.arange(-2 * radius, run + gained + 2 * radius, radius / _PROFILE_STEPS_PER_RADIUS)
    before = knothe_profile(x, run, lag, radius)
    if basin["stopped"]:
        return Profile(x, trough_profile(x - run / 2, run / 2, radius) - before)
    return Profile(x, knothe_profile(x, run + gained, lag, radius) - before)


def basin_patch(
    basin: Mapping[str, Any],
    shape: tuple[int, int],
    spacing_m: float,
    days: float,
    line: tuple[float, float, float],
    rng: Generator,
) -> Patch:
    """Line-of-sight phase of one basin on the window where it moves, at most half a tile beyond the tile.

    Parameters
    ----------
    basin
        Drawn parameters (see :mod:`basinwatch.simulation.drawing`).
    shape, spacing_m
        Tile size in pixels and pixel size in metres.
    days
        Temporal baseline.
    line
        Unit vector to the satellite.
    rng
        Source of the irregularity.
    """
    along, across = basin_profiles(basin, days, _CUTOFF_MM / basin["peak_mm"])
    direction = math.radians(basin["direction_deg"])
    rows, columns = _window(basin, along, across, direction, shape, spacing_m)
    north = (basin["row"] - rows)[:, None] * spacing_m
    east = (columns - basin["column"])[None] * spacing_m
    if basin["warp"] > 0:
        size = (len(rows), len(columns))
        bend = [smooth_field(rng, size, 1.2 * basin["radius_m"] / spacing_m) for _ in range(2)]
        reach = basin["warp"] * basin["radius_m"]
        east, north = east + reach * bend[0], north + reach * bend[1]
    subsidence = along.at(east * math.sin(direction) + north * math.cos(direction))
    subsidence *= across.at(east * math.cos(direction) - north * math.sin(direction))
    if basin["irregularity"] > 0:
        ripple = smooth_field(rng, subsidence.shape, 0.8 * basin["radius_m"] / spacing_m)
        subsidence *= np.exp(basin["irregularity"] * ripple)
    subsidence *= basin["peak_mm"] / max(subsidence.max(), 1e-9)
    moved_east, moved_north = horizontal_movement(subsidence, basin["horizontal"] * basin["radius_m"], spacing_m)
    phase = los_phase(moved_east, moved_north, -subsidence, line)
    return Patch(int(rows[0]), int(columns[0]), phase.astype(np.float32))


def _window(
    basin: Mapping[str, Any],
    along: Profile,
    across: Profile,
    direction: float,
    shape: tuple[int, int],
    spacing_m: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns that hold the whole basin (never fewer than 8, nor beyond half a tile outside)."""
    a, c = (np.array([p.positions[0], p.positions[-1]]) / spacing_m for p in (along, across))
    corners_a, corners_c = np.repeat(a, 2), np.tile(c, 2)
    east = corners_a * math.sin(direction) + corners_c * math.cos(direction)
    north = corners_a * math.cos(direction) - corners_c * math.sin(direction)
    ranges = []
    for centre, low, high, length in (
        (basin["row"], -north.max(), -north.min(), shape[0]),
        (basin["column"], east.min(), east.max(), shape[1]),
    ):
        first = max(math.floor(centre + min(low, -4)), -length // 2)
        last = min(math.ceil(centre + max(high, 4)), length + length // 2)
        ranges.append(np.arange(first, last + 1))
    return ranges[0], ranges[1]

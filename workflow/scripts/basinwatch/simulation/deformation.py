"""One drawn basin as line-of-sight phase on its own window of a tile.

A basin is the product of a profile along its direction and one across it, bent and roughened at
random. The profiles are closed forms of :mod:`basinwatch.simulation.profiles`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from basinwatch.simulation.atmosphere import smooth_field
from basinwatch.simulation.extraction import horizontal_movement
from basinwatch.simulation.geometry import Spacing, los_phase
from basinwatch.simulation.profiles import Array, face_increment, residual_increment, trough_profile

# Profiles are tables: fine against their own width, and against the pixel because slopes are taken of them.
_STEPS_PER_RADIUS, _STEPS_PER_SIGMA, _STEPS_PER_PIXEL = 40, 16, 4
_EDGE_REACH, _GAUSSIAN_REACH = 2.0, 6.0
_CUTOFF_MM, _CUTOFF_SHARE = 0.1, 0.01
_SMALLEST_REACH_PX = 4
_LARGEST_BEND, _FAINTEST = 2.0, 1e-9
# Correlation lengths over the influence radius.
_BEND_LENGTH, _RIPPLE_LENGTH = 1.2, 0.8


class _AnyBasin(TypedDict):
    """What every drawn basin has.

    Parameters
    ----------
    peak_mm
        Vertical subsidence at the deepest point within the pair's interval.
    row, column
        Place of the deepest point in the tile; fractions and places outside are allowed.
    direction_deg
        Direction of advance (of the long axis), clockwise from north; across is 90° to its right.
    radius_m
        Influence radius r; of the up-dip edge in a dipping seam.
    horizontal
        Horizontal movement factor b: movement is b · r times the slope of subsidence.
    irregularity
        Standard deviation of the logarithm of random subsidence.
    warp
        Standard deviation of the random displacement of the outline over `radius_m`.
    """

    peak_mm: float
    row: float
    column: float
    direction_deg: float
    radius_m: float
    horizontal: float
    irregularity: float
    warp: float


class GaussianBasin(_AnyBasin):
    """Elliptic Gaussian bowl.

    Parameters
    ----------
    sigma_along_m, sigma_across_m
        Standard deviations along `direction_deg` and across it.
    """

    kind: Literal["gaussian"]
    sigma_along_m: float
    sigma_across_m: float


class FaceBasin(_AnyBasin):
    """Trough over a longwall panel whose face moves, or stopped before the pair.

    Parameters
    ----------
    half_width_m
        Half the effective width of the panel, horizontally.
    run_m
        Way of the face before the pair's interval.
    advance_m_per_day
        Advance of the face.
    rate_per_day
        Knothe's time coefficient.
    dip_ratio
        Influence radius of the down-dip edge over that of the up-dip edge; 1 in a flat seam. Down-dip
        is to the right of the direction of advance.
    dip_cot
        Movement up-dip over subsidence, cot θ₀; 0 in a flat seam.
    stopped_days
        Days from the face's stop to the pair's first date; None while it moves.
    """

    kind: Literal["face"]
    half_width_m: float
    run_m: float
    advance_m_per_day: float
    rate_per_day: float
    dip_ratio: float
    dip_cot: float
    stopped_days: float | None


Basin = GaussianBasin | FaceBasin


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

    def reach(self, levels: Array) -> tuple[Array, Array]:
        """First and last position at which a peaked profile exceeds each level, levels from 0 to 1."""
        top = int(np.searchsorted(self.positions, 0))
        rise = np.maximum.accumulate(self.values[: top + 1])
        fall = np.maximum.accumulate(self.values[top:][::-1])
        first = self.positions[np.clip(np.searchsorted(rise, levels) - 1, 0, top)]
        last = self.positions[::-1][np.clip(np.searchsorted(fall, levels) - 1, 0, len(fall) - 1)]
        return first, last


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


def basin_profiles(basin: Basin, days: float, cutoff: float, step_m: float) -> tuple[Profile, Profile]:
    """Profiles along and across one drawn basin, each scaled to a maximum of 1 at 0.

    Parameters
    ----------
    basin
        Drawn parameters.
    days
        Temporal baseline.
    cutoff
        Share of the maximum below which a profile ends.
    step_m
        Largest distance of its positions.
    """
    if basin["kind"] == "gaussian":
        along, across = (_gaussian_profile(s, step_m) for s in (basin["sigma_along_m"], basin["sigma_across_m"]))
    else:
        along, across = _face_profile(basin, days, step_m), _panel_profile(basin, step_m)
    return along.peaked(cutoff), across.peaked(cutoff)


def _gaussian_profile(sigma: float, step_m: float) -> Profile:
    x = _around_zero(_GAUSSIAN_REACH * sigma, min(sigma / _STEPS_PER_SIGMA, step_m))
    return Profile(x, np.exp(-0.5 * (x / sigma) ** 2))


def _panel_profile(basin: FaceBasin, step_m: float) -> Profile:
    """Across the panel: edges with the two influence radii of a dipping seam."""
    first, second = basin["radius_m"], basin["radius_m"] * basin["dip_ratio"]
    step = min(first / _STEPS_PER_RADIUS, second / _STEPS_PER_RADIUS, step_m)
    y = _around_zero(basin["half_width_m"] + _EDGE_REACH * max(first, second), step)
    return Profile(y, trough_profile(y, basin["half_width_m"], first, second))


def _around_zero(reach: float, step: float) -> Array:
    """Multiples of a step within a distance from 0."""
    count = math.ceil(reach / step)
    return np.arange(-count, count + 1) * step


def _face_profile(basin: FaceBasin, days: float, step_m: float) -> Profile:
    """Along the panel: what a moving face adds within `days`, or what still settles after it stopped."""
    run, advance, rate, radius = (basin[k] for k in ("run_m", "advance_m_per_day", "rate_per_day", "radius_m"))
    stopped = basin["stopped_days"]
    end = run + (advance * days if stopped is None else 0)
    x = np.arange(-_EDGE_REACH * radius, end + _EDGE_REACH * radius, min(radius / _STEPS_PER_RADIUS, step_m))
    if stopped is None:
        return Profile(x, face_increment(x, run, advance, rate, days, radius))
    return Profile(x, residual_increment(x, run, advance, rate, stopped, days, radius))


def basin_patch(
    basin: Basin,
    shape: tuple[int, int],
    spacing: Spacing,
    days: float,
    line: tuple[float, float, float],
    rng: Generator,
) -> Patch:
    """Line-of-sight phase of one basin on the window where it moves, at most half a tile beyond the tile.

    Parameters
    ----------
    basin
        Drawn parameters.
    shape
        Tile size in pixels.
    spacing
        Pixel size.
    days
        Temporal baseline.
    line
        Unit vector to the satellite.
    rng
        Source of the irregularity.
    """
    cutoff = min(_CUTOFF_MM / basin["peak_mm"], _CUTOFF_SHARE)
    along, across = basin_profiles(basin, days, cutoff, min(spacing) / _STEPS_PER_PIXEL)
    rows, columns = _window(basin, along, across, cutoff, shape, spacing)
    ahead, right = _positions(basin, rows, columns, spacing, rng)
    share = along.at(ahead) * across.at(right)
    if basin["irregularity"] > 0:
        ripple = smooth_field(rng, share.shape, _RIPPLE_LENGTH * basin["radius_m"], spacing)
        share *= np.exp(basin["irregularity"] * ripple)
    # A basin that falls between coarse pixels stays unseen.
    sunk = (share * (basin["peak_mm"] / max(float(share.max()), _FAINTEST))).astype(np.float32)
    east, north = _horizontal(basin, sunk, spacing)
    return Patch(int(rows[0]), int(columns[0]), los_phase(east, north, -sunk, line))


def _positions(
    basin: Basin, rows: NDArray[np.int64], columns: NDArray[np.int64], spacing: Spacing, rng: Generator
) -> tuple[Array, Array]:
    """Metres from the deepest point in the basin's direction and to its right at every pixel, bent at random."""
    north = (basin["row"] - rows)[:, None] * spacing.y
    east = (columns - basin["column"])[None] * spacing.x
    if basin["warp"] > 0:
        radius, reach = basin["radius_m"], basin["warp"] * basin["radius_m"]
        bend = [smooth_field(rng, (len(rows), len(columns)), _BEND_LENGTH * radius, spacing) for _ in range(2)]
        east, north = (
            straight + reach * b.clip(-_LARGEST_BEND, _LARGEST_BEND)
            for straight, b in zip((east, north), bend, strict=True)
        )
    sine, cosine = _direction(basin)
    return east * sine + north * cosine, east * cosine - north * sine


def _direction(basin: Basin) -> tuple[float, float]:
    """East and north part of the unit vector in the basin's direction."""
    direction = math.radians(basin["direction_deg"])
    return math.sin(direction), math.cos(direction)


def _horizontal(basin: Basin, sunk: NDArray[np.float32], spacing: Spacing) -> tuple[Array, Array]:
    """East and north movement in mm: towards the centre and, over a dipping seam, up-dip to the panel."""
    east, north = horizontal_movement(sunk, basin["horizontal"] * basin["radius_m"], spacing)
    if basin["kind"] == "gaussian":
        return east, north
    sine, cosine = _direction(basin)
    return east - basin["dip_cot"] * cosine * sunk, north + basin["dip_cot"] * sine * sunk


def _window(
    basin: Basin, along: Profile, across: Profile, cutoff: float, shape: tuple[int, int], spacing: Spacing
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns in which the basin exceeds its cutoff, with its deepest point."""
    sine, cosine = _direction(basin)
    first, last = across.reach(cutoff / np.maximum(along.values, cutoff))
    ahead, right = np.tile(along.positions, 2), np.concatenate([first, last])
    east, south = ahead * sine + right * cosine, right * sine - ahead * cosine
    margin = _LARGEST_BEND * basin["warp"] * basin["radius_m"]
    return (
        _pixels(basin["row"], (south - margin) / spacing.y, (south + margin) / spacing.y, shape[0]),
        _pixels(basin["column"], (east - margin) / spacing.x, (east + margin) / spacing.x, shape[1]),
    )


def _pixels(centre: float, low: Array, high: Array, length: int) -> NDArray[np.int64]:
    """Pixels around a centre, no further outside than half the tile unless the centre itself is."""
    near, far = centre - _SMALLEST_REACH_PX, centre + _SMALLEST_REACH_PX
    first = min(max(centre + float(low.min()), -length / 2), near)
    last = max(min(centre + float(high.max()), 1.5 * length), far)
    return np.arange(math.floor(first), math.ceil(last) + 1)

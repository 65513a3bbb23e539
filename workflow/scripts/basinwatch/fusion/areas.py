"""Motion east and up of an area, from the rate maps of its tracks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.fusion.decomposition import COMPONENTS, LineOfSight, decompose, neglected
from basinwatch.fusion.passes import Passes
from basinwatch.fusion.planes import at_rest
from basinwatch.fusion.tracks import Levelled, level, onto
from basinwatch.grid import Grid
from basinwatch.rasters import grid_of, open_raster, read_bands

log = logging.getLogger(__name__)

Float = NDArray[np.floating[Any]]

LAYERS = ("east_mm_yr", "up_mm_yr", "sigma_east_mm_yr", "sigma_up_mm_yr", "strength", "is_weak")
_BLOCK_ROWS = 256


@dataclass(frozen=True)
class FusionSettings:
    """How tracks are put together.

    Parameters
    ----------
    bandwidth_m, first_share
        As for :func:`basinwatch.fusion.tracks.level`.
    stable_mm_yr
        Ground that departs less from the plane of its track is at rest (:func:`basinwatch.fusion.planes.at_rest`).
    """

    bandwidth_m: float | tuple[float, float] = (1_000.0, 10_000.0)
    first_share: float = 0.5
    stable_mm_yr: float = 5.0


@dataclass(frozen=True)
class RateMap:
    """Rate towards the satellite and its standard error, (y, x) in mm/yr; NaN where it does not count as measured."""

    passes: Passes
    line: LineOfSight
    rate: Float
    sigma: Float


@dataclass(frozen=True)
class FusedRates:
    """Result of :func:`fuse`.

    Parameters
    ----------
    layers
        Float32 (layer, y, x) in the order of `LAYERS`.
    levels_mm_yr
        What was taken from each of the rate maps, (y, x); NaN where nothing is known.
    report
        What was done.
    """

    layers: NDArray[np.float32]
    levels_mm_yr: Sequence[Float]
    report: dict[str, Any]


def read_rate_map(
    passes: Passes, rate: Path, quality: Path, own: Grid, grid: Grid, incidence: Path | None = None
) -> RateMap:
    """Read the measured part of a rate map, and a raster of its incidence in degrees if there is one, onto `grid`."""
    values = np.stack(read_bands(rate, "rate_mm_yr", "rate_sigma_mm_yr"))
    (measured,) = read_bands(quality, "measured")
    known = (measured > 0) & np.isfinite(values[0]) & (values[1] > 0)
    moved = onto(np.where(known, values, np.nan), own, grid)
    if incidence is None:
        return RateMap(passes, passes.line, moved[0], moved[1])
    angle = read_onto(incidence, grid)
    moved[:, np.isnan(angle)] = np.nan
    return RateMap(passes, LineOfSight.of(angle, passes.heading_deg), moved[0], moved[1])


def read_onto(path: Path, grid: Grid) -> NDArray[np.float32]:
    """Read the first band of a raster, such as terrain heights, onto a grid; NaN where there is no data."""
    with open_raster(path) as source:
        values, own = source.read(1, masked=True).astype(np.float32).filled(np.nan), grid_of(source)
    return onto(values, own, grid)


def mean_of(path: Path) -> float:
    """Mean of a raster's valid pixels."""
    with open_raster(path) as source:
        return float(np.nanmean(source.read(1, masked=True).astype(np.float64).filled(np.nan)))


def fuse(
    maps: Sequence[RateMap],
    moving: NDArray[np.bool_],
    covariates: Sequence[Float],
    spacing_m: tuple[float, float],
    settings: FusionSettings,
) -> FusedRates:
    """Level rate maps on ground at rest, where each follows a plane of its own, and solve for motion east and up.

    Parameters
    ----------
    maps
        On one grid, of both directions of flight; the first one is levelled with the next of the other direction,
        any further one to these.
    moving
        Ground (y, x) that is not at rest, however slow.
    covariates
        Rasters (y, x) that levels may depend on.
    spacing_m
        Distance of rows and of columns.
    settings
        How.

    Raises
    ------
    InputError
        If a track, or two of them together, measured no ground at rest.
    """
    resting = [at_rest(each.rate, ~moving, spacing_m, settings.stable_mm_yr) | np.isnan(each.rate) for each in maps]
    stable = ~moving & np.logical_and.reduce(resting)
    levelled, reports = _levelled(maps, stable, covariates, spacing_m, settings)
    layers = np.empty((len(LAYERS), *stable.shape), np.float32)
    for start in range(0, len(stable), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        layers[:, rows] = _decomposed(levelled, rows)
    report = {"tracks": [each.passes.report() for each in maps]} | _summary(layers, levelled, reports)
    levels = [before.rate - after.rate for before, after in zip(maps, levelled, strict=True)]
    return FusedRates(layers, levels, report)


def _levelled(
    maps: Sequence[RateMap],
    stable: NDArray[np.bool_],
    covariates: Sequence[Float],
    spacing_m: tuple[float, float],
    settings: FusionSettings,
) -> tuple[list[RateMap], list[dict[str, Any]]]:
    """Level all maps to the first one, which itself gives way to the other direction alone; tell how."""
    first, share = maps[0], settings.first_share
    others = sorted(maps[1:], key=lambda each: each.passes.direction == first.passes.direction)
    done, reports = {}, []
    for other in others:
        lines = (first.line, other.line)
        found = level((first.rate, other.rate), lines, stable, covariates, spacing_m, settings.bandwidth_m, share)
        names = {"stacks": [first.passes.name, other.passes.name], "share_of_first": share}
        reports.append(names | _level_report(found))
        done[other.passes.name] = replace(other, rate=found.second)
        first, share = replace(first, rate=found.first), 0.0
    return [first, *(done[each.passes.name] for each in maps[1:])], reports


def _level_report(found: Levelled) -> dict[str, Any]:
    """Describe how two tracks were levelled with plain JSON types."""
    rested = np.isfinite(found.left_out)
    return {
        "bandwidth_m": round(found.bandwidth_m, 1), "at_rest_px": int(rested.sum()),
        "mean_level_mm_yr": _mean(found.difference[rested]),
        "plane": {
            "level_mm_yr": round(found.plane.level, 4),
            "to_east_mm_yr_km": round(1000 * found.plane.to_east, 4),
            "to_north_mm_yr_km": round(1000 * found.plane.to_north, 4),
        },
    }  # fmt: skip


def _decomposed(maps: Sequence[RateMap], rows: slice) -> NDArray[np.float32]:
    """Layers of some rows."""
    lines, sigma = [each.line.within(rows) for each in maps], [each.sigma[rows] for each in maps]
    motion = decompose([each.rate[rows] for each in maps], lines, sigma)
    known = np.isfinite(motion.components[0])
    spread = np.sqrt([motion.covariance[k, k] for k in range(len(COMPONENTS))])
    weak = np.where(known, motion.is_weak, np.nan)
    strength = np.where(known, motion.strength, np.nan)
    return np.stack([*motion.components, *spread, strength, weak]).astype(np.float32)


def _summary(layers: Float, maps: Sequence[RateMap], levels: list[dict[str, Any]]) -> dict[str, Any]:
    """Count pixels and tell what motion to the north, taken as none, adds to the components."""
    added = neglected("north", [each.passes.line for each in maps])
    weak_px = int((layers[LAYERS.index("is_weak")] == 1).sum())
    if weak_px:
        log.warning("%d pixels were seen from directions too much alike: see the layer is_weak", weak_px)
    return {
        "levels": levels,
        "measured_px": {each.passes.name: int(np.isfinite(each.rate).sum()) for each in maps},
        "fused_px": int(np.isfinite(layers[LAYERS.index("up_mm_yr")]).sum()),
        "weak_px": weak_px,
        "mean_strength": _mean(layers[LAYERS.index("strength")]),
        "added_by_motion_north": {name: round(float(part), 6) for name, part in zip(COMPONENTS, added, strict=True)},
    }


def _mean(values: Float) -> float | None:
    """Mean of the finite values, or None without any."""
    finite = values[np.isfinite(values)]
    return round(float(finite.mean(dtype=np.float64)), 4) if finite.size else None

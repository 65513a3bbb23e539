"""Motion east and up of an area, from the rate maps of its tracks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.fusion.decomposition import COMPONENTS, LineOfSight, decompose, neglected
from basinwatch.fusion.tracks import level, onto
from basinwatch.grid import Grid
from basinwatch.rasters import grid_of, open_raster, read_bands

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
        Slower ground is at rest.
    """

    bandwidth_m: float | tuple[float, float] = (1_000.0, 10_000.0)
    first_share: float = 0.5
    stable_mm_yr: float = 5.0


@dataclass(frozen=True)
class Passes:
    """How and when a track looks at the ground.

    Parameters
    ----------
    name
        Of the stack.
    direction
        ``ascending`` or ``descending``.
    heading_deg, incidence_deg
        Flight direction clockwise from north; angle from the vertical.
    first_date, last_date
        Time its rate map covers.
    """

    name: str
    direction: str
    heading_deg: float
    incidence_deg: float
    first_date: date
    last_date: date

    @classmethod
    def of(
        cls, name: str, metadata: Mapping[str, Any], network: Mapping[str, Any], incidence_deg: float | None = None
    ) -> Passes:
        """Take the geometry from a pair's metadata and the dates from the network of the rate map.

        A given incidence angle replaces that of the metadata.

        Raises
        ------
        InputError
            If an angle is unknown.
        """
        heading, incidence = metadata["heading_deg"], incidence_deg or metadata["incidence_deg"]
        for what, angle in (("heading", heading), ("incidence angle", incidence)):
            if angle is None:
                raise InputError(
                    f"stacks.{name}: found no {what} for pair {metadata['pair']}, expected one to fuse its rate map; "
                    "add the producer's header or metadata, or set fuse: false in its area."
                )
        dates = (date.fromisoformat(network[key]) for key in ("first_date", "last_date"))
        return cls(name, metadata["pass"], heading, incidence, *dates)

    @property
    def line(self) -> LineOfSight:
        """Unit vector to the satellite, at the middle of the track."""
        return LineOfSight.of(self.incidence_deg, self.heading_deg)

    def report(self) -> dict[str, Any]:
        """Describe the track with plain JSON types."""
        line = {name: round(float(self.line.part(name)), 6) for name in ("east", "north", "up")}
        return {
            "stack": self.name, "pass": self.direction, "heading_deg": self.heading_deg,
            "incidence_deg": self.incidence_deg, "first_date": self.first_date.isoformat(),
            "last_date": self.last_date.isoformat(), "line_of_sight": line,
        }  # fmt: skip


@dataclass(frozen=True)
class RateMap:
    """Rate towards the satellite and its standard error, (y, x) in mm/yr; NaN where it does not count as measured."""

    passes: Passes
    line: LineOfSight
    rate: Float
    sigma: Float


@dataclass(frozen=True)
class FusedRates:
    """Result of :func:`fuse`: float32 (layer, y, x) in the order of `LAYERS`, and what was done."""

    layers: NDArray[np.float32]
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


def require_both_directions(area: str, tracks: Sequence[Passes]) -> None:
    """Refuse tracks that cannot tell east from up, or that saw the ground at different times.

    Raises
    ------
    InputError
        If all tracks fly in one direction, or two of them share no time.
    """
    directions = sorted({track.direction for track in tracks})
    if len(directions) < 2:
        raise InputError(
            f"areas.{area}.fuse: found {' and '.join(directions) or 'no'} tracks only "
            f"({', '.join(track.name for track in tracks)}), expected an ascending and a descending one; add a stack "
            "of the other direction, or set fuse: false."
        )
    for before, after in pairwise(sorted(tracks, key=lambda track: track.first_date)):
        if after.first_date >= before.last_date:
            raise InputError(
                f"areas.{area}.fuse: found stack {before.name} until {before.last_date} and stack {after.name} from "
                f"{after.first_date}, expected rate maps of a common time; add scenes, or set fuse: false."
            )


def fuse(
    maps: Sequence[RateMap],
    moving: NDArray[np.bool_],
    covariates: Sequence[Float],
    spacing_m: tuple[float, float],
    settings: FusionSettings,
) -> FusedRates:
    """Level rate maps on ground at rest and solve for motion east and up.

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
    """
    slow = [~(np.abs(each.rate) >= settings.stable_mm_yr) for each in maps]
    stable = np.logical_and.reduce([~moving, *slow])
    levelled, levels = _levelled(maps, stable, covariates, spacing_m, settings)
    layers = np.empty((len(LAYERS), *stable.shape), np.float32)
    for start in range(0, len(stable), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        layers[:, rows] = _decomposed(levelled, rows)
    return FusedRates(layers, {"tracks": [each.passes.report() for each in maps]} | _summary(layers, levelled, levels))


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
    done, levels = [], []
    for other in others:
        lines = (first.line, other.line)
        found = level((first.rate, other.rate), lines, stable, covariates, spacing_m, settings.bandwidth_m, share)
        at_rest = np.isfinite(found.surface.left_out)
        levels.append({
            "stacks": [first.passes.name, other.passes.name], "share_of_first": share,
            "bandwidth_m": round(found.bandwidth_m, 1), "at_rest_px": int(at_rest.sum()),
            "mean_level_mm_yr": _mean(found.surface.fit[at_rest]),
        })  # fmt: skip
        done.append(replace(other, rate=found.second))
        first, share = replace(first, rate=found.first), 0.0
    return [first, *done], levels


def _decomposed(maps: Sequence[RateMap], rows: slice) -> NDArray[np.float32]:
    """Layers of some rows."""
    lines, sigma = [_rows_of(each.line, rows) for each in maps], [each.sigma[rows] for each in maps]
    motion = decompose([each.rate[rows] for each in maps], lines, sigma)
    known = np.isfinite(motion.components[0])
    spread = np.sqrt([motion.covariance[k, k] for k in range(len(COMPONENTS))])
    weak = np.where(known, motion.is_weak, np.nan)
    strength = np.where(known, motion.strength, np.nan)
    return np.stack([*motion.components, *spread, strength, weak]).astype(np.float32)


def _rows_of(line: LineOfSight, rows: slice) -> LineOfSight:
    """Cut the rasters of a line of sight; numbers stay."""
    parts = (line.part(name) for name in ("east", "north", "up"))
    return LineOfSight(*(part[rows] if part.ndim else part for part in parts))


def _summary(layers: Float, maps: Sequence[RateMap], levels: list[dict[str, Any]]) -> dict[str, Any]:
    """Count pixels and tell what motion to the north, taken as none, adds to the components."""
    added = neglected("north", [each.passes.line for each in maps])
    return {
        "levels": levels,
        "measured_px": {each.passes.name: int(np.isfinite(each.rate).sum()) for each in maps},
        "fused_px": int(np.isfinite(layers[LAYERS.index("up_mm_yr")]).sum()),
        "weak_px": int((layers[LAYERS.index("is_weak")] == 1).sum()),
        "mean_strength": _mean(layers[LAYERS.index("strength")]),
        "added_by_motion_north": {name: round(float(part), 6) for name, part in zip(COMPONENTS, added, strict=True)},
    }


def _mean(values: Float) -> float | None:
    """Mean of the finite values, or None without any."""
    finite = values[np.isfinite(values)]
    return round(float(finite.mean(dtype=np.float64)), 4) if finite.size else None

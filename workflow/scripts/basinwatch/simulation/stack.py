"""A simulated stack of interferograms whose ground, weather and orbits are known.

Every date and every pair has its own random numbers, so that a later acquisition adds files and
changes none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import whirlwind
from affine import Affine
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.goldstein import filter_goldstein
from basinwatch.grid import METRES_PER_DEGREE, Grid
from basinwatch.simulation import coherence, speckle
from basinwatch.simulation.acquisitions import TRACKS, Acquisition, Track
from basinwatch.simulation.fields import smooth_field
from basinwatch.simulation.geometry import Spacing
from basinwatch.simulation.ground import Ground
from basinwatch.simulation.mines import EXAMPLE_MINES, draw_mines
from basinwatch.simulation.randomness import Source, generator

Field = NDArray[np.float32]

UTM_ZONE = 34
_CORNER_EAST_M, _CORNER_NORTH_M = 345_000.0, 5_571_000.0
_CORNER_LONGITUDE, _CORNER_LATITUDE = 18.825, 50.27
_LOOKS = 10.0
_DECAY_DAYS, _LASTING_SHARE = 70.0, 0.35
_DISTURBANCE, _DISTURBANCE_CORRELATION_M = 0.06, 150.0
_PAIR_SPREAD, _PAIR_CORRELATION_M = 0.04, 600.0
_LOWEST_UNWRAPPED_COHERENCE = 0.3


class Pair(NamedTuple):
    """Dates of a pair, the earlier one first."""

    first: date
    second: date

    @classmethod
    def of(cls, first: date, second: date) -> Pair:
        """Check the dates of a pair.

        Raises
        ------
        InputError
            If they are not in order.
        """
        if not first < second:
            raise InputError(
                f"simulated_stacks: found pair {first}_{second}, expected the earlier of two dates first; swap them."
            )
        return cls(first, second)

    @property
    def name(self) -> str:
        """``YYYYMMDD_YYYYMMDD``."""
        return f"{self.first:%Y%m%d}_{self.second:%Y%m%d}"

    @property
    def number(self) -> int:
        """One number per pair of dates."""
        return (self.first.toordinal() << 24) | self.second.toordinal()


@dataclass(frozen=True)
class Observation:
    """Filtered interferogram, complex64 (y, x), and its estimated coherence, float32 in 0…1."""

    interferogram: NDArray[np.complex64]
    coherence: Field

    def unwrapped(self) -> Field:
        """Unwrapped phase as a processor delivers it: NaN where coherence is low or no component is trusted."""
        unwrapped, component = whirlwind.unwrap(self.interferogram, self.coherence, _LOOKS)
        trusted = (component > 0) & (self.coherence >= _LOWEST_UNWRAPPED_COHERENCE)
        return np.where(trusted, unwrapped, np.nan).astype(np.float32)


@dataclass(frozen=True)
class SimulatedStack:
    """One track over simulated ground.

    Parameters
    ----------
    grid
        Pixels of all rasters.
    ground
        What moves and what covers it; equal for tracks of the same seed, size and form.
    track
        Geometry of the passes.
    first_date
        Day 0 of the mines' history.
    """

    grid: Grid
    ground: Ground
    track: Track
    first_date: date

    @classmethod
    def from_config(cls, settings: Mapping[str, Any]) -> SimulatedStack:
        """Build from an entry of the configuration.

        Raises
        ------
        InputError
            If the scene has no room for so many mines.
        """
        place, seed, wanted = _GRIDS[settings["form"]], settings["seed"], settings["mines"]
        grid = place(settings["size_px"], settings["spacing_m"])
        spacing = Spacing(grid.pixel_spacing_m[1], grid.pixel_spacing_m[0])
        mines = EXAMPLE_MINES if wanted == "example" else draw_mines(seed, wanted, grid.shape, spacing)
        hills = settings["elevation"], settings["relief_m"], settings["slides"]
        ground = Ground(grid.shape, spacing, seed, mines, *hills)
        return cls(grid, ground, TRACKS[settings["pass"]], date.fromisoformat(settings["first_date"]))

    def acquisition(self, day: date) -> Acquisition:
        """Describe the pass of one date.

        Raises
        ------
        InputError
            If the date lies before the mines' history.
        """
        if day < self.first_date:
            raise InputError(
                f"simulated_stacks: found scene {day}, expected none before first_date ({self.first_date}); "
                "correct the scene table or first_date."
            )
        return Acquisition(self.ground, self.track, day)

    def days(self, pair: Pair) -> tuple[int, int]:
        """Days of a pair in the mines' history."""
        return (pair.first - self.first_date).days, (pair.second - self.first_date).days

    def moved_phase(self, pair: Pair) -> Field:
        """Phase of the ground's movement, radians (y, x)."""
        total = np.zeros(self.ground.shape, np.float32)
        for movement in self.ground.movements(*self.days(pair)):
            movement.seen_along(self.track.line).add_to(total)
        return total

    def pair_phase(self, pair: Pair) -> Field:
        """Phase without noise, radians (y, x): movement, delay and residual topography."""
        return self.moved_phase(pair) + self._acquired_phase(pair)

    def observe(self, pair: Pair) -> Observation:
        """Draw a pair's speckle, filter it and estimate its coherence; the phase has an arbitrary constant."""
        moved = self.moved_phase(pair)
        rng = generator(self.ground.seed, pair.number, Source.SPECKLE, self.track.number)
        offset = np.float32(rng.uniform(-math.pi, math.pi))
        phase = moved + self._acquired_phase(pair) + offset
        signal, sample = speckle.multilook(rng, phase, self.true_coherence(pair, moved), _LOOKS)
        return Observation(filter_goldstein(signal, alpha=0.5, window=32, step=8), coherence.smoothed(sample))

    def _acquired_phase(self, pair: Pair) -> Field:
        """Difference of the two passes, radians (y, x)."""
        before, after = (self.acquisition(day).phase() for day in pair)
        return after - before

    def true_coherence(self, pair: Pair, moved: Field) -> Field:
        """Seasonal and temporal decay over land cover, lost where the ground moves (`moved`, radians)."""
        shape, spacing = self.ground.shape, self.ground.spacing
        land, water = self.ground.land_coherence(_level(pair))
        own = generator(self.ground.seed, pair.number, Source.PAIR_GROUND, self.track.number)
        land += np.float32(_PAIR_SPREAD) * smooth_field(own, shape, _PAIR_CORRELATION_M, spacing)
        land *= coherence.gradient_loss(moved)
        land *= coherence.disturbance(own, moved, _DISTURBANCE, _DISTURBANCE_CORRELATION_M, spacing)
        land[water] = coherence.WATER
        return np.clip(land, coherence.FLOOR, coherence.CEILING)


def _level(pair: Pair) -> float:
    """Mean coherence of a pair by season and time between its dates."""
    days = (pair.second - pair.first).days
    middle = (pair.first + timedelta(days=days // 2)).timetuple().tm_yday
    return coherence.seasonal(middle) * (_LASTING_SHARE + (1 - _LASTING_SHARE) * math.exp(-days / _DECAY_DAYS))


def _utm(size_px: int, spacing_m: float) -> Grid:
    """Square grid in UTM."""
    transform = Affine(spacing_m, 0, _CORNER_EAST_M, 0, -spacing_m, _CORNER_NORTH_M)
    return Grid.from_map(size_px, size_px, transform, f"EPSG:{32600 + UTM_ZONE}")


def _geographic(size_px: int, spacing_m: float) -> Grid:
    """Grid of equal steps in longitude and latitude; `spacing_m` is that of the rows."""
    step = spacing_m / METRES_PER_DEGREE
    transform = Affine(step, 0, _CORNER_LONGITUDE, 0, -step, _CORNER_LATITUDE)
    return Grid.from_map(size_px, size_px, transform, "EPSG:4326")


_GRIDS = {"gamma": _utm, "licsar": _geographic, "plain": _utm}

"""One pass of a satellite over the ground of a simulated stack: its orbit, and the air it looked through."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from basinwatch.simulation.atmosphere import (
    delay_phase,
    layered_delay,
    seasonal_strength,
    turbulence,
)
from basinwatch.simulation.geometry import height_phase, line_of_sight
from basinwatch.simulation.ground import Ground
from basinwatch.simulation.randomness import Source, generator
from basinwatch.simulation.settings import STRATIFIED_MM_PER_KM, TURBULENCE_MM

Field = NDArray[np.float32]

_BASELINE_M = 60.0
# Spreads are those of pairs; a single date has half the variance.
_ONE_OF_TWO = math.sqrt(0.5)
# Half of a wave of 3 km passes a Gaussian of this standard deviation.
_WEATHER_MODEL_SIGMA_M = 3_000.0 * math.sqrt(math.log(2) / 2) / math.pi


@dataclass(frozen=True)
class Track:
    """Geometry of a satellite's passes; `number` keeps the random numbers of tracks apart."""

    number: int
    heading_deg: float
    incidence_deg: float
    hour_utc: float

    @property
    def line(self) -> tuple[float, float, float]:
        """East, north and up parts of the unit vector to the satellite."""
        return line_of_sight(self.incidence_deg, self.heading_deg)


TRACKS = {"ascending": Track(0, -12.3, 39.0, 16.58), "descending": Track(1, 192.3, 37.0, 4.92)}


@dataclass(frozen=True)
class Acquisition:
    """What one date adds to every pair that has it."""

    ground: Ground
    track: Track
    day: date

    @cached_property
    def baseline_m(self) -> float:
        """Perpendicular baseline to the mean orbit."""
        return float(self._numbers()[0] * _BASELINE_M * _ONE_OF_TWO)

    @cached_property
    def turbulence_mm(self) -> Field:
        """Turbulent part of the zenith delay, (y, x)."""
        rng = generator(self.ground.seed, self.day.toordinal(), Source.DELAY, self.track.number)
        strength = TURBULENCE_MM["default"] * _ONE_OF_TWO * seasonal_strength(self.day.timetuple().tm_yday)
        return turbulence(rng, self.ground.shape, self.ground.spacing, strength)

    @cached_property
    def stratified_mm(self) -> Field:
        """Part of the zenith delay that follows the heights, (y, x)."""
        mm_per_km = float(self._numbers()[1] * STRATIFIED_MM_PER_KM["default"] * _ONE_OF_TWO)
        return layered_delay(self.ground.heights_m, mm_per_km)

    @property
    def modelled_delay_mm(self) -> Field:
        """Zenith delay as a weather model knows it: waves longer than about 3 km, and what follows the heights."""
        sigma = [_WEATHER_MODEL_SIGMA_M / step for step in self.ground.spacing]
        return gaussian_filter(self.turbulence_mm, sigma, mode="nearest") + self.stratified_mm

    def phase(self) -> Field:
        """Phase in radians, (y, x): delay along the line of sight, and the elevation model's error."""
        delay: Field = delay_phase(self.turbulence_mm + self.stratified_mm, self.track.incidence_deg)
        per_metre = height_phase(1.0, self.baseline_m, self.track.incidence_deg)
        return delay + np.float32(per_metre) * self.ground.height_error_m

    def _numbers(self) -> NDArray[np.float64]:
        """Draw the standard normal numbers that scale baseline and stratification."""
        rng = generator(self.ground.seed, self.day.toordinal(), Source.ACQUISITION, self.track.number)
        return rng.standard_normal(2)

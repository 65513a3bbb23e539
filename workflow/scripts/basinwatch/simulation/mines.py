"""Mines of a simulated stack: panels worked one after another, and how the ground above them moves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.simulation.deformation import Patch
from basinwatch.simulation.extraction import extraction_increment, horizontal_movement
from basinwatch.simulation.geometry import Spacing, los_phase
from basinwatch.simulation.profiles import Knothe
from basinwatch.simulation.randomness import Source, generator, log_uniform

Field = NDArray[np.float32]

_HORIZONTAL_FACTOR = 0.3
# The influence function is cut at five standard deviations of radius/√(2π).
_REACH_RADII = 2.0
_PANELS = 4
_CLEARANCE_M, _SEPARATION_M = 700.0, 1_800.0
_ATTEMPTS = 200


@dataclass(frozen=True)
class Panel:
    """One panel of a mine.

    Parameters
    ----------
    first_day, last_day
        Days of extraction, counted from the first acquisition.
    start_m
        Where the face starts, along the mine's direction from its place.
    beside_m
        Distance of the centre line from the mine's place, to the right of the direction.
    """

    first_day: float
    last_day: float
    start_m: float
    beside_m: float = 0.0


@dataclass(frozen=True)
class Movement:
    """Ground movement in mm, float32 (y, x), on a window of the scene that starts at `row` and `column`."""

    row: int
    column: int
    east: Field
    north: Field
    up: Field

    def seen_along(self, line: tuple[float, float, float]) -> Patch:
        """Phase in radians along the unit vector (east, north, up) to the satellite."""
        return Patch(self.row, self.column, los_phase(self.east, self.north, self.up, line).astype(np.float32))


@dataclass(frozen=True)
class Mine:
    """Panels of one seam, parallel and equally wide.

    Parameters
    ----------
    name
        What the truth calls it.
    place
        Row and column as shares of the scene; panels are placed relative to it.
    full_subsidence_mm
        Final subsidence over a panel much wider than the influence radius.
    radius_m, width_m
        Influence radius and panel width.
    advance_m_per_day, rate_per_day
        Advance of the face, and Knothe's time coefficient.
    direction_deg
        Direction of advance, clockwise from north.
    panels
        In the order of extraction.
    """

    name: str
    place: tuple[float, float]
    full_subsidence_mm: float
    radius_m: float
    width_m: float
    advance_m_per_day: float
    rate_per_day: float
    direction_deg: float
    panels: tuple[Panel, ...]

    def movement(self, shape: tuple[int, int], spacing: Spacing, first_day: float, last_day: float) -> Movement:
        """Ground movement between two days in a scene of `shape` pixels."""
        rows, columns = self._window(shape, spacing)
        share, extracted_day = self._extraction(shape, spacing, rows, columns)
        law = Knothe(self.rate_per_day)
        sunk = extraction_increment(share, extracted_day, (first_day, last_day), law, self.radius_m, spacing)
        sunk *= np.float32(self.full_subsidence_mm)
        east, north = horizontal_movement(sunk, _HORIZONTAL_FACTOR * self.radius_m, spacing)
        return Movement(rows.start, columns.start, east, north, -sunk)

    def _window(self, shape: tuple[int, int], spacing: Spacing) -> tuple[range, range]:
        """Rows and columns that the panels move, no further outside the scene than their influence reaches."""
        along, beside = zip(*(corner for panel in self.panels for corner in self._corners(panel)), strict=True)
        east, north = _turned(np.array(beside), np.array(along), self.direction_deg)
        ranges = []
        for axis, offsets in enumerate((-north, east)):
            reach = math.ceil(_REACH_RADII * self.radius_m / spacing[axis]) + 1
            pixels = self.place[axis] * shape[axis] + offsets / spacing[axis]
            first = max(math.floor(pixels.min()), 0) - reach
            ranges.append(range(first, min(math.ceil(pixels.max()), shape[axis]) + reach + 1))
        return ranges[0], ranges[1]

    def _corners(self, panel: Panel) -> list[tuple[float, float]]:
        """Corners of a panel: metres along the direction of advance and beside it."""
        ends, half = (panel.start_m, panel.start_m + self._length_m(panel)), self.width_m / 2
        return [(along, panel.beside_m + side) for along in ends for side in (-half, half)]

    def _length_m(self, panel: Panel) -> float:
        return self.advance_m_per_day * (panel.last_day - panel.first_day)

    def _extraction(self, shape: tuple[int, int], spacing: Spacing, rows: range, columns: range) -> tuple[Field, Field]:
        """Share extracted of every cell of a window, and the day of its extraction."""
        south = (np.asarray(rows, np.float32) - np.float32(self.place[0] * shape[0])) * np.float32(spacing.y)
        east = (np.asarray(columns, np.float32) - np.float32(self.place[1] * shape[1])) * np.float32(spacing.x)
        beside, along = _turned(east[None], -south[:, None], -self.direction_deg)
        cell = np.float32(math.sqrt(spacing.y * spacing.x))
        share = np.zeros(along.shape, np.float32)
        extracted_day = np.full(along.shape, np.inf, np.float32)
        for panel in self.panels:
            ahead = along - np.float32(panel.start_m)
            inside = np.float32(self.width_m / 2) - np.abs(beside - np.float32(panel.beside_m))
            own = np.clip(inside / cell + np.float32(0.5), 0, 1)
            # A cell that an end of the panel cuts would be extracted in part before its first or after its last day.
            own *= (ahead >= cell / 2) & (ahead <= self._length_m(panel) - cell / 2)
            day = np.float32(panel.first_day) + ahead / np.float32(self.advance_m_per_day)
            extracted_day = np.where(own > share, day, extracted_day)
            share = np.maximum(share, own)
        return share, extracted_day


def _turned(x: NDArray[np.floating], y: NDArray[np.floating], angle_deg: float) -> tuple[Field, Field]:
    """Vector (x to the right, y ahead) after turning it clockwise."""
    sine, cosine = (np.float32(f(math.radians(angle_deg))) for f in (math.sin, math.cos))
    return x * cosine + y * sine, y * cosine - x * sine


def _worked(first_day: int, last_day: int, advance_m_per_day: float) -> tuple[Panel]:
    """Return one panel whose face is at the mine's place on day 0, or on its first day when it starts later."""
    return (Panel(first_day, last_day, advance_m_per_day * min(first_day, 0)),)


# One is slow, one steady, one starts late, one stops, one sinks too fast to be unwrapped.
EXAMPLE_MINES = (
    Mine("m1", (0.24, 0.25), 580.0, 450.0, 400.0, 1.0, 0.03, 70.0, _worked(-600, 900, 1.0)),
    Mine("m2", (0.28, 0.72), 625.0, 300.0, 450.0, 3.0, 0.012, 300.0, _worked(-600, 900, 3.0)),
    Mine("m3", (0.52, 0.48), 1190.0, 400.0, 350.0, 1.5, 0.08, 20.0, _worked(76, 900, 1.5)),
    Mine("m4", (0.78, 0.22), 900.0, 380.0, 350.0, 1.5, 0.12, 110.0, _worked(-600, 71, 1.5)),
    Mine("m5", (0.79, 0.78), 5600.0, 360.0, 300.0, 2.0, 0.06, 200.0, _worked(-600, 900, 2.0)),
)


def draw_mines(seed: int, count: int, shape: tuple[int, int], spacing: Spacing) -> tuple[Mine, ...]:
    """Draw mines of four panels each at random places that keep their distance.

    A mine depends on those before it alone, so that a larger count leaves them as they are.

    Raises
    ------
    InputError
        If the scene has no room for so many.
    """
    extent = np.multiply(shape, spacing)
    places: list[NDArray[np.float64]] = []
    for number in range(count):
        place = _free_place(generator(seed, number, Source.MINES), extent, places)
        if place is None:
            raise InputError(
                f"simulated_stacks: found room for {number} mines on {extent[0] / 1000:.1f} x {extent[1] / 1000:.1f} "
                f"km, expected {count}; lower mines or raise size_px."
            )
        places.append(place)
    return tuple(
        _drawn(generator(seed, number, Source.MINES, block=1), f"m{number + 1}", place / extent)
        for number, place in enumerate(places)
    )


def _free_place(
    rng: Generator, extent: NDArray[np.float64], taken: list[NDArray[np.float64]]
) -> NDArray[np.float64] | None:
    """Place in metres away from the scene's edges and from other mines; None if many attempts fail."""
    if extent.min() <= 2 * _CLEARANCE_M:
        return None
    for _ in range(_ATTEMPTS):
        place: NDArray[np.float64] = rng.uniform(_CLEARANCE_M, extent - _CLEARANCE_M)
        if all(math.dist(place, other) >= _SEPARATION_M for other in taken):
            return place
    return None


def _drawn(rng: Generator, name: str, place: NDArray[np.float64]) -> Mine:
    """Draw a mine; ranges as for training tiles, faces slow enough that a mine lasts for years."""
    radius = log_uniform(rng, 200, 900) / rng.uniform(1.4, 2.6)
    width, pillar, run = rng.uniform(150, 300), rng.uniform(30, 100), rng.uniform(400, 1000)
    advance = log_uniform(rng, 1, 4)
    day = rng.uniform(-300, 200)
    panels = []
    for number in range(_PANELS):
        panels.append(Panel(day, day + run / advance, -run / 2, (number - (_PANELS - 1) / 2) * (width + pillar)))
        day += run / advance + rng.uniform(0, 90)
    return Mine(
        name=name,
        place=(float(place[0]), float(place[1])),
        full_subsidence_mm=log_uniform(rng, 200, 3000),
        radius_m=radius,
        width_m=width,
        advance_m_per_day=advance,
        rate_per_day=log_uniform(rng, 0.01, 0.15),
        direction_deg=rng.uniform(0, 360),
        panels=tuple(panels),
    )

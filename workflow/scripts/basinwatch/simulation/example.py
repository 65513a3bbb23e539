"""The built-in example: a small stack of GAMMA products over five mines whose history is known.

Every date and every pair has its own random numbers, so that a later acquisition adds files and
changes none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import whirlwind
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass

from basinwatch.errors import InputError
from basinwatch.goldstein import filter_goldstein
from basinwatch.phase import SENTINEL1_WAVELENGTH_M, SPEED_OF_LIGHT_M_S
from basinwatch.provenance import atomic_path, write_json
from basinwatch.simulation import atmosphere, coherence, speckle
from basinwatch.simulation.deformation import Patch, extraction_increment, horizontal_movement
from basinwatch.simulation.geometry import PHASE_PER_MM, line_of_sight, los_phase
from basinwatch.simulation.labels import basin_mask
from basinwatch.simulation.scene import generator

Field = NDArray[np.float32]

INCIDENCE_DEG, HEADING_DEG = 39.0, -12.3
REVISIT_DAYS = 12
LOOKS = 10.0
DELAY_MM = 1.6
DECAY_DAYS, LASTING_SHARE = 70.0, 0.35
DISTURBANCE = 0.06
LOWEST_UNWRAPPED_COHERENCE = 0.3
CORNER_EAST_M, CORNER_NORTH_M = 345_015.0, 5_570_985.0
CLEARANCE_M = 1_000.0
_WINDOW_M = 5_400.0
_TRUTH_DAYS = 132


class Source(IntEnum):
    """Independent sources of randomness of the example."""

    GROUND = 32
    DELAY = 33
    PAIR_GROUND = 34
    SPECKLE = 35


@dataclass(frozen=True)
class Mine:
    """One working panel; days count from the first acquisition, lengths in metres.

    Parameters
    ----------
    name
        What the truth file calls it.
    place
        Row and column of the face on day 0 (or its first day), as shares of the image.
    los_mm
        Line-of-sight peak within the 12 days that start on `rated_day`.
    rated_day
        See `los_mm`.
    radius_m, width_m
        Influence radius and panel width.
    advance_m_per_day, rate_per_day
        Face advance and Knothe's coefficient.
    direction_deg
        Direction of advance, clockwise from north.
    active
        First and last day of extraction; None: since long ago, and without end.
    """

    name: str
    place: tuple[float, float]
    los_mm: float
    rated_day: int
    radius_m: float
    width_m: float
    advance_m_per_day: float
    rate_per_day: float
    direction_deg: float
    active: tuple[int | None, int | None] = (None, None)


MINES = (
    Mine("m1", (0.24, 0.25), 10.0, 60, 450.0, 400.0, 1.0, 0.03, 70.0),
    Mine("m2", (0.28, 0.72), 34.0, 60, 300.0, 450.0, 3.0, 0.012, 300.0),
    Mine("m3", (0.52, 0.48), 30.0, 108, 400.0, 350.0, 1.5, 0.08, 20.0, (86, None)),
    Mine("m4", (0.78, 0.22), 28.0, 36, 380.0, 350.0, 1.5, 0.12, 110.0, (None, 62)),
    Mine("m5", (0.79, 0.78), 220.0, 60, 360.0, 300.0, 2.0, 0.06, 200.0),
)


@dataclass(frozen=True)
class ExampleScene:
    """The example's ground.

    Parameters
    ----------
    first_date
        Day 0 of the mines' history.
    seed
        Fixes everything random.
    size_px, spacing_m
        Rows and columns, and pixel size in metres, of the square UTM grid.
    """

    first_date: date
    seed: int
    size_px: int = 600
    spacing_m: float = 30.0

    @classmethod
    def from_config(cls, settings: Mapping[str, Any]) -> ExampleScene:
        """Build from the configuration's section, whose date is text."""
        return cls(**{**settings, "first_date": date.fromisoformat(settings["first_date"])})

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.size_px, self.size_px

    def cumulative_phase(self, day: date) -> Field:
        """Phase of all subsidence from the first acquisition until `day`."""
        total = np.zeros(self.shape, np.float32)
        for mine in MINES:
            self.movement(mine, 0, (day - self.first_date).days).add_to(total)
        return total

    def movement(self, mine: Mine, first_day: float, last_day: float) -> Patch:
        """Line-of-sight phase a mine adds between two days."""
        scale = (
            mine.los_mm
            * PHASE_PER_MM
            / float(self._unscaled(mine, mine.rated_day, mine.rated_day + REVISIT_DAYS).max())
        )
        row, column = self._origin(mine)
        return Patch(row, column, (scale * self._unscaled(mine, first_day, last_day)).astype(np.float32))

    def _origin(self, mine: Mine) -> tuple[int, int]:
        """First row and column of a mine's window."""
        half = round(_WINDOW_M / self.spacing_m / 2)
        return round(mine.place[0] * self.size_px) - half, round(mine.place[1] * self.size_px) - half

    def _unscaled(self, mine: Mine, first_day: float, last_day: float) -> Field:
        """Movement on the mine's window per unit of full subsidence, in radians of line of sight."""
        share, extracted = self._extraction(mine)
        sunk = extraction_increment(
            share, extracted, (first_day, last_day), mine.rate_per_day, mine.radius_m / self.spacing_m
        )
        east, north = horizontal_movement(sunk, 0.3 * mine.radius_m, self.spacing_m)
        phase: Field = los_phase(east, north, -sunk, line_of_sight(INCIDENCE_DEG, HEADING_DEG))
        return phase

    def _extraction(self, mine: Mine) -> tuple[Field, Field]:
        """Return extracted share and extraction day of every cell of a mine's window."""
        half = round(_WINDOW_M / self.spacing_m / 2)
        offsets = np.arange(-half, half + 1, dtype=np.float32) * np.float32(self.spacing_m)
        direction = math.radians(mine.direction_deg)
        north, east = -offsets[:, None], offsets[None]
        ahead = east * np.float32(math.sin(direction)) + north * np.float32(math.cos(direction))
        beside = east * np.float32(math.cos(direction)) - north * np.float32(math.sin(direction))
        first, last = mine.active
        extracted = ahead / np.float32(mine.advance_m_per_day) + np.float32(first or 0)
        working = np.ones(extracted.shape, np.bool_) if first is None else extracted >= first
        if last is not None:
            working &= extracted <= last
        share = np.clip((mine.width_m / 2 - np.abs(beside)) / self.spacing_m + 0.5, 0, 1)
        return (share * working).astype(np.float32), extracted.astype(np.float32)

    def delay_phase(self, day: date) -> Field:
        """Turbulent delay of one acquisition in radians of line of sight."""
        strength = DELAY_MM * atmosphere.seasonal_strength(day.timetuple().tm_yday) * PHASE_PER_MM
        rms = strength / math.cos(math.radians(INCIDENCE_DEG))
        rng = generator(self.seed, day.toordinal(), Source.DELAY)
        return atmosphere.turbulence(rng, self.shape, self.spacing_m, rms)

    def true_coherence(self, pair: tuple[date, date], moved: Field) -> Field:
        """Seasonal and temporal decay over fixed land cover, lost where the ground moves."""
        days = (pair[1] - pair[0]).days
        middle = (pair[0] + timedelta(days=days // 2)).timetuple().tm_yday
        level = coherence.seasonal(middle) * (LASTING_SHARE + (1 - LASTING_SHARE) * math.exp(-days / DECAY_DAYS))
        rng = generator(self.seed, 0, Source.GROUND)
        ground = coherence.background(rng, self.shape, level, 0.05, 900 / self.spacing_m)
        woods = coherence.patches(rng, self.shape, 0.15, 700 / self.spacing_m)
        lakes = coherence.patches(rng, self.shape, 0.02, 900 / self.spacing_m)
        ground[woods & self.far_from_mines()] *= np.float32(0.55)
        own = generator(self.seed, _pair_number(pair), Source.PAIR_GROUND)
        ground += np.float32(0.04) * atmosphere.smooth_field(own, self.shape, 600 / self.spacing_m)
        ground *= coherence.gradient_loss(moved)
        ground *= coherence.disturbance(own, moved, DISTURBANCE, 150 / self.spacing_m)
        ground[lakes & self.far_from_mines()] = coherence.WATER
        return np.clip(ground, coherence.FLOOR, coherence.CEILING)

    def far_from_mines(self) -> NDArray[np.bool_]:
        """Pixels where land cover may hide the ground without hiding a mine."""
        rows, columns = np.ogrid[: self.size_px, : self.size_px]
        far = np.ones(self.shape, np.bool_)
        for row, column in (np.multiply(mine.place, self.size_px) for mine in MINES):
            far &= np.hypot(rows - row, columns - column) * self.spacing_m > CLEARANCE_M
        return far

    def truth(self, mine: Mine) -> dict[str, Any]:
        """Place, size and history of a mine, from its 12-day basins of the first four months."""
        first, last = mine.active
        begin, end = (0 if first is None else first), (_TRUTH_DAYS if last is None else last)
        row, column = self._origin(mine)
        masks = [
            basin_mask(self.movement(mine, day, day + REVISIT_DAYS).phase)
            for day in range(begin, end - REVISIT_DAYS + 1, REVISIT_DAYS)
        ]
        covered = np.any(masks, axis=0)
        centre = center_of_mass(covered)
        return {
            "name": mine.name,
            "row": round(float(row + centre[0]), 2),
            "col": round(float(column + centre[1]), 2),
            "radius_px": round(math.sqrt(float(covered.sum()) / math.pi), 2),
            "los_mm_per_12_days": mine.los_mm,
            "active_from": None if first is None else (self.first_date + timedelta(days=first)).isoformat(),
            "active_to": None if last is None else (self.first_date + timedelta(days=last)).isoformat(),
        }


def _pair_number(pair: tuple[date, date]) -> int:
    """Return one number per pair of dates."""
    return (pair[0].toordinal() << 24) | pair[1].toordinal()


def write_grid(scene: ExampleScene, header: Path, truth: Path) -> None:
    """Write the ``.dem_par`` all pairs share, and what is true of each mine."""
    _write_text(header, _dem_par(scene.size_px, scene.spacing_m))
    write_json(truth, [scene.truth(mine) for mine in MINES])


def write_image_header(scene: ExampleScene, day: date, image: Path) -> None:
    """Write the ``.mli.par`` of one acquisition."""
    _write_text(image, _mli_par(day, scene.size_px, scene.spacing_m))


def write_pair(scene: ExampleScene, first: date, second: date, folder: Path) -> None:
    """Observe, filter and unwrap one pair; write ``.diff``, ``.cc``, ``.unw`` and ``.off``.

    Raises
    ------
    InputError
        If the dates are not in order or lie before the mines' history.
    """
    if not scene.first_date <= first < second:
        raise InputError(
            f"example: found pair {first}_{second}, expected two dates from {scene.first_date} on, the earlier one "
            "first; correct the scene table or example.first_date."
        )
    pair = first, second
    moved, delayed = (
        after - before
        for before, after in zip(*((scene.cumulative_phase(d), scene.delay_phase(d)) for d in pair), strict=True)
    )
    truth = scene.true_coherence(pair, moved)
    rng = generator(scene.seed, _pair_number(pair), Source.SPECKLE)
    offset = np.float32(rng.uniform(-math.pi, math.pi))
    signal, sample = speckle.multilook(rng, moved + delayed + offset, truth, LOOKS)
    estimate = coherence.smoothed(sample)
    filtered = filter_goldstein(signal, alpha=0.5, window=32, step=8)
    name = f"{first:%Y%m%d}_{second:%Y%m%d}"
    _write_binary(folder / f"{name}.diff", filtered, ">c8")
    _write_binary(folder / f"{name}.cc", estimate, ">f4")
    _write_binary(folder / f"{name}.unw", _unwrap(filtered, estimate), ">f4")
    _write_text(folder / f"{name}.off", _off(name, scene.size_px, scene.spacing_m))


def _unwrap(filtered: NDArray[np.complex64], estimate: Field) -> Field:
    """Unwrapped phase as a processor delivers it: 0 where coherence is low or no component is trusted."""
    unwrapped, component = whirlwind.unwrap(filtered, estimate, LOOKS)
    trusted = (component > 0) & (estimate >= LOWEST_UNWRAPPED_COHERENCE) & np.isfinite(unwrapped)
    return np.where(trusted, unwrapped, 0).astype(np.float32)


def _write_binary(path: Path, values: NDArray[Any], dtype: str) -> None:
    with atomic_path(path) as part:
        part.write_bytes(values.astype(dtype).tobytes())


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as part:
        part.write_text(text, encoding="latin-1")


def _par(title: str, fields: dict[str, str]) -> str:
    """Lay out a GAMMA parameter file."""
    return f"{title}\n\n" + "".join(f"{key + ':':<38}{value}\n" for key, value in fields.items())


def _off(name: str, size: int, spacing: float) -> str:
    return _par(
        "Gamma Interferometric SAR Processor (ISP) - Interferogram and Image Offset Parameter File",
        {
            "title": name,
            "interferogram_width": f"{size}",
            "interferogram_azimuth_lines": f"{size}",
            "interferogram_range_looks": "10",
            "interferogram_azimuth_looks": "2",
            "interferogram_range_pixel_spacing": f"{spacing:.6f}   m",
            "interferogram_azimuth_pixel_spacing": f"{spacing:.6f}   m",
        },
    )


def _mli_par(day: date, size: int, spacing: float) -> str:
    return _par(
        "Gamma Interferometric SAR Processor (ISP) - Image Parameter File",
        {
            "title": f"simulated {day:%Y%m%d}",
            "sensor": "S1A IW IW1 VV",
            "date": f"{day.year} {day.month:02d} {day.day:02d} 16 35 0.0000",
            "line_header_size": "0",
            "range_samples": f"{size}",
            "azimuth_lines": f"{size}",
            "range_looks": "10",
            "azimuth_looks": "2",
            "image_format": "FLOAT",
            "image_geometry": "GROUND_RANGE",
            "heading": f"{HEADING_DEG:.7f}   degrees",
            "range_pixel_spacing": f"{spacing:.6f}   m",
            "azimuth_pixel_spacing": f"{spacing:.6f}   m",
            "incidence_angle": f"{INCIDENCE_DEG:.4f}   degrees",
            "azimuth_angle": "90.0000   degrees",
            "radar_frequency": f"{SPEED_OF_LIGHT_M_S / SENTINEL1_WAVELENGTH_M:.7e}   Hz",
        },
    )


def _dem_par(size: int, spacing: float) -> str:
    return _par(
        "Gamma DIFF&GEO DEM/MAP parameter file",
        {
            "title": "example",
            "DEM_projection": "UTM",
            "data_format": "REAL*4",
            "DEM_hgt_offset": "0.00000",
            "DEM_scale": "1.00000",
            "width": f"{size}",
            "nlines": f"{size}",
            "corner_north": f"{CORNER_NORTH_M:.4f}   m",
            "corner_east": f"{CORNER_EAST_M:.4f}   m",
            "post_north": f"{-spacing:.7f}   m",
            "post_east": f"{spacing:.7f}   m",
            "ellipsoid_name": "WGS 84",
            "ellipsoid_ra": "6378137.000   m",
            "ellipsoid_reciprocal_flattening": "298.2572236",
            "datum_name": "WGS 1984",
            "datum_shift_dx": "0.000   m",
            "datum_shift_dy": "0.000   m",
            "datum_shift_dz": "0.000   m",
            "projection_name": "UTM",
            "projection_zone": "34",
            "false_easting": "500000.000   m",
            "false_northing": "0.000   m",
            "projection_k0": "0.9996000",
            "center_longitude": "21.0000000   degrees",
            "center_latitude": "0.0000000   degrees",
        },
    )

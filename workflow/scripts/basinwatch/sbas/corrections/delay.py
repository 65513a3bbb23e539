"""Delay of the air from weather models (GACOS, LiCSAR): one map per date, used only where it calms stable ground.

A delay lengthens the range like motion away from the satellite. What is subtracted from a date is its
delay minus the mean over all corrected dates, so that dates without a map, or whose map does not help, can
stay as they are.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy.ndimage import distance_transform_edt

from basinwatch import gacos
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import open_raster
from basinwatch.sbas.pixels import Pixels
from basinwatch.stacks import parse_date

log = logging.getLogger(__name__)

Array = NDArray[np.float64]
Float = NDArray[np.float32]

_SLANT_NAME = re.compile(r"(?P<date>\d{8})\.sltd(\.geo)?\.tiff?", re.IGNORECASE)
_LEAST_COVERAGE = 0.99
_MARGIN_PX = 8
_ROUNDS = 10
_INCIDENCE_DEG = (10.0, 70.0)


@dataclass(frozen=True)
class DelaySettings:
    """When delays are subtracted.

    Parameters
    ----------
    enabled
        Use them where there are any.
    only_where_better
        Leave dates out whose scatter on stable ground would not fall.
    """

    enabled: bool = True
    only_where_better: bool = True


@dataclass(frozen=True)
class DelayMaps:
    """Files of a stack's dates.

    Parameters
    ----------
    paths
        By date.
    kind
        ``zenith``: metres along the vertical (GACOS); ``slant``: radians along the line of sight (LiCSAR).
    """

    paths: Mapping[date, Path]
    kind: Literal["zenith", "slant"]

    @classmethod
    def find(cls, folder: str | Path) -> DelayMaps:
        """List a folder: GACOS files, or LiCSAR ``YYYYMMDD.sltd.geo.tif`` in it or in folders of their dates.

        Raises
        ------
        InputError
            If there is neither.
        """
        found = sorted(p for p in Path(folder).rglob("*") if _SLANT_NAME.fullmatch(p.name))
        if not found:
            return cls(gacos.scan(folder), "zenith")
        return cls({parse_date(path.name[:8], str(path)): path for path in found}, "slant")

    def phase(
        self,
        dates: Sequence[date],
        pixels: Pixels,
        incidence_deg: NDArray[np.floating[Any]] | float,
        wavelength_m: float,
    ) -> Float:
        """Interpolate at pixels: radians along the line of sight, (dates, P); NaN where there is none.

        Parameters
        ----------
        incidence_deg
            Of each pixel or of all (zenith delays only).

        Raises
        ------
        InputError
            If a file cannot be read, or angles are no incidence angles in degrees.
        """
        factor: Any = 1.0
        if self.kind == "zenith":
            _require_degrees(incidence_deg)
            factor = 4 * np.pi / wavelength_m / np.cos(np.radians(incidence_deg))
        places: dict[Grid, _Places] = {}
        delays = np.full((len(dates), len(pixels)), np.nan, np.float32)
        for number, day in enumerate(dates):
            if day in self.paths:
                delays[number] = factor * self._values(day, pixels, places)
        return delays

    def covering(self, dates: Sequence[date], pixels: Pixels) -> list[date]:
        """Dates whose map covers the pixels; the log names the others."""
        usable = []
        for day in dates:
            share = _Places.of(pixels, self._grid(day)).coverage if day in self.paths else 0.0
            if share >= _LEAST_COVERAGE:
                usable.append(day)
            elif day in self.paths:
                log.warning(
                    "%s: covers %.0f %% of the stack's stable ground, expected all; the date stays uncorrected, "
                    "download a larger area", self.paths[day], 100 * share,
                )  # fmt: skip
            else:
                log.warning(
                    "delays: found none for %s, expected one per date; the date stays uncorrected, download it", day
                )
        return usable

    def _values(self, day: date, pixels: Pixels, places: dict[Grid, _Places]) -> Float:
        """Interpolate one file; maps on one grid share the places."""
        own = self._grid(day)
        if own not in places:
            places[own] = _Places.of(pixels, own)
        return places[own].interpolate(self.paths[day], gacos.read_values if self.kind == "zenith" else _read_slant)

    def _grid(self, day: date) -> Grid:
        """Placement of one file."""
        if self.kind == "zenith":
            return gacos.read_grid(self.paths[day])
        return gacos.read_degrees_grid(self.paths[day])


@dataclass(frozen=True)
class DelayCorrection:
    """What is subtracted from the dates of a stack.

    Parameters
    ----------
    maps, wavelength_m
        Where it comes from.
    dates
        All dates of the series.
    usable
        (dates,) whether there is a map.
    applied
        (dates,) whether it is subtracted.
    before_mm, after_mm
        (dates,) standard deviation of stable ground without and with it; NaN without a map.
    """

    maps: DelayMaps
    wavelength_m: float
    dates: Sequence[date]
    usable: NDArray[np.bool_]
    applied: NDArray[np.bool_]
    before_mm: Array
    after_mm: Array

    def at(self, pixels: Pixels, incidence_deg: NDArray[np.floating[Any]] | float) -> Float:
        """Phase in radians to subtract, (dates, P); 0 for dates that stay as they are."""
        if not self.applied.any():
            return np.zeros((len(self.dates), len(pixels)), np.float32)
        applied = [day for day, use in zip(self.dates, self.applied, strict=True) if use]
        delays = self.maps.phase(applied, pixels, incidence_deg, self.wavelength_m)
        field = np.zeros((len(self.dates), len(pixels)), np.float32)
        field[self.applied] = np.nan_to_num(delays - _mean(delays))
        return field

    def table(self) -> list[dict[str, Any]]:
        """Scatter of stable ground per date before and after, for a figure; null without a map."""
        columns = zip(self.dates, self.before_mm, self.after_mm, self.applied, strict=True)
        return [
            {
                "date": day.isoformat(),
                "before_mm": round(float(before), 3) if known else None,
                "after_mm": round(float(after), 3) if known else None,
                "applied": bool(applied),
            }
            for (day, before, after, applied), known in zip(columns, self.usable, strict=True)
        ]


def decide(
    series: Array,
    dates: Sequence[date],
    maps: DelayMaps,
    pixels: Pixels,
    incidence_deg: NDArray[np.floating[Any]] | float,
    wavelength_m: float,
    settings: DelaySettings,
) -> DelayCorrection:
    """Measure on stable ground which dates a delay calms.

    Only differences to the mean over the dates that are corrected count, so a few rounds settle which those are.

    Parameters
    ----------
    series
        (dates, P) radians, positive away from the satellite, on stable `pixels`.
    incidence_deg
        Of each pixel or of all.
    """
    found = maps.covering(dates, pixels)
    delays = maps.phase(found, pixels, incidence_deg, wavelength_m)
    found, delays = _with_numbers(maps, found, delays)
    usable = np.array([day in found for day in dates])
    calmed, scatter = np.ones(len(found), bool), np.full((2, len(dates)), np.nan)
    for _ in range(_ROUNDS if found else 0):
        known = calmed if settings.only_where_better else np.ones(len(found), bool)
        centred = series[usable] - series[usable][known].mean(0)
        scatter[:, usable] = centred.std(1), (centred - np.nan_to_num(delays - _mean(delays[known]))).std(1)
        previous, calmed = calmed, scatter[1, usable] < scatter[0, usable]
        if np.array_equal(previous, calmed) or not calmed.any():
            break
    applied = usable.copy()
    if settings.only_where_better:
        applied[usable] = calmed
    before_mm, after_mm = scatter * wavelength_m / (4 * np.pi) * 1000
    correction = DelayCorrection(maps, wavelength_m, dates, usable, applied, before_mm, after_mm)
    for row in correction.table():
        log.info("delay, standard deviation of stable ground: %s", row)
    return correction


def _with_numbers(maps: DelayMaps, days: list[date], delays: Float) -> tuple[list[date], Float]:
    """Leave out dates whose map, (dates, P), has no number on stable ground; the log names them."""
    known: NDArray[np.bool_] = np.asarray(np.isfinite(delays).any(1))
    for day in (day for day, has_any in zip(days, known, strict=True) if not has_any):
        log.warning(
            "%s: found no delay on the stack's stable ground, expected one; the date stays uncorrected, download it "
            "again", maps.paths[day],
        )  # fmt: skip
    return [day for day, has_any in zip(days, known, strict=True) if has_any], delays[known]


def _mean(delays: Float) -> Float:
    """Mean over the dates, (P,), of delays (dates, P); NaN where no date has any."""
    known = np.isfinite(delays)
    total = np.where(known, delays, 0).sum(0, dtype=np.float64)
    return np.divide(total, known.sum(0), out=np.full(len(total), np.nan), where=known.any(0)).astype(np.float32)


def _require_degrees(incidence_deg: NDArray[np.floating[Any]] | float) -> None:
    """Refuse angles that are no incidence angles."""
    low, high = _INCIDENCE_DEG
    middle = float(np.nanmedian(incidence_deg))
    if not low <= middle <= high:
        raise InputError(
            f"incidence: found a median of {middle:.3g}, expected {low:g} to {high:g} degrees from the vertical; "
            "check the unit."
        )


def _read_slant(path: Path, grid: Grid, rows: slice, columns: slice) -> Float:
    """Read a window of a slant delay; 0 is no data."""
    with open_raster(path, "GTiff") as source:
        window = Window.from_slices(rows, columns, height=grid.height, width=grid.width)
        values = source.read(1, window=window, masked=True).filled(0)
    return np.where((values == 0) | ~np.isfinite(values), np.nan, values).astype(np.float32)


@dataclass(frozen=True)
class _Places:
    """Where pixels fall on a map: its window, and fractional rows and columns in it."""

    grid: Grid
    window: tuple[slice, slice]
    rows: Array
    columns: Array
    coverage: float

    @classmethod
    def of(cls, pixels: Pixels, grid: Grid) -> _Places:
        """Locate pixels on a map in longitude and latitude; those beyond its edge take the edge's value."""
        longitude, latitude = pixels.longitude_latitude
        inverse = ~grid.affine
        fractional = (
            inverse.d * longitude + inverse.e * latitude + inverse.f - 0.5,
            inverse.a * longitude + inverse.b * latitude + inverse.c - 0.5,
        )
        inside = np.logical_and(*((f >= -1) & (f <= n) for f, n in zip(fractional, grid.shape, strict=True)))
        clipped = [np.clip(f, 0, n - 1) for f, n in zip(fractional, grid.shape, strict=True)]
        windows = [
            slice(max(int(f.min(initial=n)) - _MARGIN_PX, 0), min(int(f.max(initial=0)) + 2 + _MARGIN_PX, n))
            for f, n in zip(clipped, grid.shape, strict=True)
        ]
        rows, columns = (f - w.start for f, w in zip(clipped, windows, strict=True))
        return cls(grid, (windows[0], windows[1]), rows, columns, float(inside.mean()) if len(pixels) else 1.0)

    def interpolate(self, path: Path, read: Callable[..., Float]) -> Float:
        """Read what is needed of a file and interpolate bilinearly, (P,)."""
        values = read(path, self.grid, *self.window)
        if np.isnan(values).all():
            return np.full(len(self.rows), np.nan, np.float32)
        return _bilinear(_filled(values), self.rows, self.columns)


def _filled(values: Float) -> Float:
    """Give holes the nearest value."""
    holes = np.isnan(values)
    if not holes.any():
        return values
    nearest = distance_transform_edt(holes, return_distances=False, return_indices=True)
    filled: Float = values[tuple(nearest)]
    return filled


def _bilinear(values: Float, rows: Array, columns: Array) -> Float:
    """Interpolate at places (P,)."""
    top = np.clip(rows.astype(np.intp), 0, max(values.shape[0] - 2, 0))
    left = np.clip(columns.astype(np.intp), 0, max(values.shape[1] - 2, 0))
    bottom, right = np.minimum(top + 1, values.shape[0] - 1), np.minimum(left + 1, values.shape[1] - 1)
    down, along = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    upper = values[top, left] * (1 - along) + values[top, right] * along
    lower = values[bottom, left] * (1 - along) + values[bottom, right] * along
    interpolated: Float = upper * (1 - down) + lower * down
    return interpolated

"""Several tracks over one area: the same dates, the same grid, and no smooth difference on ground at rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject

from basinwatch.errors import InputError
from basinwatch.fusion.decomposition import LineOfSight
from basinwatch.fusion.planes import Plane, fit_plane
from basinwatch.fusion.regression import choose_bandwidth, regress
from basinwatch.fusion.time import MAX_GAP_DAYS, common_dates, interpolate
from basinwatch.grid import Grid, require_common_map

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Track:
    """Displacement (dates, y, x) towards the satellite in mm, NaN where there is none, seen along `line`."""

    dates: tuple[date, ...]
    displacement_mm: NDArray[np.floating[Any]]
    line: LineOfSight


@dataclass(frozen=True)
class Levelled:
    """Result of :func:`level`.

    Parameters
    ----------
    first, second
        Both maps in their own unit.
    difference
        Smooth part of their vertical difference: plane and regression.
    left_out
        What the regression leaves of each pixel at rest (leave-one-out); NaN elsewhere.
    plane, bandwidth_m
        What the smooth part was made with.
    """

    first: Array
    second: Array
    difference: Array
    left_out: Array
    plane: Plane
    bandwidth_m: float


def on_common_dates(tracks: Sequence[Track], max_gap_days: float = MAX_GAP_DAYS) -> list[Track]:
    """Bring all tracks to the dates of the first one that all of them span; the first such date has displacement 0.

    Works on any window of the tracks, so that large areas can be put together piece by piece.

    Raises
    ------
    InputError
        If fewer than two dates are left.
    """
    dates = common_dates(tracks[0].dates, [track.dates for track in tracks[1:]])
    return [_moved(track, dates, max_gap_days) for track in tracks]


def _moved(track: Track, dates: Sequence[date], max_gap_days: float) -> Track:
    """Interpolate one track to other dates."""
    days, wanted = (np.array([(day - dates[0]).days for day in of], np.float64) for of in (track.dates, dates))
    series = interpolate(days, track.displacement_mm, wanted, max_gap_days)
    series -= series[0].copy()
    return replace(track, dates=tuple(dates), displacement_mm=series)


def level(
    maps: tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]],
    lines: tuple[LineOfSight, LineOfSight],
    stable: NDArray[np.bool_],
    covariates: Sequence[NDArray[np.floating[Any]]],
    spacing_m: tuple[float, float],
    bandwidth_m: float | tuple[float, float],
    first_share: float = 0.5,
) -> Levelled:
    """Remove what differs smoothly between two tracks when each is read as vertical motion.

    A robust plane comes first, so that ramps and offsets of any size leave the choice of the bandwidth alone. What is
    left is regressed on place and covariates where the ground is at rest, and plane and surface are shared out between
    the tracks. Motion to the east differs between tracks as well: moving ground must be outside `stable`.

    Parameters
    ----------
    maps
        Rates or displacement towards the satellite (y, x) of two tracks; NaN where there is none.
    lines
        Their lines of sight.
    stable
        Ground at rest, (y, x): neither detected in wrapped phase nor fast.
    covariates
        Rasters (y, x), such as cosine and sine of the aspect.
    spacing_m
        Distance of rows and of columns.
    bandwidth_m
        Of the regression; of two, the best in between (:func:`basinwatch.fusion.regression.choose_bandwidth`). Ground
        further than two or three of it from any at rest becomes NaN.
    first_share
        Share of plane and surface that is taken from the first track; the rest is given to the second.

    Raises
    ------
    InputError
        If both tracks see no common ground at rest.
    """
    up = [line.part("up") for line in lines]
    observed = maps[0] / up[0] - maps[1] / up[1]
    plane = fit_plane(observed, stable, spacing_m)
    ramp = plane.over(observed.shape, spacing_m)
    beside = np.where(stable, observed - ramp, np.nan)
    if isinstance(bandwidth_m, tuple):
        bandwidth_m = choose_bandwidth(beside, covariates, spacing_m, bandwidth_m)
    surface = regress(beside, covariates, spacing_m, bandwidth_m)
    difference = ramp + surface.fit
    first = maps[0] - first_share * difference * up[0]
    second = maps[1] + (1 - first_share) * difference * up[1]
    return Levelled(first, second, difference, surface.left_out, plane, bandwidth_m)


def onto(values: NDArray[np.floating[Any]], own: Grid, grid: Grid) -> NDArray[np.float32]:
    """Resample a map (y, x) or series (dates, y, x) to another track's grid, bilinearly; NaN where there is none.

    Raises
    ------
    InputError
        If one of the grids is in radar geometry.
    """
    require_common_map({"of a track": own, "of the fusion": grid})
    if values.shape[-2:] != own.shape:
        raise InputError(f"fusion: found a raster of {values.shape[-2:]} pixels, expected {own.shape}; run again.")
    target = np.full((*values.shape[:-2], *grid.shape), np.nan, np.float32)
    reproject(
        values.astype(np.float32), target, src_transform=own.affine, src_crs=own.crs_wkt, src_nodata=np.nan,
        dst_transform=grid.affine, dst_crs=grid.crs_wkt, dst_nodata=np.nan, resampling=Resampling.bilinear,
    )  # fmt: skip
    return target

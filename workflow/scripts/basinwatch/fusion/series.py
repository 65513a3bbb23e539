"""Displacement series of several tracks become displacement east and up, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import array_bounds
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds

from basinwatch.fusion.areas import RateMap
from basinwatch.fusion.decomposition import COMPONENTS, decompose
from basinwatch.fusion.time import MAX_GAP_DAYS
from basinwatch.fusion.tracks import Track, on_common_dates, onto
from basinwatch.grid import Grid
from basinwatch.rasters import BLOCK_PX, open_raster
from basinwatch.sbas.observations import blocks

Float = NDArray[np.floating[Any]]

_STRIP_ROWS = 8
_DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class SeriesFile:
    """Displacement of a stack, a band per date in mm towards the satellite, and where it counts as measured."""

    displacement: Path
    quality: Path
    grid: Grid
    dates: tuple[date, ...]

    @classmethod
    def open(cls, displacement: Path, quality: Path, grid: Grid) -> SeriesFile:
        """Take the dates from the names of the bands."""
        with open_raster(displacement) as source:
            return cls(displacement, quality, grid, tuple(map(date.fromisoformat, source.descriptions)))

    def onto(self, grid: Grid) -> NDArray[np.float32]:
        """Read what lies under another grid onto it: (dates, y, x), NaN where nothing was measured."""
        window = window_under(self.grid, grid)
        if not (window.width and window.height):
            return np.full((len(self.dates), *grid.shape), np.nan, np.float32)
        with open_raster(self.displacement) as source:
            values = source.read(window=window)
        with open_raster(self.quality) as source:
            measured = source.read(source.descriptions.index("measured") + 1, window=window)
        values[:, ~(measured > 0)] = np.nan
        return onto(values, part_of(self.grid, window), grid)


def part_of(grid: Grid, window: Window) -> Grid:
    """Cut a window out of a map grid."""
    a, b, c, d, e, f = grid.affine[:6]
    column, row = window.col_off, window.row_off
    transform = (a, b, c + a * column + b * row, d, e, f + d * column + e * row)
    return replace(grid, width=window.width, height=window.height, transform=transform)


def window_under(own: Grid, grid: Grid) -> Window:
    """Pixels of a map grid that bilinear resampling to another one reads; empty where they do not meet."""
    bounds = transform_bounds(grid.crs_wkt, own.crs_wkt, *array_bounds(grid.height, grid.width, grid.affine))
    touched = from_bounds(*bounds, own.affine)
    # Coarser grids take the mean of more pixels.
    margin = 2 * np.ceil(np.divide(grid.pixel_spacing_m, own.pixel_spacing_m)) + 1
    begin, size = np.array([touched.col_off, touched.row_off]), np.array([touched.width, touched.height])
    first = np.clip(np.floor(begin - margin), 0, (own.width, own.height)).astype(int)
    last = np.clip(np.ceil(begin + size + margin), 0, (own.width, own.height)).astype(int)
    return Window(*first.tolist(), *(last - first).tolist())


def fused_series(
    files: Sequence[SeriesFile],
    maps: Sequence[RateMap],
    levels_mm_yr: Sequence[Float],
    grid: Grid,
    max_gap_days: float = MAX_GAP_DAYS,
) -> Iterator[tuple[Window, NDArray[np.float32]]]:
    """Put the series of an area's tracks together on the common dates, which the first one sets.

    What levelled the rate maps is taken from the series in proportion to time, so that both tell of the same motion.

    Parameters
    ----------
    files, maps, levels_mm_yr
        One of each per track; maps and levels on `grid`, as :func:`basinwatch.fusion.areas.fuse` takes and gives them.
    grid
        Of the result.
    max_gap_days
        As for :func:`basinwatch.fusion.time.interpolate`.

    Yields
    ------
    Window
        Tiles of 512 × 512 pixels in reading order.
    ndarray
        Float32 (component, date, height, width), east and up in mm since the first common date; NaN where a date is
        not known from tracks of both directions.

    Raises
    ------
    InputError
        If fewer than two dates are common.
    """
    for window in blocks(grid, BLOCK_PX):
        own = [file.onto(part_of(grid, window)) for file in files]
        strips = []
        for start in range(0, window.height, _STRIP_ROWS):
            rows = slice(start, min(start + _STRIP_ROWS, window.height))
            place = slice(window.row_off + rows.start, window.row_off + rows.stop), window.toslices()[1]
            tracks = [
                Track(file.dates, values[:, rows], each.line.within(*place))
                for file, values, each in zip(files, own, maps, strict=True)
            ]
            levels, sigma = [level[place] for level in levels_mm_yr], [each.sigma[place] for each in maps]
            strips.append(_components(on_common_dates(tracks, max_gap_days), levels, sigma))
        yield window, np.concatenate(strips, axis=2)


def _components(tracks: Sequence[Track], levels_mm_yr: Sequence[Float], sigma: Sequence[Float]) -> NDArray[np.float32]:
    """Displacement (component, date, y, x) of tracks on common dates, less what levelled their rates."""
    dates = tracks[0].dates
    years = np.array([(day - dates[0]).days for day in dates]) / _DAYS_PER_YEAR
    levelled = [
        track.displacement_mm - np.multiply.outer(years, level)
        for track, level in zip(tracks, levels_mm_yr, strict=True)
    ]
    # Two tracks are fitted exactly, whatever their weights.
    weights = sigma if len(tracks) > len(COMPONENTS) else None
    return decompose(levelled, [track.line for track in tracks], weights).components.astype(np.float32)

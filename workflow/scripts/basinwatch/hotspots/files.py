"""Hot spots of a rate map on disk, read and written in strips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.hotspots.emerging import (
    DAYS_PER_YEAR,
    EmergingSettings,
    emerging_patterns,
    epochs,
    mann_kendall,
    slope_weights,
)
from basinwatch.hotspots.pattern_areas import pattern_areas
from basinwatch.hotspots.scan import HotspotRows, HotspotSettings, RateRows, scan_hotspots
from basinwatch.provenance import software
from basinwatch.raster_rows import bounded_cache
from basinwatch.rasters import BLOCK_PX, new_raster, open_raster, profile
from basinwatch.vectors import Footprint, footprints

BANDS = ("z", "z_calibrated", "p_value", "class")
EMERGING_BANDS = ("pattern", "trend_score", "trend_p", "epochs")
_LEAST_EPOCHS = 2


def map_hotspots(
    rate: Path,
    quality: Path,
    grid: Grid,
    settings: HotspotSettings,
    stable_mm_yr: float,
    statistic: Path,
    detected: Sequence[BaseGeometry] = (),
) -> gpd.GeoDataFrame:
    """Score a rate map of any size, write the statistic and return the clusters.

    Parameters
    ----------
    rate
        Raster with bands ``rate_mm_yr`` and ``rate_sigma_mm_yr``.
    quality
        Raster with band ``measured``; other pixels take no part.
    stable_mm_yr
        Rates within ± this count as ground from which the noise is learnt,
    detected
        except inside these polygons (in the grid's CRS).
    statistic
        Written: float32 bands :data:`BANDS`; tag ``NOISE_INFLATION`` is the factor between the two scores in a full
        window.

    Returns
    -------
    GeoDataFrame
        See :meth:`basinwatch.hotspots.clusters.Clusters.frame`.

    Raises
    ------
    InputError
        If a band is missing or a rate infinite.
    """
    moving = footprints(detected, grid)
    with _opened(rate, quality) as (rates, flags), _created(statistic, grid, BANDS) as target:
        source = _RateFiles(rates, flags, stable_mm_yr, moving, {"rate_mm_yr": 1.0}, "rate_sigma_mm_yr")
        inflation, clusters = scan_hotspots(source.read, grid, settings, partial(_write_rows, target))
        target.update_tags(NOISE_INFLATION=f"{inflation.full:.3f}")
    return clusters


def map_emerging(
    displacement: Path,
    rate: Path,
    quality: Path,
    grid: Grid,
    settings: HotspotSettings,
    stable_mm_yr: float,
    patterns: Path,
    epoch_days: float = DAYS_PER_YEAR,
    emerging: EmergingSettings | None = None,
    detected: Sequence[BaseGeometry] = (),
) -> tuple[gpd.GeoDataFrame, list[tuple[str, str]]]:
    """Score the rate of every epoch of a displacement series, write how hot spots develop and outline it.

    Parameters
    ----------
    displacement
        Raster with one band per date, named by it (ISO), in mm towards the satellite.
    rate
        Raster with band ``rate_mm_yr`` of all dates: it tells stable ground. In an epoch noise alone may exceed the
        limit, and cut off there it would seem calmer than it is.
    quality, settings, stable_mm_yr, detected
        As in :func:`map_hotspots`.
    patterns
        Written: float32 bands :data:`EMERGING_BANDS`: the pattern (see
        :func:`basinwatch.hotspots.emerging.emerging_patterns`), score and p-value of the trend of z, and the number of
        epochs with a score; tag ``EPOCHS`` names them.
    epoch_days
        Length of an epoch.

    Returns
    -------
    areas, spans
        See :func:`basinwatch.hotspots.pattern_areas.pattern_areas`; first and last date (ISO) of every epoch.

    Raises
    ------
    InputError
        If fewer than two epochs hold three dates, or a displacement is infinite.
    """
    moving = footprints(detected, grid)
    opened = _opened(displacement, quality, rate)
    with opened as (series, flags, overall), _created(patterns, grid, EMERGING_BANDS) as target:
        parts = _epochs(series, epoch_days)
        maps = [_RateFiles(series, flags, stable_mm_yr, moving, weights, overall=overall) for weights in parts]
        found = _developed(maps, grid, settings, emerging or EmergingSettings(), patterns.parent)
        spans = [(min(weights), max(weights)) for weights in parts]
        target.write(found)
        target.update_tags(EPOCHS=" ".join("/".join(span) for span in spans))
    return _areas(found, grid, settings.min_px), spans


def _developed(
    maps: Sequence[_RateFiles], grid: Grid, settings: HotspotSettings, emerging: EmergingSettings, folder: Path
) -> NDArray[np.float32]:
    """Bands (4, y, x) of how the hot spots of several epochs develop; `folder` has room for a scratch file."""
    found = np.empty((len(EMERGING_BANDS), *grid.shape), np.float32)
    # Scores of all epochs do not fit into memory; until they are used they live in a nameless file.
    with TemporaryFile(dir=folder) as scratch:
        layers = np.memmap(scratch, np.float32, "w+", shape=(2, len(maps), *grid.shape))
        for number, source in enumerate(maps):
            scan_hotspots(source.read, grid, settings, partial(_keep_rows, layers[:, number], settings.calibrated))
        for start in range(0, grid.height, BLOCK_PX):
            rows = slice(start, start + BLOCK_PX)
            found[:, rows] = _patterns(layers[0, :, rows], layers[1, :, rows], emerging)
    return found


def _areas(found: NDArray[np.float32], grid: Grid, min_px: int) -> gpd.GeoDataFrame:
    """Areas of one pattern from the bands (4, y, x), with the trend as a share of the largest that could be."""
    pattern, score, _, count = found
    return pattern_areas(pattern, score / np.maximum(count * (count - 1) / 2, 1), grid, min_px)


@contextmanager
def _opened(*paths: Path) -> Iterator[list[rasterio.DatasetReader]]:
    """Open rasters with a small cache."""
    with bounded_cache(), ExitStack() as stack:
        yield [stack.enter_context(open_raster(path)) for path in paths]


@contextmanager
def _created(path: Path, grid: Grid, bands: Sequence[str]) -> Iterator[Any]:
    """Create a float raster that appears when the block ends without an error."""
    with new_raster(path, profile(grid, "float32", len(bands))) as target:
        target.update_tags(SOFTWARE=software())
        for index, name in enumerate(bands, start=1):
            target.set_band_description(index, name)
        yield target


@dataclass(frozen=True)
class _RateFiles:
    """Open rasters of a rate map.

    Parameters
    ----------
    values, flags
        The rate, or the displacements it is the slope of; and where it counts as measured.
    stable_mm_yr
        Rates within ± this are stable,
    moving
        except at these places.
    weights
        The rate as a sum of bands.
    sigma
        Band of the standard error, if there is one.
    overall
        Rate by which ground is stable, if that is not the rate itself.
    """

    values: rasterio.DatasetReader
    flags: rasterio.DatasetReader
    stable_mm_yr: float
    moving: Sequence[Footprint]
    weights: Mapping[str, float]
    sigma: str | None = None
    overall: rasterio.DatasetReader | None = None

    def read(self, rows: slice) -> RateRows:
        """Read rows of the map."""
        rate = sum(np.float32(weight) * _read_band(self.values, band, rows) for band, weight in self.weights.items())
        rate = np.where(_read_band(self.flags, "measured", rows) > 0, rate, np.nan)
        steady = rate if self.overall is None else _read_band(self.overall, "rate_mm_yr", rows)
        stable = np.isfinite(rate) & (np.abs(steady) <= self.stable_mm_yr)
        for place in self.moving:
            top = max(place.rows.start, rows.start)
            inside = place.mask[top - place.rows.start : max(rows.stop - place.rows.start, 0)]
            stable[top - rows.start :, place.columns][: len(inside)] &= ~inside
        sigma = np.full(rate.shape, np.nan) if self.sigma is None else _read_band(self.values, self.sigma, rows)
        return RateRows(rate, sigma, stable)


def _epochs(series: rasterio.DatasetReader, epoch_days: float) -> list[dict[str, float]]:
    """Bands of every epoch with their weights in its rate."""
    dates = [str(name) for name in series.descriptions]
    days = np.array([date.fromisoformat(day).toordinal() for day in dates], float)
    parts = epochs(days, epoch_days)
    if len(parts) < _LEAST_EPOCHS:
        raise InputError(
            f"{series.name}: found {len(parts)} epochs of {epoch_days:g} days with three dates or more, expected at "
            f"least {_LEAST_EPOCHS}; shorten the epochs or wait for more scenes."
        )
    return [dict(zip(dates[part], slope_weights(days[part]).tolist(), strict=True)) for part in parts]


def _keep_rows(layers: NDArray[np.float32], calibrated: bool, rows: slice, found: HotspotRows) -> None:
    """Store score and class of rows, (2, y, x)."""
    layers[0, rows] = found.z_calibrated if calibrated else found.z
    layers[1, rows] = found.classes


def _patterns(z: NDArray[np.float32], classes: NDArray[np.float32], settings: EmergingSettings) -> NDArray[np.float32]:
    """Layers of :data:`EMERGING_BANDS`, NaN where no epoch has a score."""
    pattern = emerging_patterns(z, classes.astype(np.int8), settings)
    score, p = mann_kendall(z)
    count = np.isfinite(z).sum(0)
    return np.where(count > 0, np.stack([pattern, score, p, count]), np.nan).astype(np.float32)


def _write_rows(target: Any, rows: slice, found: HotspotRows) -> None:
    """Write rows of the result; where there is no score there is no class either."""
    classes = np.where(np.isfinite(found.z), found.classes, np.nan)
    layers = np.stack([found.z, found.z_calibrated, found.p, classes]).astype(np.float32)
    target.write(layers, window=_window(target, rows))


def _read_band(source: rasterio.DatasetReader, name: str, rows: slice) -> NDArray[Any]:
    """Read rows of the band of a description."""
    names = [str(found) for found in source.descriptions]
    if name not in names:
        raise InputError(f"{source.name}: holds bands {names}, expected {name} too; delete the file and run again.")
    values: NDArray[Any] = source.read(names.index(name) + 1, window=_window(source, rows))
    return values


def _window(raster: Any, rows: slice) -> Window:
    """Whole rows of a raster."""
    return Window(0, rows.start, raster.width, rows.stop - rows.start)

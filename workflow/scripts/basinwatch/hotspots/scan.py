"""Hot spots of a rate map from its rows: score, calibrate, classify and outline, strip by strip.

Memory is bounded by the strip, not by the map. A map of one strip is read and scored once; larger ones are read again
for every step that needs the whole map first: moments, noise, limits of significance, result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from basinwatch.grid import Grid
from basinwatch.hotspots.calibration import Autocovariance, Inflation
from basinwatch.hotspots.clusters import Clusters, ScoredRows
from basinwatch.hotspots.significance import LEVELS, classes_of, critical_p, p_values
from basinwatch.hotspots.statistic import Moments, score
from basinwatch.hotspots.windows import Array, Disc

# Rows per strip are a multiple of the blocks that rasters are stored in.
_BLOCK_ROWS = 512
_STRIP_PX = 8_000_000
# By confidence in percent.
CLASS_OF_LEVEL = {90: 1, 95: 2, 99: 3}


@dataclass(frozen=True)
class HotspotSettings:
    """Scale and strictness of the clusters.

    Parameters
    ----------
    radius_m
        Neighbourhood of the statistic.
    false_discovery_rate
        Whether significance levels bound the share of false discoveries (Benjamini & Hochberg 1995).
    calibrated
        Whether the calibrated score is judged (see :mod:`basinwatch.hotspots.calibration`), which honours
        correlated noise.
    min_level
        Least class of a cluster: 1, 2, 3 for 90, 95, 99 %.
    min_px
        Smaller clusters are dropped.
    """

    radius_m: float = 300.0
    false_discovery_rate: bool = True
    calibrated: bool = True
    min_level: int = 2
    min_px: int = 20

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> HotspotSettings:
        """Translate the configuration's section."""
        return cls(
            radius_m=config["radius_m"],
            false_discovery_rate=config["fdr"],
            calibrated=config["calibrated"],
            min_level=CLASS_OF_LEVEL[config["level"]],
            min_px=config["min_area_px"],
        )


@dataclass(frozen=True)
class RateRows:
    """Rows of a rate map, (y, x) each.

    Parameters
    ----------
    rate, sigma
        mm/yr, positive towards the satellite, NaN where not measured; and its standard error, NaN where unknown.
    stable
        Ground without deformation, from which the noise is learnt.
    """

    rate: NDArray[np.floating[Any]]
    sigma: NDArray[np.floating[Any]]
    stable: NDArray[np.bool_]


@dataclass(frozen=True)
class HotspotRows:
    """Rows of the result, (y, x) each.

    Parameters
    ----------
    z, z_calibrated
        float64 standard score, and the same divided by what correlated noise explains; NaN without observation.
    p
        float64 two-sided p-value of the score that was judged.
    classes
        int8, −3…3 (see :func:`basinwatch.hotspots.significance.significance`).
    """

    z: Array
    z_calibrated: Array
    p: Array
    classes: NDArray[np.int8]


@dataclass(frozen=True)
class Hotspots(HotspotRows):
    """Result of :func:`find_hotspots` for a whole map.

    Parameters
    ----------
    inflation
        Spread of z that correlated noise explains in windows that nothing clips.
    clusters
        See :meth:`basinwatch.hotspots.clusters.Clusters.frame`.
    """

    inflation: float
    clusters: gpd.GeoDataFrame


def find_hotspots(
    rate: NDArray[np.floating[Any]],
    stable: NDArray[np.bool_],
    grid: Grid,
    settings: HotspotSettings,
    sigma: NDArray[np.floating[Any]] | None = None,
) -> Hotspots:
    """Score, classify and cluster a rate map in memory.

    Parameters
    ----------
    rate
        (y, x) mm/yr, positive towards the satellite, NaN where not measured.
    stable
        (y, x) ground without deformation, from which the noise is learnt.
    sigma
        (y, x) standard error of the rate.

    Returns
    -------
    Hotspots
        Where (almost) nothing is measured, all NaN and no cluster.

    Raises
    ------
    InputError
        If a rate is infinite.
    """
    error = np.full(rate.shape, np.nan) if sigma is None else sigma
    z, calibrated, p = np.empty((3, *rate.shape))
    result = HotspotRows(z, calibrated, p, np.empty(rate.shape, np.int8))

    def read(rows: slice) -> RateRows:
        return RateRows(rate[rows], error[rows], stable[rows])

    def write(rows: slice, found: HotspotRows) -> None:
        for name, values in vars(found).items():
            getattr(result, name)[rows] = values

    inflation, clusters = scan_hotspots(read, grid, settings, write)
    return Hotspots(**vars(result), inflation=inflation.full, clusters=clusters)


def scan_hotspots(
    read: Callable[[slice], RateRows],
    grid: Grid,
    settings: HotspotSettings,
    write: Callable[[slice, HotspotRows], None],
    strip_rows: int | None = None,
) -> tuple[Inflation, gpd.GeoDataFrame]:
    """Score, classify and cluster a rate map that is read and written in strips of rows.

    Parameters
    ----------
    read
        Gives any rows of the map; must give the same every time.
    write
        Takes the result, strip by strip from top to bottom.
    strip_rows
        Rows of a strip; None chooses. The result does not depend on it beyond rounding.

    Returns
    -------
    inflation
        Spread of z that correlated noise explains.
    clusters
        See :meth:`basinwatch.hotspots.clusters.Clusters.frame`.

    Raises
    ------
    InputError
        If a rate is infinite.
    """
    scan = _Scan(read, grid, settings, strip_rows)
    limits = critical_p(scan.judged) if settings.false_discovery_rate else LEVELS
    found = Clusters(grid, settings.min_level, settings.min_px)
    for start, judged in zip(scan.starts, scan.judged(), strict=True):
        own, p = scan.rows(start), p_values(judged)
        result = HotspotRows(*scan.scores(start), p, classes_of(judged, p, limits))
        write(scan.inside(start), result)
        found.add(ScoredRows(judged, result.classes, own.rate, own.sigma))
    return scan.inflation, found.frame()


class _Scan:
    """A rate map with what is known of the whole of it; the strip used last is kept."""

    def __init__(
        self, read: Callable[[slice], RateRows], grid: Grid, settings: HotspotSettings, strip_rows: int | None
    ) -> None:
        self.height, self.settings = grid.height, settings
        self.step = strip_rows or max(_STRIP_PX // grid.width // _BLOCK_ROWS, 1) * _BLOCK_ROWS
        self.starts = range(0, grid.height, self.step)
        self.disc = Disc.of(settings.radius_m, grid.pixel_spacing_m)
        self._read = lru_cache(maxsize=1)(lambda start, stop: read(slice(start, stop)))
        self.scores = lru_cache(maxsize=1)(self._scores)
        self.moments, ground = Moments(), Moments()
        for start in self.starts:
            rows = self.rows(start)
            self.moments = self.moments.extended(rows.rate)
            ground = ground.extended(rows.rate[rows.stable])
        self.inflation = self._learnt(Autocovariance(settings.radius_m, grid.pixel_spacing_m, ground))

    def inside(self, start: int, halo: int = 0) -> slice:
        """Rows of the map that a strip and its neighbours below, within `halo`, cover."""
        return slice(start, min(start + self.step + halo, self.height))

    def rows(self, start: int, halo: int = 0) -> RateRows:
        """Read a strip."""
        covered = self.inside(start, halo)
        return self._read(covered.start, covered.stop)

    def _learnt(self, noise: Autocovariance) -> Inflation:
        """Gather the autocovariance of stable ground."""
        for start in self.starts:
            rows = self.rows(start, noise.reach[0])
            own = self.inside(start)
            noise.add(np.where(rows.stable, rows.rate, np.nan), own.stop - own.start)
        return noise.inflation()

    def _scores(self, start: int) -> tuple[Array, Array]:
        """Score a strip: z and calibrated z."""
        own = self.inside(start)
        above, below = min(self.disc.rows, start), min(self.disc.rows, self.height - own.stop)
        rate = self._read(own.start - above, own.stop + below).rate
        if not self.moments.varied:
            nothing = np.full((own.stop - own.start, rate.shape[1]), np.nan)
            return nothing, nothing
        z, count = score(rate, slice(above, len(rate) - below), self.moments, self.disc)
        return z, z / self.inflation.of(count)

    def judged(self) -> Iterator[Array]:
        """Give the score that is judged, strip by strip."""
        for start in self.starts:
            yield self.scores(start)[self.settings.calibrated]

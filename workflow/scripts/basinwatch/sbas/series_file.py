"""The displacement series of a frame as a GeoTIFF that is written block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.grid import Grid
from basinwatch.provenance import atomic_path, software
from basinwatch.rasters import profile, quiet_radar_geometry

SIGN_TAGS = {"SIGN": "towards_positive"}
_MAX_ERROR_MM = 0.01
# GDAL would keep a twentieth of the machine's memory.
_CACHE_MB = 256


@contextmanager
def series_writer(
    path: str | Path, grid: Grid, dates: Sequence[date], tags: Mapping[str, str] = SIGN_TAGS
) -> Iterator[Callable[[Window, NDArray[np.float32]], None]]:
    """Open a file of one band per date; the file appears when the block ends without an error.

    Yields
    ------
    callable
        Writes the series (dates, height, width), mm in the direction that `tags` tell, of a window; whole tiles
        (512 px) in reading order give the same bytes every time.
    """
    options = profile(grid, "float32", len(dates), _MAX_ERROR_MM) | {"interleave": "band"}
    with (
        atomic_path(path) as part,
        quiet_radar_geometry(),
        rasterio.Env(GDAL_CACHEMAX=_CACHE_MB),
        rasterio.open(part, "w", **options) as target,
    ):
        target.update_tags(SOFTWARE=software(), **tags)
        for band, day in enumerate(dates, start=1):
            target.set_band_description(band, day.isoformat())
            target.set_band_unit(band, "mm")
        yield lambda window, series: target.write(series, window=window)

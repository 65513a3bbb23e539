"""The displacement series of a frame as a GeoTIFF that is written block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.grid import Grid
from basinwatch.provenance import software
from basinwatch.raster_rows import bounded_cache
from basinwatch.rasters import new_raster, profile

SIGN_TAGS = {"SIGN": "towards_positive"}
_MAX_ERROR_MM = 0.01


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
    with bounded_cache(), new_raster(path, options) as target:
        target.update_tags(SOFTWARE=software(), **tags)
        for band, day in enumerate(dates, start=1):
            target.set_band_description(band, day.isoformat())
            target.set_band_unit(band, "mm")
        yield lambda window, series: target.write(series, window=window)

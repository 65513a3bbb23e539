"""Rasters of several stacks as one cloud-optimised GeoTIFF; where they overlap, the best observation stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import shutil
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from basinwatch.grid import Grid
from basinwatch.provenance import atomic_path
from basinwatch.raster_rows import bounded_cache
from basinwatch.rasters import BLOCK_PX, create_raster, open_raster, require_whole

SOURCE_BAND = "source"


def mosaic_rasters(paths: Sequence[Path], names: Sequence[str], grid: Grid, rank: str, target: Path) -> None:
    """Lay rasters of the same bands over each other, strip by strip.

    Every pixel is taken, in all its bands, from the raster whose band `rank` is largest there (the first of equals);
    pixels are moved, not averaged, so that every value is one that was observed.

    Parameters
    ----------
    paths
        Rasters on a map, in order of precedence.
    names
        What each is called; becomes a tag that explains the band `SOURCE_BAND` (1 = the first, 0 = none).
    grid
        Of the mosaic.
    rank
        Description of a band.
    target
        Cloud-optimised GeoTIFF to write.
    """
    with bounded_cache(), ExitStack() as stack:
        opened = [stack.enter_context(open_raster(path)) for path in paths]
        first = opened[0]
        bands = [*map(str, first.descriptions), SOURCE_BAND]
        tags = {key: value for key, value in first.tags().items() if key == "encoding"}
        tags |= {"SOURCES": ", ".join(f"{number} = {name}" for number, name in enumerate(names, 1))}
        strips = target.with_name(f".{target.stem}.strips.tif")
        try:
            with create_raster(strips, grid, first.dtypes[0], bands=bands, tags=tags) as flat:
                placed = [stack.enter_context(_on(source, grid)) for source in opened]
                for window, data in _strips(placed, grid, bands.index(rank)):
                    flat.write(data, window=window)
            with atomic_path(target) as part:
                shutil.copy(
                    strips, part, driver="COG", compress="ZSTD", blocksize=BLOCK_PX, overview_resampling="nearest"
                )
                require_whole(part)
        finally:
            strips.unlink(missing_ok=True)


def _on(source: rasterio.DatasetReader, grid: Grid) -> WarpedVRT:
    """View of a raster on another grid, nearest pixel."""
    return WarpedVRT(
        source, crs=grid.crs_wkt, transform=grid.affine, width=grid.width, height=grid.height,
        resampling=Resampling.nearest, src_nodata=source.nodata, nodata=source.nodata,
    )  # fmt: skip


def _strips(sources: Sequence[WarpedVRT], grid: Grid, rank: int) -> Iterator[tuple[Window, NDArray[Any]]]:
    """Best observations (bands and source, n, width) of one strip after the other."""
    for row in range(0, grid.height, BLOCK_PX):
        window = Window(0, row, grid.width, min(BLOCK_PX, grid.height - row))
        yield window, _best([source.read(window=window) for source in sources], rank)


def _best(layers: Sequence[NDArray[Any]], rank: int) -> NDArray[Any]:
    """Take every pixel from the layer of the largest rank; last band: its number from 1, 0 where all lack data."""
    best = np.concatenate([layers[0], np.zeros_like(layers[0][:1])])
    highest = np.full(best.shape[1:], -np.inf)
    for number, layer in enumerate(layers, 1):
        value = layer[rank].astype(np.float64)
        if layer.dtype == np.uint8:
            value[layer[rank] == 0] = np.nan
        better = np.nan_to_num(value, nan=-np.inf) > highest
        best[:-1, better], best[-1, better] = layer[:, better], number
        highest[better] = value[better]
    return best

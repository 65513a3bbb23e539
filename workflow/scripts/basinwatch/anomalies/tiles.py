"""Training tiles of a rate map: one around every sample, in six views."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from basinwatch.anomalies.pictures import ENCODING
from basinwatch.datasets.tiles import Label, LabelledTile, write_shard
from basinwatch.encoding import content
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import grid_of, open_raster
from basinwatch.vectors import Footprint, footprints, read_vectors

# Quarter turns, and whether rows and columns are mirrored: figure 17 of Zhang et al. (2022).
VIEWS = ((0, ()), (1, ()), (2, ()), (3, ()), (0, (1,)), (0, (0,)))


def cut_samples(picture: Path, samples: Path, size_px: int, group: str, arrays: Path, coco: Path) -> int:
    """Cut the tiles of all samples and write them as one shard; return the number of tiles.

    Parameters
    ----------
    picture
        Raster that :func:`basinwatch.anomalies.pictures.rate_share` made; it stands in the place of the phase.
    samples
        GeoPackage with a layer ``samples``.
    group
        Name of the area, so that its tiles stay on one side of every split.

    Raises
    ------
    InputError
        If there is no sample.
    """
    with open_raster(picture) as source:
        values, grid = source.read(1).astype(np.float32), grid_of(source)
    tiles = list(sample_tiles(values, read_vectors(samples, "samples"), grid, size_px, group))
    if not tiles:
        raise InputError(
            f"{samples}: found no sample to cut tiles around, expected some; loosen the rules of `anomalies`, or learn "
            "from another area."
        )
    info = {"tile_size_px": size_px, "group": group, "views": len(VIEWS), "content": content(ENCODING)}
    write_shard(arrays, coco, tiles, info)
    return len(tiles)


def sample_tiles(
    picture: NDArray[np.float32], samples: gpd.GeoDataFrame, grid: Grid, size_px: int, group: str
) -> Iterator[LabelledTile]:
    """Yield six views of a tile around every sample, with all samples that reach into it as labels.

    Tiles are shifted inside the map; a map smaller than a tile is padded with NaN.

    Parameters
    ----------
    picture
        (y, x), NaN where unknown.
    """
    places = footprints(samples.geometry, grid)
    for number, place in enumerate(places):
        top, left = (
            _start(part, size_px, side) for part, side in zip((place.rows, place.columns), grid.shape, strict=True)
        )
        labels = [_within(other, top, left, size_px) for other in places]
        tile = LabelledTile(
            0,
            _cut(picture, top, left, size_px),
            None,
            [Label(mask) for mask in labels if mask.any()],
            group,
            grid.pixel_area_m2,
        )
        yield from six_views(tile, len(VIEWS) * number)


def six_views(tile: LabelledTile, first_id: int = 0) -> Iterator[LabelledTile]:
    """Yield a square tile as it is, turned by 90°, 180° and 270°, and mirrored both ways, with new numbers."""
    for number, (turns, axes) in enumerate(VIEWS):
        labels = [replace(label, mask=_seen(label.mask, turns, axes)) for label in tile.labels]
        yield replace(tile, tile_id=first_id + number, phase=_seen(tile.phase, turns, axes), labels=labels)


def _seen(values: NDArray[Any], turns: int, axes: tuple[int, ...]) -> NDArray[Any]:
    """Turn and mirror an array (y, x)."""
    return np.ascontiguousarray(np.flip(np.rot90(values, turns), axes))


def _start(part: slice, size_px: int, side: int) -> int:
    """First row or column of a tile about the middle of a part of the map."""
    return min(max((part.start + part.stop - size_px) // 2, 0), max(side - size_px, 0))


def _cut(values: NDArray[np.float32], top: int, left: int, size_px: int) -> NDArray[np.float32]:
    """Cut a tile, NaN beyond the map."""
    tile = np.full((size_px, size_px), np.nan, np.float32)
    part = values[top : top + size_px, left : left + size_px]
    tile[: part.shape[0], : part.shape[1]] = part
    return tile


def _within(place: Footprint, top: int, left: int, size_px: int) -> NDArray[np.bool_]:
    """Cells of a sample within a tile."""
    mask = np.zeros((size_px, size_px), bool)
    rows, columns = np.nonzero(place.mask)
    rows, columns = rows + place.rows.start - top, columns + place.columns.start - left
    inside = (rows >= 0) & (rows < size_px) & (columns >= 0) & (columns < size_px)
    mask[rows[inside], columns[inside]] = True
    return mask

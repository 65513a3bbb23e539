"""Cut labelled interferograms into training tiles."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio import features
from rasterio.windows import Window
from shapely import STRtree, affinity, box
from shapely.geometry import MultiPolygon, Polygon, shape
from shapely.geometry.base import BaseGeometry

from basinwatch.datasets.tiles import Label, LabelledTile, decode_rle, write_shard
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import decode_share, grid_of, open_raster
from basinwatch.tiling import Tile, TileTable, tiles
from basinwatch.vectors import footprints, layers_of, read_vectors

logger = logging.getLogger(__name__)

DETECTIONS = "detections"
_PAIR = re.compile(r"(\d{8})_(\d{8})")


@dataclass(frozen=True)
class LabelledScene:
    """An interferogram with its labels on disk.

    Parameters
    ----------
    phase, coherence
        Rasters of one pair; coherence None when unknown.
    labels
        GeoPackage, GeoJSON or GeoParquet with one polygon per basin (a true ``ignore`` column marks
        places to be left out of loss and scores), or COCO JSON of one image in pixel coordinates.
    group
        Name of the scene or stack: all its tiles stay on one side of every split.
    pair
        ``YYYYMMDD_YYYYMMDD``: of labels with a column ``pair`` (and ``stack``), those of this one count. None takes
        all.
    """

    phase: Path
    coherence: Path | None
    labels: Path
    group: str
    pair: str | None = None


@dataclass(frozen=True)
class Outline:
    """A label in pixel coordinates (x = column, y = row)."""

    geometry: BaseGeometry
    ignore: bool


def read_outlines(path: Path, grid: Grid, stack: str | None = None, pair: str | None = None) -> list[Outline]:
    """Read the labels of a scene in pixel coordinates; none at all where a file of several pairs names it nowhere.

    Parameters
    ----------
    stack, pair
        Whose labels are wanted of a file that holds those of several, in the layer ``detections`` if it has one; see
        :class:`LabelledScene`. None takes all.

    Raises
    ------
    InputError
        If the file cannot be read, holds other than polygons, all of them lie outside the scene, or it does not say
        which pair a polygon is of.
    """
    if path.suffix == ".json":
        content = read_json(path)
        if "annotations" in content:
            return _coco_outlines(path, content)
    frame = read_vectors(path, DETECTIONS if DETECTIONS in layers_of(path) else None)
    if pair is not None:
        frame = _of_pair(path, frame, stack, pair)
    if grid.crs_wkt is not None and frame.crs is not None:
        frame = frame.to_crs(grid.crs_wkt)
    return _vector_outlines(path, frame, grid)


def _of_pair(path: Path, frame: gpd.GeoDataFrame, stack: str | None, pair: str) -> gpd.GeoDataFrame:
    """Keep the labels of one pair of one stack, where the table tells them apart."""
    if "pair" not in frame:
        return frame
    given = frame["pair"].fillna("").astype(str).str.strip()
    if (given == "").any():
        raise InputError(
            f"{path}: found {int((given == '').sum())} polygons without a pair, expected YYYYMMDD_YYYYMMDD in column "
            "'pair' of each; fill it in for those that were drawn anew."
        )
    misnamed = given[[not _is_pair(name) for name in given]]
    if len(misnamed):
        raise InputError(
            f"{path}: found {len(misnamed)} polygons with another text in column 'pair', such as "
            f"'{misnamed.iloc[0]}', expected YYYYMMDD_YYYYMMDD, earlier date first; rewrite them."
        )
    own = given == pair
    if "stack" in frame and stack is not None:
        own &= frame["stack"].fillna(stack).astype(str).isin([stack, ""])
    return frame[own]


def _is_pair(name: str) -> bool:
    """Whether a text is written as the name of a pair: two dates, the earlier one first."""
    dates = _PAIR.fullmatch(name)
    return dates is not None and dates[1] < dates[2]


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); check that the file is complete.") from error
    return content


def _vector_outlines(path: Path, frame: gpd.GeoDataFrame, grid: Grid) -> list[Outline]:
    """Polygons of a table in the grid's CRS, as outlines."""
    others = sorted(set(frame.geom_type.dropna()) - {"Polygon", "MultiPolygon"})
    if others:
        raise InputError(f"{path}: found {', '.join(others)}, expected polygons; draw each basin as an area.")
    to_pixels = (~grid.affine).to_shapely()
    ignored = frame["ignore"].fillna(False).astype(bool) if "ignore" in frame else [False] * len(frame)
    outlines = [
        Outline(affinity.affine_transform(geometry, to_pixels), bool(ignore))
        for geometry, ignore in zip(frame.geometry, ignored, strict=True)
        if geometry is not None and not geometry.is_empty
    ]
    scene = box(0, 0, grid.width, grid.height)
    if outlines and not any(scene.intersects(outline.geometry) for outline in outlines):
        raise InputError(f"{path}: found no polygon within the scene, expected some; check its coordinate system.")
    return outlines


def _coco_outlines(path: Path, content: Mapping[str, Any]) -> list[Outline]:
    """Annotations of a COCO file that describes one image."""
    images = content.get("images", [])
    if len(images) != 1:
        raise InputError(f"{path}: lists {len(images)} images, expected 1; write one COCO file per interferogram.")
    outlines = (
        Outline(coco_geometry(path, a["segmentation"]), bool(a.get("iscrowd", 0))) for a in content["annotations"]
    )
    return [outline for outline in outlines if not outline.geometry.is_empty]


def coco_geometry(path: Path, segmentation: Any) -> BaseGeometry:
    """Geometry of a COCO segmentation in pixels: rings of coordinates or uncompressed run lengths.

    Raises
    ------
    InputError
        If the run lengths are compressed; `path` is the file to name.
    """
    if isinstance(segmentation, list):
        rings = [np.reshape(ring, (-1, 2)) for ring in segmentation]
        return MultiPolygon([Polygon(ring) for ring in rings]).buffer(0)
    if not isinstance(segmentation["counts"], list):
        raise InputError(f"{path}: found compressed run lengths, expected polygons or lists; convert the file.")
    height, width = segmentation["size"]
    mask = decode_rle(segmentation["counts"], (height, width))
    parts = features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4)
    return MultiPolygon([shape(geometry) for geometry, _ in parts])


class _Labels:
    """Outlines of a scene, found by place."""

    def __init__(self, outlines: Sequence[Outline]) -> None:
        self.outlines = outlines
        self.tree = STRtree([outline.geometry for outline in outlines])

    def within(self, tile: Tile) -> list[Label]:
        """Masks of all outlines that cover pixel centres of a tile."""
        frame = box(tile.column, tile.row, tile.column + tile.size, tile.row + tile.size)
        origin = Affine.translation(tile.column, tile.row)
        window = Grid(tile.size, tile.size, tuple(origin)[:6], None, (1.0, 1.0))
        chosen = [self.outlines[i] for i in sorted(self.tree.query(frame, predicate="intersects"))]
        found = []
        for outline, part in zip(chosen, footprints([o.geometry for o in chosen], window), strict=True):
            mask = np.zeros((tile.size, tile.size), bool)
            mask[part.rows, part.columns] = part.mask
            if mask.any():
                found.append(Label(mask, outline.ignore))
        return found


def _read_tile(source: rasterio.DatasetReader, tile: Tile) -> NDArray[np.float32]:
    """Read a tile, NaN beyond the raster; coded shares are decoded."""
    values = np.full((tile.size, tile.size), np.nan, np.float32)
    height, width = min(tile.size, source.height - tile.row), min(tile.size, source.width - tile.column)
    stored = source.read(1, window=Window(tile.column, tile.row, width, height))
    values[:height, :width] = decode_share(stored) if stored.dtype == np.uint8 else stored
    return values


def cut_scene(scene: LabelledScene, size: int, step: int) -> Iterator[LabelledTile]:
    """Yield the tiles of one scene that hold any phase, numbered from 0.

    Tiles at the far edges are shifted inside; a raster smaller than a tile is padded with NaN.

    Raises
    ------
    InputError
        If a file cannot be read or the rasters differ in size.
    """
    with open_raster(scene.phase) as source:
        grid = grid_of(source)
        labels = _Labels(read_outlines(scene.labels, grid, scene.group, scene.pair))
        windows = list(tiles(source.height, source.width, size, step))
        phases = ((tile, _read_tile(source, tile)) for tile in windows)
        number = 0
        for tile, phase in phases:
            if np.isfinite(phase).any():
                coherence = _coherence_of(scene, tile, grid)
                found = labels.within(tile)
                yield LabelledTile(number, phase, coherence, found, scene.group, grid.pixel_area_m2)
                number += 1


def _coherence_of(scene: LabelledScene, tile: Tile, grid: Grid) -> NDArray[np.float32] | None:
    """Coherence of a tile; None when unknown."""
    if scene.coherence is None:
        return None
    with open_raster(scene.coherence) as source:
        if source.shape != grid.shape:
            raise InputError(
                f"{scene.coherence}: found {source.shape} pixels, expected {grid.shape} as in {scene.phase}; "
                "ingest the pair again."
            )
        coherence = _read_tile(source, tile)
    return coherence if np.isfinite(coherence).any() else None


def cut_shard(scene: LabelledScene, table: TileTable, arrays: Path, coco: Path) -> int:
    """Cut a scene along a tile grid into one shard; return the number of tiles.

    Raises
    ------
    InputError
        If the scene yields no tile, or a file is unusable.
    """
    cut = list(cut_scene(scene, table.size_px, table.step_px))
    if not cut:
        raise InputError(f"{scene.phase}: found no tile with phase, expected some; label another pair.")
    write_shard(arrays, coco, cut, {"tile_size_px": table.size_px, "step_px": table.step_px, "group": scene.group})
    logger.info("%s: %d tiles", arrays, len(cut))
    return len(cut)

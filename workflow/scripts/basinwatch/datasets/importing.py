"""Labelled pictures that a user already has, made into shards: COCO labels of many images, or label rasters."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely import box

from basinwatch.calibration.files import match
from basinwatch.calibration.pictures import read_tiles
from basinwatch.datasets.cutting import coco_geometry, read_json
from basinwatch.datasets.tiles import Label, LabelledTile, write_shard
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.readers import PairFiles, read_interferogram
from basinwatch.tiling import Tile, tiles
from basinwatch.vectors import footprints

logger = logging.getLogger(__name__)
# Pictures of single tiles name no dates, and nothing here depends on them.
_DATES = (date(2020, 1, 1), date(2020, 1, 13))


@dataclass(frozen=True)
class Collection:
    """Labelled pictures on disk.

    Parameters
    ----------
    name
        What they are called; one group, so that training and test never share it.
    images
        Folder of phase pictures or rasters.
    labels
        COCO JSON whose images lie in that folder, or folder of label rasters of the same names.
    format
        One of :data:`~basinwatch.readers.FORMATS`.
    pixel_size_m
        None when unknown.
    """

    name: str
    images: Path
    labels: Path
    format: str = "auto"
    pixel_size_m: float | None = None


def import_shard(collection: Collection, size_px: int, arrays: Path, coco: Path) -> int:
    """Cut all pictures into tiles and write them as one shard; return the number of tiles.

    Tiles do not overlap, but for those shifted inside at the far edges; smaller pictures are padded with NaN.

    Raises
    ------
    InputError
        If a file is unusable or no tile is left.
    """
    area = None if collection.pixel_size_m is None else collection.pixel_size_m**2
    cut = [
        replace(tile, tile_id=number, group=collection.name, pixel_area_m2=area)
        for number, tile in enumerate(part for picture in _pictures(collection) for part in _parts(picture, size_px))
    ]
    if not cut:
        raise InputError(f"{collection.images}: found no tile with phase, expected some; correct labelled_tiles.")
    write_shard(arrays, coco, cut, {"tile_size_px": size_px, "group": collection.name})
    logger.info("%s: %d tiles", arrays, len(cut))
    return len(cut)


def _pictures(collection: Collection) -> Iterator[LabelledTile]:
    """Whole pictures with their labels."""
    if collection.labels.suffix == ".json":
        yield from _coco_pictures(collection)
    else:
        yield from read_tiles(match(str(collection.images), str(collection.labels)), collection.format)


def _coco_pictures(collection: Collection) -> Iterator[LabelledTile]:
    """Pictures of a COCO file, those without basins too."""
    path = collection.labels
    content = read_json(path)
    if not {"images", "annotations"} <= set(content):
        raise InputError(f"{path}: found no images and annotations, expected COCO labels; export them again.")
    annotations: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for annotation in content["annotations"]:
        annotations[annotation["image_id"]].append(annotation)
    for image in content["images"]:
        phase = read_interferogram(PairFiles(*_DATES, _inside(collection.images, path, image)), collection.format).phase
        labels = [_label(path, image, a, phase.shape) for a in annotations[image["id"]]]
        yield LabelledTile(image["id"], phase, None, labels, collection.name)


def _inside(folder: Path, coco: Path, image: dict[str, Any]) -> Path:
    """Picture of a COCO image, which must lie in the folder."""
    path = (folder / image["file_name"]).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise InputError(
            f"{coco}: names {image['file_name']!r}, expected a file in {folder}; correct labelled_tiles or the file."
        )
    return path


def _label(path: Path, image: dict[str, Any], annotation: dict[str, Any], shape: tuple[int, ...]) -> Label:
    """Mask of one annotation, which must touch its image."""
    height, width = shape[0], shape[1]
    outline = coco_geometry(path, annotation["segmentation"])
    if not outline.intersects(box(0, 0, width, height)):
        raise InputError(
            f"{path}: annotation {annotation['id']} lies outside {image['file_name']} ({width} x {height} px), "
            "expected it inside; check that labels and pictures belong together."
        )
    frame = Grid(width, height, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), None, (1.0, 1.0))
    (part,) = footprints([outline], frame)
    mask = np.zeros((height, width), bool)
    mask[part.rows, part.columns] = part.mask
    return Label(mask, bool(annotation.get("iscrowd", 0)))


def _parts(picture: LabelledTile, size_px: int) -> Iterator[LabelledTile]:
    """Tiles of a picture that hold any phase."""
    height, width = picture.phase.shape
    for window in tiles(height, width, size_px, size_px):
        phase = _cut(picture.phase, window, np.nan)
        if np.isfinite(phase).any():
            yield replace(picture, phase=phase, labels=_cut_labels(picture.labels, window))


def _cut_labels(labels: Sequence[Label], window: Tile) -> list[Label]:
    """Labels that reach into a window."""
    cut = [replace(label, mask=_cut(label.mask, window, False)) for label in labels]
    return [label for label in cut if label.mask.any()]


def _cut(values: NDArray[Any], window: Tile, fill: float) -> NDArray[Any]:
    """Cut a window out of an array (y, x), padding beyond its end."""
    part = values[window.row : window.row + window.size, window.column : window.column + window.size]
    missing = [(0, window.size - side) for side in part.shape]
    return np.pad(part, missing, constant_values=fill)

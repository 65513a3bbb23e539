"""Detections as COCO JSON with a picture of every pair, for labelling tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from shapely.geometry.base import BaseGeometry

from basinwatch.provenance import write_json
from basinwatch.quicklook import write_quicklook
from basinwatch.rasters import read_raster
from basinwatch.report.products import Area, StackProducts
from basinwatch.report.views import outlines_in_pixels

CATEGORY = {"id": 1, "name": "basin", "supercategory": "subsidence"}


def write_coco(area: Area, detections: gpd.GeoDataFrame, folder: Path) -> None:
    """Write ``detections.json`` and ``images/{stack}_{pair}.png``, one pixel per pixel of the stack.

    Every detection is an annotation: polygons in pixels of its picture, box, area, score, and the basin it belongs to.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for stack in area.stacks:
        own = detections[detections["stack"] == stack.name]
        found: dict[str, list[tuple[Any, BaseGeometry]]] = {}
        for row, shape in zip(own.itertuples(), outlines_in_pixels(own, stack.grid), strict=True):
            if not shape.is_empty:
                found.setdefault(str(row.pair), []).append((row, shape))
        for pair in stack.pairs:
            name = f"images/{stack.name}_{pair.name}.png"
            write_quicklook(folder / name, read_raster(pair.phase), max_side_px=max(stack.grid.shape))
            images.append(_image(len(images) + 1, name, stack, pair.name))
            for row, shape in found.get(pair.name, []):
                annotations.append(_annotation(len(annotations) + 1, len(images), row, shape))
    write_json(folder / "detections.json", {"images": images, "annotations": annotations, "categories": [CATEGORY]})


def _image(number: int, name: str, stack: StackProducts, pair: str) -> dict[str, Any]:
    """Describe a picture."""
    height, width = stack.grid.shape
    return {"id": number, "file_name": name, "width": width, "height": height, "stack": stack.name, "pair": pair}


def _annotation(number: int, image: int, row: Any, shape: BaseGeometry) -> dict[str, Any]:
    """Describe a detection; COCO polygons know no holes, so that outer rings alone count."""
    parts = getattr(shape, "geoms", [shape])
    rings = [np.asarray(part.exterior.coords)[:-1, :2].round(2).ravel().tolist() for part in parts]
    left, top, right, bottom = (round(float(edge), 2) for edge in shape.bounds)
    basin = row.basin if isinstance(row.basin, str) and row.basin else None
    return {
        "id": number, "image_id": image, "category_id": CATEGORY["id"], "iscrowd": 0, "segmentation": rings,
        "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)], "area": round(float(shape.area), 2),
        "score": round(float(row.score), 6), "attributes": {"basin": basin},
    }  # fmt: skip

"""Which basins a search has found: separate regions of the probability, or objects merged over windows.

Works on what :mod:`basinwatch.inference.search` wrote, piece by piece, so that other thresholds need no network and no
frame is ever held whole.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy import ndimage
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.inference.box_merging import merge_boxes, suppress_boxes
from basinwatch.inference.components import find_components
from basinwatch.inference.instances import EIGHT_NEIGHBOURS, Instances, InstanceSettings, find_instances
from basinwatch.inference.object_merging import merge
from basinwatch.inference.placed_objects import PlacedObject, read_objects
from basinwatch.raster_rows import bounded_cache
from basinwatch.rasters import BLOCK_PX, decode_share, open_raster
from basinwatch.vectors import polygons_of

logger = logging.getLogger(__name__)
LARGEST_BOX_PX = 2**25
MERGERS: Mapping[str, Callable[[Iterable[PlacedObject], tuple[int, int]], list[PlacedObject]]] = {
    "windows": merge,
    "nmm": lambda objects, shape: merge_boxes(objects),
    "nms": lambda objects, shape: suppress_boxes(objects),
}
_SHARES = decode_share(np.arange(1, 256, dtype=np.uint8))
COLUMNS = {
    "score": "float64", "peak_probability": "float64", "area_m2": "float64", "mean_coherence": "float64",
    "touches_edge": "bool",
}  # fmt: skip


def instance_settings(spec: Mapping[str, Any], wanted: Mapping[str, Any]) -> InstanceSettings:
    """Return thresholds as wanted where given, else the model's; a peak is never below its outline.

    Parameters
    ----------
    spec
        Fields of ``model.json``.
    wanted
        ``threshold``, ``peak_threshold`` and ``min_area_px``; what is missing or None is the model's.

    Raises
    ------
    InputError
        If they are not probabilities or contradict each other.
    """
    given = {key: value for key, value in wanted.items() if value is not None}
    threshold = given.get("threshold", spec["threshold"])
    peak = given.get("peak_threshold", max(spec.get("peak_threshold", threshold), threshold))
    smallest = given.get("min_area_px", spec["min_area_px"])
    try:
        return InstanceSettings(threshold, peak, smallest, spec.get("core_threshold", 0.5))
    except ValueError as error:
        raise InputError(f"model {spec['name']}: {error}; correct the detection settings.") from error


@dataclass(frozen=True)
class _Frame:
    """What a search wrote, open, and the pair's coherence where it is known."""

    probability: rasterio.DatasetReader
    coherence: rasterio.DatasetReader | None
    grid: Grid

    def strips(self) -> Iterator[NDArray[np.uint8]]:
        """Codes of the probability of basin in strips of one block."""
        for row in range(0, self.grid.height, BLOCK_PX):
            count = min(BLOCK_PX, self.grid.height - row)
            yield self.probability.read(1, window=Window(0, row, self.grid.width, count))


@dataclass(frozen=True)
class _Crop:
    """A part of a frame, one pixel more on every side than asked for where the frame goes on."""

    frame: _Frame
    rows: slice
    columns: slice

    @classmethod
    def around(cls, frame: _Frame, rows: slice, columns: slice) -> _Crop:
        """Cut rows and columns with their neighbours."""
        height, width = frame.grid.shape
        return cls(
            frame,
            slice(max(rows.start - 1, 0), min(rows.stop + 1, height)),
            slice(max(columns.start - 1, 0), min(columns.stop + 1, width)),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def grid(self) -> Grid:
        """Where the pixels lie; pixel coordinates of the frame in radar geometry."""
        return self.frame.grid.part(self.rows, self.columns)

    def read(self, source: rasterio.DatasetReader) -> NDArray[np.float32]:
        """Shares (bands, y, x) of a raster."""
        window = Window(self.columns.start, self.rows.start, self.shape[1], self.shape[0])
        return decode_share(source.read(window=window))


def form_basins(
    probability: Path,
    objects: Path,
    coherence: Path | None,
    grid: Grid,
    settings: InstanceSettings,
    merging: str = "windows",
) -> gpd.GeoDataFrame:
    """Form basins from a search.

    Regions with a bounding box of more than `LARGEST_BOX_PX` pixels are no basins; the log says how many there were.

    Parameters
    ----------
    probability, objects
        What :func:`basinwatch.inference.search.search` wrote.
    coherence
        Coded coherence of the pair; None when unknown.
    grid
        Grid of the pair.
    merging
        How objects of several windows become one, by name in `MERGERS`.

    Returns
    -------
    GeoDataFrame
        One row per basin: score (mean probability inside; an object's own), peak_probability, area_m2, mean_coherence,
        touches_edge (at the border of the data) and the polygon in the grid's CRS. Regions come in the order of their
        first pixel, objects the best-scored first.
    """
    with ExitStack() as stack:
        stack.enter_context(bounded_cache())
        source = stack.enter_context(open_raster(probability))
        known = stack.enter_context(open_raster(coherence)) if coherence else None
        frame = _Frame(source, known, grid)
        if source.tags()["KIND"] == "instance":
            merged = MERGERS[merging](read_objects(objects, settings.threshold), grid.shape)
            return _table(_objects(frame, merged, settings), grid)
        return _table(_regions(frame, settings), grid)


def _table(parts: Iterable[tuple[dict[str, NDArray[Any]], list[BaseGeometry]]], grid: Grid) -> gpd.GeoDataFrame:
    """Put columns and outlines of single places together."""
    columns: dict[str, list[NDArray[Any]]] = {name: [np.zeros(0, kind)] for name, kind in COLUMNS.items()}
    outlines: list[BaseGeometry] = []
    for values, shapes in parts:
        for name, column in columns.items():
            column.append(values[name])
        outlines += shapes
    joined = {name: np.concatenate(column) for name, column in columns.items()}
    return gpd.GeoDataFrame(joined, geometry=outlines, crs=grid.crs_wkt)


def _code(share: float) -> int:
    """Smallest code of a share that is at least so large."""
    return 1 + int(np.searchsorted(_SHARES, np.float32(share)))


def _regions(frame: _Frame, settings: InstanceSettings) -> Iterator[tuple[dict[str, NDArray[Any]], list[BaseGeometry]]]:
    """Basins of every connected region, read one by one."""
    outline, peak = map(_code, (settings.threshold, settings.peak_threshold))
    found = find_components(frame.strips(), outline)
    found = found.select((found.area_px >= settings.min_area_px) & (found.peak >= peak))
    sides = found.box[:, 2:] - found.box[:, :2]
    fits = sides.prod(axis=1) <= LARGEST_BOX_PX
    if not fits.all():
        logger.warning("%d regions are too large for basins and were left out", np.count_nonzero(~fits))
    found = found.select(fits)
    for (row, column), (top, left, bottom, right) in zip(found.first.tolist(), found.box.tolist(), strict=True):
        crop = _Crop.around(frame, slice(top, bottom), slice(left, right))
        maps = crop.read(frame.probability)
        labels, _ = ndimage.label(maps[0] >= settings.threshold, EIGHT_NEIGHBOURS)
        own = labels == labels[row - crop.rows.start, column - crop.columns.start]
        basins = find_instances(np.where(own, maps, np.nan), settings)
        yield _described(basins, crop, np.isfinite(maps[0])), list(polygons_of(basins.labels, crop.grid))


def _objects(
    frame: _Frame, merged: Iterable[PlacedObject], settings: InstanceSettings
) -> Iterator[tuple[dict[str, NDArray[Any]], list[BaseGeometry]]]:
    """Basins of every merged object."""
    for one in merged:
        area = np.count_nonzero(one.mask)
        if one.score < settings.peak_threshold or area < settings.min_area_px:
            continue
        rows, columns = one.place
        crop = _Crop.around(frame, rows, columns)
        labels = np.zeros(crop.shape, np.int32)
        top, left = rows.start - crop.rows.start, columns.start - crop.columns.start
        labels[top : top + one.mask.shape[0], left : left + one.mask.shape[1]] = one.mask
        basin = Instances(labels, np.array([one.score]), np.array([one.score]), np.array([area]))
        valid = np.isfinite(crop.read(frame.probability)[0])
        outline = polygons_of(labels, crop.grid) if one.has_outline else [_rectangle(one, frame.grid)]
        yield _described(basin, crop, valid), list(outline)


def _rectangle(one: PlacedObject, grid: Grid) -> Polygon:
    """Box of an object in the grid's CRS."""
    left, top, right, bottom = one.box
    place = np.array([*grid.affine]).reshape(3, 3)[:2]
    return Polygon((place @ [[left, right, right, left], [top, top, bottom, bottom], [1] * 4]).T)


def _described(found: Instances, crop: _Crop, valid: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Columns of some basins."""
    known = np.full(len(found), math.nan)
    if crop.frame.coherence is not None:
        known = found.mean_of(crop.read(crop.frame.coherence)[0])
    return {
        "score": found.score,
        "peak_probability": found.peak,
        "area_m2": found.area_px * crop.frame.grid.pixel_area_m2,
        "mean_coherence": known,
        "touches_edge": _touches_edge(found, valid),
    }


def _touches_edge(found: Instances, valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each basin has a pixel beside the raster's border or missing data (8 neighbours)."""
    inner = ndimage.binary_erosion(valid, EIGHT_NEIGHBOURS)
    touched = np.bincount(found.labels[~inner], minlength=len(found) + 1)[1:]
    return touched > 0

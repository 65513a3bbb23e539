"""Vector products: GeoPackage and GeoParquet written whole and reproducibly, polygons from rasters and back."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
from affine import Affine
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio import features
from scipy import ndimage
from shapely.geometry import MultiPolygon, Polygon, shape
from shapely.geometry.base import BaseGeometry

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.provenance import atomic_path

# GeoPackage stores the time of writing; a fixed one makes equal content equal bytes.
_FIXED_DATE = "2000-01-01T00:00:00.000Z"
_POLYGONAL = {"Polygon", "MultiPolygon"}
_LINEAR = {"LineString", "MultiLineString"}


@contextmanager
def _fixed_date() -> Iterator[None]:
    """Let GDAL write the same "last change" every time."""
    previous = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _FIXED_DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": previous})


def _layer_options(frame: pd.DataFrame) -> dict[str, Any]:
    """Geometry type of a layer; polygons and lines become multiple ones, so the type never depends on how many."""
    if not isinstance(frame, gpd.GeoDataFrame):
        return {}
    found = set(frame.geom_type.dropna())
    for kind, members in (("MultiPolygon", _POLYGONAL), ("MultiLineString", _LINEAR)):
        if found <= members:
            return {"geometry_type": kind, "promote_to_multi": True}
    return {"geometry_type": "Unknown"}


def write_geopackage(path: str | Path, frames: Mapping[str, pd.DataFrame]) -> None:
    """Write one GeoPackage with a layer per entry, atomically; equal frames give equal bytes.

    Parameters
    ----------
    frames
        Layer name to GeoDataFrame (a plain DataFrame becomes a table without geometry). Empty frames
        become empty layers with all their columns. A frame without CRS is in pixel coordinates.
    """
    with atomic_path(path) as part, _fixed_date(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        for layer, frame in frames.items():
            pyogrio.write_dataframe(frame, part, layer=layer, driver="GPKG", **_layer_options(frame))


def write_geoparquet(path: str | Path, frame: gpd.GeoDataFrame) -> None:
    """Write a GeoDataFrame as GeoParquet, atomically; an empty frame keeps its columns."""
    with atomic_path(path) as part:
        frame.to_parquet(part, index=False)


def read_vectors(path: str | Path, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read GeoParquet, GeoPackage or any other vector file.

    Raises
    ------
    InputError
        If the file or the layer cannot be read.
    """
    try:
        if Path(path).suffix == ".parquet":
            return gpd.read_parquet(path)
        return gpd.read_file(path, layer=layer) if layer else gpd.read_file(path)
    except (OSError, ValueError, DataSourceError, DataLayerError) as error:
        what = f"layer {layer!r}" if layer else "vector data"
        raise InputError(f"{path}: found no readable {what} ({error}); check the file's name and content.") from error


def layers_of(path: str | Path) -> list[str]:
    """Names of the layers of a vector file; none of a GeoParquet file, which has no layers.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if Path(path).suffix == ".parquet":
        return []
    try:
        return [str(name) for name in pyogrio.list_layers(path)[:, 0]]
    except (OSError, ValueError, DataSourceError) as error:
        raise InputError(f"{path}: found no readable vectors ({error}); check the file's name and content.") from error


def read_placed(path: str | Path, grid: Grid, layer: str | None = None) -> gpd.GeoDataFrame:
    """Read a vector file in the grid's coordinate system: that of the map, or pixels in radar geometry.

    Raises
    ------
    InputError
        If the file cannot be read, or one of the two has a coordinate system and the other none.
    """
    found = read_vectors(path, layer)
    if (found.crs is None) != (grid.crs_wkt is None):
        known = "no coordinate system" if found.crs is None else found.crs.name
        wanted = "pixel coordinates without any, as in the stack" if grid.crs_wkt is None else "one, as the stack has"
        raise InputError(f"{path}: found {known}, expected {wanted}; convert the file.")
    return found if grid.crs_wkt is None else found.to_crs(grid.crs_wkt)


def polygons_of(labels: NDArray[np.integer[Any]], grid: Grid) -> list[Polygon | MultiPolygon]:
    """Outline every label of a raster along pixel edges.

    Parameters
    ----------
    labels
        (y, x) integers: 0 outside, 1…n inside; every number up to n must occur.

    Returns
    -------
    list
        n geometries in CRS units (x = column, y = row in radar geometry); parts of a label that meet
        only at a corner become parts of a multipolygon, so that every geometry is valid.
    """
    parts: list[list[Polygon]] = [[] for _ in range(int(labels.max(initial=0)))]
    cells = labels.astype(np.int32)
    for geometry, value in features.shapes(cells, mask=cells > 0, connectivity=4, transform=grid.affine):
        parts[int(value) - 1].append(shape(geometry))
    return [polygons[0] if len(polygons) == 1 else MultiPolygon(polygons) for polygons in parts]


@dataclass(frozen=True)
class Footprint:
    """The pixels of one polygon: a window of the grid and a bool mask within it."""

    rows: slice
    columns: slice
    mask: NDArray[np.bool_]

    def of(self, raster: NDArray[Any]) -> NDArray[Any]:
        """Values of a (y, x) raster inside the polygon, flat."""
        values: NDArray[Any] = raster[self.rows, self.columns][self.mask]
        return values

    def core(self) -> Footprint:
        """Inner part: pixels at least half as deep inside the outline as the deepest one."""
        depth = ndimage.distance_transform_edt(np.pad(self.mask, 1))[1:-1, 1:-1]
        return replace(self, mask=self.mask & (depth >= depth.max(initial=0) / 2))


def footprints(geometries: Iterable[BaseGeometry], grid: Grid) -> list[Footprint]:
    """Pixels whose centre lies in each geometry (in the grid's CRS); polygons may overlap each other."""
    return [_footprint(geometry, grid) for geometry in geometries]


def _footprint(geometry: BaseGeometry, grid: Grid) -> Footprint:
    """Burn one geometry into the part of the grid its bounding box touches."""
    rows, columns = _extent(geometry, grid)
    shape = rows.stop - rows.start, columns.stop - columns.start
    if 0 in shape:
        return Footprint(rows, columns, np.zeros(shape, bool))
    place = grid.affine
    x, y, _ = np.array([*place]).reshape(3, 3) @ [columns.start, rows.start, 1]
    transform = Affine(place.a, place.b, x, place.d, place.e, y)
    return Footprint(rows, columns, features.geometry_mask([geometry], shape, transform, invert=True))


def _extent(geometry: BaseGeometry, grid: Grid) -> tuple[slice, slice]:
    """Rows and columns of the grid a bounding box touches; empty slices when it misses the grid."""
    if geometry.is_empty:
        return slice(0, 0), slice(0, 0)
    west, south, east, north = geometry.bounds
    x, y, _ = np.array([*~grid.affine]).reshape(3, 3) @ [
        [west, west, east, east],
        [south, north, south, north],
        [1] * 4,
    ]
    left, right = np.clip([np.floor(x.min() + 1e-6), np.ceil(x.max() - 1e-6)], 0, grid.width).astype(int)
    top, bottom = np.clip([np.floor(y.min() + 1e-6), np.ceil(y.max() - 1e-6)], 0, grid.height).astype(int)
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def burn(geometries: Iterable[BaseGeometry], grid: Grid) -> NDArray[np.bool_]:
    """Bool (y, x) raster of the union of geometries given in the grid's CRS."""
    inside = np.zeros(grid.shape, bool)
    for footprint in footprints(geometries, grid):
        inside[footprint.rows, footprint.columns] |= footprint.mask
    return inside

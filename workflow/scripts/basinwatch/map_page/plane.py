"""The plane of the map: one flat coordinate system for all stacks of an area.

Positions are metres east and north of the plane's corner, or columns and (negative) rows in radar geometry, where there
is no map. A grid that lies straight in the plane is read as it is; any other one is warped pixel by pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from shapely.geometry.base import BaseGeometry

from basinwatch.errors import InputError
from basinwatch.grid import METRES_PER_DEGREE, Grid
from basinwatch.rasters import open_raster
from basinwatch.report.views import View

Bounds = tuple[float, float, float, float]
_LATTICE = 17


@dataclass(frozen=True)
class Plane:
    """Scale and origin of the map.

    Parameters
    ----------
    crs
        Coordinate system of the first grid; None in radar geometry.
    scale
        Metres per unit of it, east and north; pixels in radar geometry.
    origin
        Its coordinates (x, y) where the plane has 0, 0.
    """

    crs: CRS | None
    scale: tuple[float, float]
    origin: tuple[float, float]

    @classmethod
    def of(cls, grids: Sequence[Grid]) -> Plane:
        """Lay the plane of an area by its first grid."""
        first = grids[0]
        if first.crs_wkt is None:
            return cls(None, (1.0, 1.0), (0.0, 0.0))
        crs, corner = CRS.from_wkt(first.crs_wkt), _corners(first).min(axis=0)
        factor = METRES_PER_DEGREE if crs.is_geographic else crs.axis_info[0].unit_conversion_factor or 1.0
        narrowing = math.cos(math.radians(_corners(first)[:, 1].mean())) if crs.is_geographic else 1.0
        return cls(crs, (factor * narrowing, factor), (float(corner[0]), float(corner[1])))

    def place(self, frame: gpd.GeoDataFrame | gpd.GeoSeries) -> list[BaseGeometry]:
        """Bring geometries to the plane; radar rows count downwards."""
        shapes = frame.geometry
        if self.crs is None:
            return list(shapes.scale(1, -1, origin=(0, 0)))
        if shapes.crs is not None:
            shapes = shapes.to_crs(self.crs)
        (x, y), (east, north) = self.origin, self.scale
        return list(shapes.affine_transform([east, 0, 0, north, -x * east, -y * north]))

    def bounds(self, grid: Grid) -> Bounds:
        """West, south, east, north of a grid in the plane."""
        if self.crs is None:
            return 0.0, -float(grid.height), float(grid.width), 0.0
        (x, y), (east, north) = self.origin, self.scale
        left, bottom, right, top = self._unscaled_bounds(grid)
        return (left - x) * east, (bottom - y) * north, (right - x) * east, (top - y) * north

    def read(self, path: Path, band: str, grid: Grid, thin: float) -> NDArray[np.float32]:
        """Read a band of a raster on `grid` for the part of the plane that :meth:`bounds` names, north at the top.

        Parameters
        ----------
        thin
            How many pixels of the grid become one of the picture, per side. Single pixels are taken and never averaged:
            the mean of wrapped phases is no phase.

        Returns
        -------
        (y, x) float32; NaN, or the raster's own value for it, where there are no data.

        Raises
        ------
        InputError
            If the raster cannot be read or has no such band.
        """
        if self._is_straight(grid):
            return View.whole(grid).read(path, band, max(1, math.floor(max(grid.shape) / thin)))
        with open_raster(path) as source:
            if band not in source.descriptions:
                raise InputError(f"{path}: found bands {source.descriptions}; expected {band!r}; make the file again.")
            missing = np.nan if source.nodata is None else source.nodata
            with WarpedVRT(source, nodata=missing, **self._picture(grid, thin)) as warped:
                return np.asarray(warped.read(source.descriptions.index(band) + 1), np.float32)

    def lattice(self, bounds: Bounds) -> list[list[list[float]]]:
        """Longitude and latitude at regular points between bounds, rows from the north; empty in radar geometry.

        Between them a page may interpolate linearly, which errs by a few metres in a frame of 250 km.
        """
        if self.crs is None:
            return []
        west, south, east, north = bounds
        u, v = np.meshgrid(np.linspace(west, east, _LATTICE), np.linspace(north, south, _LATTICE))
        to_degrees = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        (x, y), (scale_x, scale_y) = self.origin, self.scale
        lon, lat = to_degrees.transform(u / scale_x + x, v / scale_y + y)
        points: list[list[list[float]]] = np.stack([lon, lat], axis=-1).round(6).tolist()
        return points

    def _is_straight(self, grid: Grid) -> bool:
        """Whether the rows of a grid run east and its columns south in the plane."""
        if self.crs is None or grid.crs_wkt is None:
            return True
        place = grid.affine
        upright = place.b == place.d == 0 and place.a > 0 > place.e
        return upright and CRS.from_wkt(grid.crs_wkt) == self.crs

    def _unscaled_bounds(self, grid: Grid) -> Bounds:
        """West, south, east, north of a grid in units of the plane's coordinate system."""
        if grid.crs_wkt is None:
            raise ValueError("a grid without a coordinate system has no place on a map")
        own = CRS.from_wkt(grid.crs_wkt)
        if own == self.crs:
            return grid_bounds(grid)
        moved: Bounds = transform_bounds(own.to_wkt(), _wkt(self.crs), *grid_bounds(grid))
        return moved

    def _picture(self, grid: Grid, thin: float) -> dict[str, Any]:
        """Size and place of the picture a grid that does not lie straight is warped to."""
        left, bottom, right, top = self._unscaled_bounds(grid)
        step = min(grid.pixel_spacing_m) * thin
        width = max(1, round((right - left) * self.scale[0] / step))
        height = max(1, round((top - bottom) * self.scale[1] / step))
        transform = Affine((right - left) / width, 0, left, 0, (bottom - top) / height, top)
        return {
            "crs": _wkt(self.crs), "transform": transform, "width": width, "height": height,
            "resampling": Resampling.nearest,
        }  # fmt: skip


def grid_bounds(grid: Grid) -> Bounds:
    """West, south, east, north of a grid in its own coordinates; in radar geometry least and largest column and row."""
    (left, bottom), (right, top) = _corners(grid).min(axis=0), _corners(grid).max(axis=0)
    return float(left), float(bottom), float(right), float(top)


def _wkt(crs: CRS | None) -> str:
    """Text of a coordinate system that is known to be there."""
    if crs is None:
        raise ValueError("radar geometry has no coordinate system")
    return crs.to_wkt()


def _corners(grid: Grid) -> NDArray[np.float64]:
    """Corners of a grid in its own coordinates, (4, 2)."""
    columns, rows = [0, grid.width, 0, grid.width], [0, 0, grid.height, grid.height]
    placed = np.array([*grid.affine]).reshape(3, 3) @ [columns, rows, [1] * 4]
    return placed[:2].T

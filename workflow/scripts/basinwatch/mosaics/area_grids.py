"""One coordinate system and one pixel grid for all stacks of an area."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import geopandas as gpd
from affine import Affine
from pyproj import CRS
from rasterio.transform import array_bounds
from rasterio.warp import transform_bounds
from shapely.geometry import box

from basinwatch.errors import InputError
from basinwatch.grid import Grid, require_common_map

WIDEST_ZONE_DEG = 12.0


def area_crs(grids: Mapping[str, Grid]) -> str | None:
    """Choose the coordinate system of an area.

    That of the stacks where they agree; else the UTM zone of the area's centre, or, if the area is wider than
    `WIDEST_ZONE_DEG`, an equal-area projection (Lambert azimuthal) about its centre.

    Returns
    -------
    str or None
        WKT; None for a single stack in radar geometry.

    Raises
    ------
    InputError
        If one of several stacks is in radar geometry.
    """
    require_common_map(grids)
    systems = [grid.crs_wkt for grid in grids.values()]
    if systems[0] is None or all(CRS.from_wkt(str(one)) == CRS.from_wkt(systems[0]) for one in systems):
        return systems[0]
    outlines = [gpd.GeoSeries([box(*_bounds(g))], crs=g.crs_wkt).to_crs("EPSG:4326") for g in grids.values()]
    west, south, east, north = gpd.GeoSeries([o.iloc[0] for o in outlines], crs="EPSG:4326").total_bounds
    middle = (west + east) / 2, (south + north) / 2
    if east - west > WIDEST_ZONE_DEG:
        return CRS.from_dict({"proj": "laea", "lon_0": middle[0], "lat_0": middle[1], "datum": "WGS84"}).to_wkt()
    return gpd.GeoSeries([box(*middle, *middle).centroid], crs="EPSG:4326").estimate_utm_crs().to_wkt()


def area_grid(grids: Mapping[str, Grid]) -> Grid:
    """Grid that covers all stacks of an area, with the smallest pixels any of them has.

    Stacks on one lattice keep it, so that their pixels need not be resampled.

    Raises
    ------
    InputError
        If a stack is in radar geometry.
    """
    wkt = area_crs(grids)
    if wkt is None:
        raise InputError(
            f"stack {next(iter(grids))}: found radar geometry, expected map geometry for a mosaic; geocode the stack."
        )
    parts = list(grids.values())
    every = [transform_bounds(grid.crs_wkt, wkt, *_bounds(grid)) for grid in parts]
    left, bottom, right, top = (
        pick(side) for pick, side in zip((min, min, max, max), zip(*every, strict=True), strict=True)
    )
    step_x, step_y, x, y = _lattice(parts, wkt)
    first_column, first_row = math.floor((left - x) / step_x + 1e-6), math.floor((y - top) / step_y + 1e-6)
    width = math.ceil((right - x) / step_x - 1e-6) - first_column
    height = math.ceil((y - bottom) / step_y - 1e-6) - first_row
    corner = Affine(step_x, 0, x + first_column * step_x, 0, -step_y, y - first_row * step_y)
    return Grid.from_map(width, height, corner, wkt)


def _bounds(grid: Grid) -> tuple[float, float, float, float]:
    """West, south, east, north in the grid's own system."""
    west, south, east, north = array_bounds(grid.height, grid.width, grid.affine)
    return west, south, east, north


def _lattice(grids: Sequence[Grid], wkt: str) -> tuple[float, float, float, float]:
    """Pixel sides and a corner, in CRS units: of the finest grid where it lies in that system, else in metres."""
    finest = min(grids, key=lambda grid: grid.pixel_area_m2)
    if CRS.from_wkt(str(finest.crs_wkt)) == CRS.from_wkt(wkt):
        place = finest.affine
        return abs(place.a), abs(place.e), place.c, place.f
    step_x, step_y = finest.pixel_spacing_m
    return step_x, step_y, 0.0, 0.0

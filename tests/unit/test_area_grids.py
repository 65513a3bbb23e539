"""One map for all stacks of an area."""

import pytest
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.mosaics.area_grids import area_crs, area_grid
from pyproj import CRS


def utm(zone, west, north, width=100, height=80, step=20.0):
    return Grid.from_map(width, height, Affine(step, 0, west, 0, -step, north), f"EPSG:{32600 + zone}")


def degrees(west, north, width=100, height=80, step=0.001):
    return Grid.from_map(width, height, Affine(step, 0, west, 0, -step, north), "EPSG:4326")


RADAR = Grid(60, 60, None, None, (5.0, 14.0))


def test_stacks_that_agree_keep_their_system_and_lattice():
    grids = {"a": utm(34, 500_000, 5_500_000), "b": utm(34, 501_000, 5_500_600)}
    assert CRS.from_wkt(area_crs(grids)).to_epsg() == 32634
    grid = area_grid(grids)
    assert grid.shape == (80 + 30, 100 + 50)
    assert grid.transform == (20, 0, 500_000, 0, -20, 5_500_600)
    assert all(grid.aligned_with(one) for one in grids.values())


def test_stacks_of_two_zones_get_the_zone_of_their_centre():
    grids = {"a": utm(34, 750_000, 5_500_000), "b": degrees(25.0, 49.6)}
    assert CRS.from_wkt(area_crs(grids)).to_epsg() == 32635
    grid = area_grid(grids)
    assert grid.transform[0] == 20
    assert grid.transform[2] % 20 == grid.transform[5] % 20 == 0
    assert 45_000 < grid.width * 20 < 48_000


def test_an_area_wider_than_zones_gets_an_equal_area_projection():
    grids = {"a": utm(34, 500_000, 5_500_000), "b": degrees(60.0, 49.6)}
    assert CRS.from_wkt(area_crs(grids)).coordinate_operation.method_name == "Lambert Azimuthal Equal Area"


def test_radar_geometry_has_no_map():
    assert area_crs({"a": RADAR}) is None
    with pytest.raises(InputError, match="stack a: found radar geometry, expected map geometry"):
        area_grid({"a": RADAR})
    with pytest.raises(InputError, match="stack a: found radar geometry"):
        area_crs({"a": RADAR, "b": utm(34, 500_000, 5_500_000)})

"""Rasters of several stacks in one."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from basinwatch.grid import Grid
from basinwatch.mosaics.area_grids import area_grid
from basinwatch.mosaics.rasters import mosaic_rasters
from basinwatch.rasters import SHARE_TAGS, encode_share, write_raster


def stack(folder, name, grid, data, bands, tags=None):
    path = folder / f"{name}.tif"
    write_raster(path, data, grid, bands=bands, tags=tags)
    return path


def grids(shift=50):
    north = Affine(20, 0, 5e5, 0, -20, 5_500_000)
    east = Affine(20, 0, 5e5 + 20 * shift, 0, -20, 5_500_000)
    return {"a": Grid.from_map(100, 600, north, "EPSG:32634"), "b": Grid.from_map(100, 600, east, "EPSG:32634")}


def test_the_higher_probability_stays_and_its_source_is_known(tmp_path):
    placed = grids()
    random = np.random.default_rng(0)
    maps = {name: encode_share(random.random((2, 600, 100))) for name in placed}
    maps["a"][:, :100, 60:] = 0
    paths = [
        stack(tmp_path, n, g, maps[n], ["basin_probability", "core_probability"], SHARE_TAGS) for n, g in placed.items()
    ]
    target = tmp_path / "mosaic.tif"
    mosaic_rasters(paths, list(placed), area_grid(placed), "basin_probability", target)
    with rasterio.open(target) as source:
        merged = source.read()
        assert source.descriptions == ("basin_probability", "core_probability", "source")
        assert source.tags()["SOURCES"] == "1 = a, 2 = b"
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.nodata == 0
    assert merged.shape == (3, 600, 150)
    np.testing.assert_array_equal(merged[:2, :, :50], maps["a"][:, :, :50])
    np.testing.assert_array_equal(merged[:2, :, 100:], maps["b"][:, :, 50:])
    both = np.stack([maps["a"][:, :, 50:], maps["b"][:, :, :50]])
    best = both[:, 0].argmax(axis=0)
    np.testing.assert_array_equal(merged[:2, :, 50:100], np.take_along_axis(both, best[None, None], axis=0)[0])
    np.testing.assert_array_equal(merged[2, :, 50:100], best + 1)
    assert not list(tmp_path.glob(".*"))


def test_days_come_from_the_stack_that_looked_longest(tmp_path):
    placed = grids(shift=0)
    days = {"a": np.full((2, 600, 100), 12.0, np.float32), "b": np.full((2, 600, 100), 5.0, np.float32)}
    days["a"][1, :, :40], days["b"][1] = np.nan, 7
    days["b"][1, :10] = np.nan
    paths = [stack(tmp_path, n, g, days[n], ["active_days", "observed_days"]) for n, g in placed.items()]
    mosaic_rasters(paths, list(placed), area_grid(placed), "observed_days", tmp_path / "m.tif")
    with rasterio.open(tmp_path / "m.tif") as source:
        active, observed, number = source.read()
    assert (active[10:, :40] == 5).all()
    assert (active[:, 40:] == 12).all()
    assert (observed[:, 40:] == 12).all()
    assert (number[:10, :40] == 0).all()


@pytest.mark.parametrize("side", [0, 1])
def test_another_system_is_moved_to_the_right_place(tmp_path, side):
    """A spot in degrees lies where its coordinates say, to within a pixel."""
    degrees = Grid.from_map(200, 200, Affine(0.0003, 0, 21.0, 0, -0.0003, 49.6), "EPSG:4326")
    metres = Grid.from_map(100, 100, Affine(20, 0, 500_000, 0, -20, 5_493_000), "EPSG:32634")
    spot = np.zeros((200, 200), np.float32)
    spot[100:110, 100:110] = 0.9
    paths = [
        stack(tmp_path, "a", metres, encode_share(np.full((100, 100), 0.1)), ["basin_probability"]),
        stack(tmp_path, "b", degrees, encode_share(spot), ["basin_probability"]),
    ]
    grid = area_grid({"a": metres, "b": degrees} if side else {"b": degrees, "a": metres})
    mosaic_rasters(paths, ["a", "b"], grid, "basin_probability", tmp_path / "m.tif")
    with rasterio.open(tmp_path / "m.tif") as source:
        rows, columns = np.nonzero(source.read(1) > 200)
        x, y = source.xy(rows.mean(), columns.mean())
        longitude, latitude = (v[0] for v in rasterio.warp.transform(source.crs, "EPSG:4326", [x], [y]))
    assert longitude == pytest.approx(21.0 + 0.0003 * 105, abs=0.0003)
    assert latitude == pytest.approx(49.6 - 0.0003 * 105, abs=0.0003)

"""Lists of pixels and reading a stack: places, values, order, bounded work in hand."""

import threading

import numpy as np
import pytest
import rasterio
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import write_raster
from basinwatch.sbas.observations import blocks, in_order
from basinwatch.sbas.pixels import Pixels
from pyproj import Transformer
from rasterio.windows import Window

GRID = Grid.from_map(30, 20, Affine(90, 0, 400_000, 0, -90, 4_200_000), "EPSG:32650")
VALUES = np.arange(600, dtype=np.float32).reshape(20, 30)


def test_pixels_of_a_window_come_in_reading_order_with_their_values(tmp_path):
    write_raster(tmp_path / "a.tif", VALUES, GRID, bands=["a"])
    pixels = Pixels.within(Window(5, 3, 4, 2), GRID)
    expected = VALUES[3:5, 5:9].ravel()
    assert pixels.read(tmp_path / "a.tif").tolist() == pixels.of(VALUES).tolist() == expected.tolist()
    assert pixels.part(slice(1, 3)).of(VALUES).tolist() == expected[1:3].tolist()


def test_values_a_raster_declares_as_missing_are_nan_whatever_its_type(tmp_path):
    options = {"driver": "GTiff", "width": 30, "height": 20, "count": 1, "dtype": "int16", "nodata": -32768}
    heights = VALUES.astype(np.int16)
    heights[4, 4] = -32768
    with rasterio.open(tmp_path / "dem.tif", "w", crs=GRID.crs_wkt, transform=GRID.affine, **options) as target:
        target.write(heights, 1)
    pixels = Pixels(GRID, np.array([4, 19, 0]), np.array([4, 29, 0]))
    assert np.array_equal(pixels.read(tmp_path / "dem.tif"), [np.nan, 599, 0], equal_nan=True)


def test_a_raster_of_another_size_is_refused_even_where_it_would_reach(tmp_path):
    larger = Grid.from_map(40, 40, Affine(*GRID.transform), "EPSG:32650")
    write_raster(tmp_path / "dem.tif", np.zeros((40, 40), np.float32), larger, bands=["height"])
    with pytest.raises(InputError, match=r"dem.tif: found 40x40 px, expected 20x30 px"):
        Pixels.within(Window(0, 0, 3, 3), GRID).read(tmp_path / "dem.tif")


def test_longitude_and_latitude_are_those_of_the_pixels_centres():
    pixels = Pixels.where(np.ones(GRID.shape, bool), GRID)
    to_degrees = Transformer.from_crs("EPSG:32650", "EPSG:4326", always_xy=True)
    expected = to_degrees.transform(400_000 + 90 * (pixels.columns + 0.5), 4_200_000 - 90 * (pixels.rows + 0.5))
    np.testing.assert_allclose(pixels.longitude_latitude, expected, atol=1e-12)
    geographic = Grid.from_map(4, 3, Affine(0.1, 0, 10, 0, -0.1, 50), "EPSG:4326")
    longitude, latitude = Pixels.within(Window(3, 2, 1, 1), geographic).longitude_latitude
    np.testing.assert_allclose([longitude[0], latitude[0]], [10.35, 49.75])


def test_blocks_cover_every_pixel_once():
    covered = np.zeros((70, 33), int)
    for window in blocks(Grid(33, 70, None, None, (1.0, 1.0)), 16):
        covered[window.toslices()] += 1
    assert (covered == 1).all()


def test_results_come_in_order_and_few_are_in_hand():
    lock, running, most = threading.Lock(), [], []

    def work(number):
        with lock:
            running.append(number)
            most.append(len(running))
        return number**2

    results = []
    for value in in_order(work, range(50), 3):
        with lock:
            running.pop(0)
        results.append(value)
    assert results == [n**2 for n in range(50)]
    assert max(most) <= 5


def test_an_error_in_a_thread_arrives():
    def fail(number):
        if number == 2:
            raise InputError("x.tif: broken")
        return number

    with pytest.raises(InputError, match="broken"):
        list(in_order(fail, range(5), 2))

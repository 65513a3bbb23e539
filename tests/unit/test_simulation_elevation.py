"""Crops of elevation models against the planes they are cut from."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.simulation.elevation import ElevationModel, check
from basinwatch.simulation.geometry import Spacing

TILE = Spacing(20.0, 20.0)


def write(path, heights, step, crs="EPSG:32634", nodata=None, north=5_600_000.0, west=300_000.0):
    options = {"driver": "GTiff", "count": 1, "dtype": heights.dtype, "height": heights.shape[0]}
    options |= {"width": heights.shape[1], "crs": crs, "transform": Affine(step, 0, west, 0, -step, north)}
    with rasterio.open(path, "w", nodata=nodata, **options) as target:
        target.write(heights, 1)
    return path


def plane(rows, columns, south, east):
    r, c = np.mgrid[:rows, :columns] + 0.5
    return (100 + south * r + east * c).astype(np.float32)


@pytest.fixture
def model(tmp_path):
    """120 x 150 pixels of 50 m that fall 2 m per pixel southwards and rise 3 m per pixel eastwards."""
    return ElevationModel.open(write(tmp_path / "dem.tif", plane(120, 150, -2, 3), 50.0))


@pytest.mark.parametrize("place", [(0.3, 0.6), (0.5, 0.5), (0.123, 0.987)])
def test_a_crop_has_the_slopes_and_heights_of_its_place(model, place):
    heights = model.crop((100, 140), TILE, *place)
    row0, column0 = place[0] * (120 * 50 - 2000), place[1] * (150 * 50 - 2800)
    y, x = np.mgrid[:100, :140] * 20.0 + 10
    expected = 100 - 2 * (row0 + y) / 50 + 3 * (column0 + x) / 50
    assert heights.dtype == np.float32
    np.testing.assert_allclose(heights[3:-3, 3:-3], expected[3:-3, 3:-3], atol=0.02)


def test_rectangular_pixels_are_spaced_in_metres(model):
    heights = model.crop((60, 90), Spacing(40.0, 25.0), 0.5, 0.5)
    assert np.diff(heights[5:-5], axis=0).mean() == pytest.approx(-2 * 40 / 50, rel=1e-3)
    assert np.diff(heights[:, 5:-5], axis=1).mean() == pytest.approx(3 * 25 / 50, rel=1e-3)


def test_a_finer_model_is_averaged_not_skipped(tmp_path):
    noise = np.random.default_rng(4).normal(0, 10, (400, 400)).astype(np.float32)
    fine = ElevationModel.open(write(tmp_path / "fine.tif", noise, 5.0))
    assert fine.crop((60, 60), Spacing(30.0, 30.0), 0.5, 0.5).std() < 3


def test_degrees_become_metres_at_the_models_latitude(tmp_path):
    step = 1 / 3600
    heights = plane(600, 800, -2, 3)
    model = ElevationModel.open(write(tmp_path / "dem.tif", heights, step, "EPSG:4326", north=50.2, west=18.0))
    metres = 111_320 * step
    crop = model.crop((200, 200), Spacing(30.0, 30.0), 0.2, 0.2)
    assert np.diff(crop[5:-5], axis=0).mean() == pytest.approx(-2 * 30 / metres, rel=1e-3)
    assert np.diff(crop[:, 5:-5], axis=1).mean() == pytest.approx(
        3 * 30 / (metres * np.cos(np.radians(50.2 - 300 * step))), rel=1e-3
    )


def test_corner_places_stay_inside(model):
    lowest, highest = model.crop((200, 200), TILE, 1.0, 0.0), model.crop((200, 200), TILE, 0.0, 1.0)
    assert lowest.min() == lowest[-1, 0] == pytest.approx(100 - 2 * 119.5 + 3 * 0.5)
    assert highest.max() == highest[0, -1] == pytest.approx(100 - 2 * 0.5 + 3 * 149.5)


def test_gaps_take_the_nearest_height(tmp_path):
    heights = plane(100, 100, -2, 3)
    heights[40:60, 40:60] = -32768
    model = ElevationModel.open(write(tmp_path / "dem.tif", heights, 50.0, nodata=-32768))
    crop = model.crop((150, 150), TILE, 0.5, 0.5)
    assert np.isfinite(crop).all()
    assert crop.min() > -200


def test_a_place_without_heights_is_at_sea_level(tmp_path):
    model = ElevationModel.open(write(tmp_path / "dem.tif", np.full((100, 100), -9999, np.int16), 50.0, nodata=-9999))
    np.testing.assert_array_equal(model.crop((50, 50), TILE, 0.5, 0.5), 0)


def test_a_model_smaller_than_the_tile_is_refused_before_any_job(tmp_path):
    path = write(tmp_path / "dem.tif", plane(120, 150, 0, 0), 50.0)
    with pytest.raises(InputError, match=r"dem\.tif: found 6\.0 x 7\.5 km, expected at least 8\.0 x 8\.0 km"):
        check(path, 8000.0)
    check(path, 6000.0)
    with pytest.raises(InputError, match=r"expected at least 2\.0 x 8\.0 km"):
        ElevationModel.open(path).crop((100, 400), TILE, 0.0, 0.0)


def test_a_raster_off_the_map_or_no_raster_is_refused(tmp_path):
    path = write(tmp_path / "dem.tif", plane(120, 150, 0, 0), 50.0, crs=None)
    with pytest.raises(InputError, match="no coordinate reference system"):
        ElevationModel.open(path)
    with pytest.raises(InputError, match="cannot be read as a raster"):
        check(tmp_path / "absent.tif", 1000.0)

"""From a rate map to what a detector learns from and what its answer is described by."""

import geopandas as gpd
import numpy as np
import pytest
from basinwatch.anomalies.outlines import COLUMNS, SLOPE_BANDS, describe_anomalies
from basinwatch.anomalies.pictures import BAND, FULL_SCALE_MM_YR, rate_share
from basinwatch.anomalies.tiles import cut_samples, sample_tiles, six_views
from basinwatch.datasets.tiles import Label, LabelledTile, ShardSet, read_shard
from basinwatch.encoding import encode
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import write_raster
from basinwatch.training.augmentation import augment_batch
from basinwatch.training.recipes import read_recipe, training_settings
from basinwatch.vectors import burn, write_geopackage
from rasterio import Affine
from shapely.geometry import box

from tests.conftest import ROOT

SHAPE = (60, 80)
GRID = Grid.from_map(80, 60, Affine(20, 0, 500_000, 0, -20, 5_000_000), "EPSG:32634")


def place(row: int, column: int, rows: int, columns: int):
    """Outline of a block of pixels."""
    west, north = GRID.affine @ (column, row)
    return box(west, north - 20 * rows, west + 20 * columns, north)


SAMPLES = gpd.GeoDataFrame(geometry=[place(5, 6, 4, 5), place(40, 60, 8, 6)], crs=GRID.crs_wkt)


@pytest.mark.parametrize(("rate", "grey"), [(0, 0), (30, 0.5), (-30, 0.5), (60, 1), (-600, 1), (np.nan, 0)])
def test_grey_is_the_absolute_rate_as_a_share_of_full_scale(rate, grey):
    share = rate_share(np.full((2, 3), float(rate)))
    channels = encode(share, None, "abs_rate")
    assert channels.shape == (1, 2, 3)
    assert channels.dtype == np.float32
    assert np.allclose(channels, grey)
    assert FULL_SCALE_MM_YR == 60


def test_there_are_six_views_all_different_and_their_labels_move_along():
    picture = np.arange(16, dtype=np.float32).reshape(4, 4)
    mask = picture == 1
    views = list(six_views(LabelledTile(0, picture, None, [Label(mask)], "a"), first_id=12))
    assert [view.tile_id for view in views] == list(range(12, 18))
    assert len({view.phase.tobytes() for view in views}) == 6
    assert all(view.phase[view.labels[0].mask].tolist() == [1] for view in views)
    expected = [picture, np.rot90(picture), picture[::-1, ::-1], np.rot90(picture, 3), picture[:, ::-1], picture[::-1]]
    assert all(np.array_equal(view.phase, wanted) for view, wanted in zip(views, expected, strict=True))


def test_a_tile_lies_around_its_sample_and_shows_all_samples_in_it():
    values = np.where(burn(SAMPLES.geometry, GRID), 0.5, 0.1).astype(np.float32)
    tiles = list(sample_tiles(values, SAMPLES, GRID, 32, "valley"))
    assert len(tiles) == 12
    first, second = tiles[0], tiles[6]
    # The first is shifted inside the map at its corner; the second lies about its sample.
    assert np.array_equal(first.phase, values[:32, :32])
    assert np.array_equal(second.phase, values[28:60, 47:79])
    assert [len(tile.labels) for tile in tiles] == [1] * 12
    assert all(np.array_equal(tile.phase > 0.3, tile.labels[0].mask) for tile in tiles)
    assert {tile.group for tile in tiles} == {"valley"}
    assert [len(tile.labels) for tile in sample_tiles(values, SAMPLES, GRID, 80, "valley")] == [2] * 12


def test_a_map_smaller_than_a_tile_is_padded_without_data():
    tile = next(sample_tiles(np.ones(SHAPE, np.float32), SAMPLES, GRID, 100, "valley"))
    assert tile.phase.shape == (100, 100)
    assert np.isnan(tile.phase).sum() == 100 * 100 - 60 * 80


def test_the_shard_is_one_the_trainer_reads_with_rates_to_a_thousandth(tmp_path):
    rate = np.where(burn(SAMPLES.geometry, GRID), -42.0, 3.0)
    write_raster(tmp_path / "picture.tif", rate_share(rate), GRID, bands=[BAND])
    write_geopackage(tmp_path / "samples.gpkg", {"samples": SAMPLES})
    files = tmp_path / "tiles.safetensors", tmp_path / "tiles.json"
    assert cut_samples(tmp_path / "picture.tif", tmp_path / "samples.gpkg", 32, "valley", *files) == 12
    shard = read_shard(*files)
    assert len(shard) == 12
    assert shard.coco["info"]["views"] == 6
    assert ShardSet([shard]).content == "rates"
    picture, coherence, target = ShardSet([shard]).batch([0])
    assert np.isnan(coherence).all()
    assert np.allclose(picture[target > 0], -0.7, atol=1e-4)
    assert np.allclose(picture[target == 0], 0.05, atol=1e-4)


def test_no_sample_makes_no_tiles_and_says_what_to_do(tmp_path):
    write_raster(tmp_path / "picture.tif", np.zeros(SHAPE, np.float32), GRID, bands=[BAND])
    write_geopackage(tmp_path / "samples.gpkg", {"samples": SAMPLES.iloc[:0]})
    with pytest.raises(InputError, match="found no sample to cut tiles around, expected some; loosen the rules"):
        cut_samples(tmp_path / "picture.tif", tmp_path / "samples.gpkg", 32, "valley", tmp_path / "a", tmp_path / "b")


def test_anomalies_are_described_by_the_rates_and_the_terrain_inside(tmp_path):
    rate, slope, aspect = np.zeros(SHAPE), np.full(SHAPE, 20.0), np.full(SHAPE, 355.0)
    inside = burn([SAMPLES.geometry[1]], GRID)
    rate[inside] = -30
    rate[40, 60:63] = 10, -90, np.nan
    aspect[inside] = np.where(np.arange(inside.sum()) % 2, 355, 15)
    write_raster(tmp_path / "slope.tif", np.stack([rate, slope, aspect]), GRID, bands=SLOPE_BANDS)
    found = describe_anomalies(SAMPLES.assign(area_m2=SAMPLES.area, score=[0.4, 0.8]), tmp_path / "slope.tif", GRID)
    assert found["anomaly"].tolist() == ["a1", "a2"]
    assert list(found.columns) == [*COLUMNS, "geometry"]
    largest = found.iloc[0]
    assert (largest["score"], largest["area_m2"], largest["extreme_mm_yr"]) == (0.8, 48 * 400, -90)
    assert largest["mean_mm_yr"] == pytest.approx((45 * -30 + 10 - 90) / 47)
    assert largest["measured_share"] == pytest.approx(47 / 48)
    assert largest["slope_deg"] == 20
    assert largest["aspect_deg"] == pytest.approx(5)


def test_an_area_without_anomalies_has_an_empty_table(tmp_path):
    write_raster(tmp_path / "slope.tif", np.zeros((3, *SHAPE)), GRID, bands=SLOPE_BANDS)
    found = describe_anomalies(SAMPLES.assign(area_m2=1.0).iloc[:0], tmp_path / "slope.tif", GRID)
    assert found.empty
    assert list(found.columns) == [*COLUMNS, "geometry"]


def test_the_preset_for_rates_is_the_published_recipe_and_turns_nothing_that_is_turned_already():
    recipe = read_recipe(ROOT / "resources/presets/insarnet-rates.yaml", {})
    made = training_settings(recipe, "rates", 316 * 6, (20.0, 20.0))
    assert (made.steps, made.batch_size, made.schedule.every_steps) == (7110, 8, 2370)
    assert made.options == {"backbone": "rednet50", "roi_pool": "deform", "encoding": "abs_rate"}
    tile = np.random.default_rng(1).uniform(-1, 1, (1, 8, 8)).astype(np.float32)
    known, target = np.full_like(tile, np.nan), np.zeros(tile.shape, np.uint8)
    changed, _, _ = augment_batch((tile, known, target), made.augmentation, 1)
    assert np.allclose(changed, tile, atol=1e-6)

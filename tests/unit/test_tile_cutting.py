"""Training tiles cut from labelled interferograms."""

import json
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from basinwatch.datasets.cutting import LabelledScene, cut_scene, cut_shard
from basinwatch.datasets.tiles import encode_rle, read_shard
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import Interferogram, write_interferogram
from basinwatch.tiling import TileTable
from shapely.geometry import LineString, Point, Polygon, box

ORIGIN = (5e5, 4e6)


def square(row, column, side):
    """A square of whole pixels as (pixel mask bounds, map polygon)."""
    left, top = ORIGIN[0] + 20 * column, ORIGIN[1] - 20 * row
    return box(left, top - 20 * side, left + 20 * side, top)


@pytest.fixture
def scene(tmp_path):
    """A 100 × 150 px pair with the pixel number in the coherence, two basins and an ignored place."""
    random = np.random.default_rng(0)
    phase = random.uniform(-3, 3, (100, 150)).astype(np.float32)
    phase[64:, :64] = np.nan
    coherence = random.random((100, 150), dtype=np.float32)
    grid = Grid.from_map(150, 100, Affine(20, 0, ORIGIN[0], 0, -20, ORIGIN[1]), "EPSG:32650")
    pair = Interferogram(phase, coherence, grid, date(2024, 1, 1), date(2024, 1, 13))
    write_interferogram(pair, tmp_path / "phase.tif", tmp_path / "coherence.tif", tmp_path / "meta.json")
    frame = gpd.GeoDataFrame(
        {"ignore": [False, False, True]},
        geometry=[square(60, 60, 10), square(10, 20, 7), square(5, 100, 30)],
        crs="EPSG:32650",
    )
    frame.to_file(tmp_path / "labels.gpkg")
    names = (tmp_path / "phase.tif", tmp_path / "coherence.tif", tmp_path / "labels.gpkg")
    return LabelledScene(*names, "mine"), phase, coherence


def painted(rows, columns, shape=(100, 150)):
    mask = np.zeros(shape, bool)
    mask[rows[0] : rows[1], columns[0] : columns[1]] = True
    return mask


TRUTH = [painted((60, 70), (60, 70)), painted((10, 17), (20, 27)), painted((5, 35), (100, 130))]


def test_tiles_hold_the_pixels_and_labels_of_their_window(scene):
    files, phase, coherence = scene
    windows = [(r, c) for r in (0, 36) for c in (0, 48, 86)]
    tiles = list(cut_scene(files, 64, 48))
    assert len(tiles) == len(windows)
    for number, (tile, (row, column)) in enumerate(zip(tiles, windows, strict=True)):
        view = slice(row, row + 64), slice(column, column + 64)
        assert (tile.tile_id, tile.group) == (number, "mine")
        np.testing.assert_allclose(tile.phase, phase[view], atol=1.1e-3)
        np.testing.assert_allclose(tile.coherence, coherence[view], atol=0.5 / 254 + 1e-6)
        expected = [mask[view] for mask in TRUTH if mask[view].any()]
        assert len(tile.labels) == len(expected)
        for label, mask in zip(tile.labels, expected, strict=True):
            np.testing.assert_array_equal(label.mask, mask)
        assert sum(label.ignore for label in tile.labels) == TRUTH[2][view].any()


def test_tiles_without_any_phase_are_left_out(scene):
    files, _, _ = scene
    assert len(list(cut_scene(files, 32, 32))) == 4 * 5 - 2 * 2


def test_a_raster_smaller_than_a_tile_is_padded_with_no_data(scene):
    files, phase, _ = scene
    (tile,) = cut_scene(files, 160, 160)
    assert tile.phase.shape == (160, 160)
    assert np.isnan(tile.phase[100:]).all()
    assert np.isnan(tile.phase[:, 150:]).all()
    np.testing.assert_allclose(tile.phase[:100, :150], phase, atol=1.1e-3)
    np.testing.assert_array_equal(tile.labels[0].mask[:100, :150], TRUTH[0])


def test_labels_in_another_coordinate_system_land_in_place(scene, tmp_path):
    files, _, _ = scene
    gpd.read_file(files.labels).to_crs("EPSG:4326").to_file(tmp_path / "labels.geojson")
    other = LabelledScene(files.phase, files.coherence, tmp_path / "labels.geojson", "mine")
    (tile,) = cut_scene(other, 160, 160)
    for label, mask in zip(tile.labels, TRUTH, strict=True):
        np.testing.assert_array_equal(label.mask[:100, :150], mask)


def test_coco_polygons_and_run_lengths_give_the_same_masks(scene, tmp_path):
    files, _, _ = scene
    corners = [20, 10, 27, 10, 27, 17, 20, 17]
    annotations = [
        {"segmentation": {"size": [100, 150], "counts": encode_rle(TRUTH[0])}},
        {"segmentation": [corners], "iscrowd": 0},
        {"segmentation": {"size": [100, 150], "counts": encode_rle(TRUTH[2])}, "iscrowd": 1},
    ]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"images": [{"id": 1}], "annotations": annotations}))
    (tile,) = cut_scene(LabelledScene(files.phase, None, path, "mine"), 160, 160)
    assert tile.coherence is None
    assert [label.ignore for label in tile.labels] == [False, False, True]
    for label, mask in zip(tile.labels, TRUTH, strict=True):
        np.testing.assert_array_equal(label.mask[:100, :150], mask)


def test_a_scene_becomes_one_shard_of_numbered_tiles(scene, tmp_path):
    files, phase, _ = scene
    names = tmp_path / "shard.safetensors", tmp_path / "shard.json"
    assert cut_shard(files, TileTable.over(phase.shape, 64, 0.25), *names) == 6
    tiles = [read_shard(*names).tile(i) for i in range(6)]
    assert [tile.tile_id for tile in tiles] == list(range(6))
    assert {tile.group for tile in tiles} == {"mine"}
    np.testing.assert_allclose(tiles[5].phase, phase[36:, 86:], atol=1.2e-3)
    assert tiles[0].labels[0].mask.sum() == 16


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("line", "found LineString, expected polygons"),
        ("elsewhere", "no polygon within the scene"),
        ("garbage", "cannot be read as JSON"),
        ("two images", "lists 2 images, expected 1"),
        ("compressed", "compressed run lengths"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_in_one_sentence(scene, tmp_path, content, complaint):
    files, _, _ = scene
    path = tmp_path / ("bad.gpkg" if content in ("line", "elsewhere") else "bad.json")
    coco = {"images": [{"id": 1}], "annotations": [{"segmentation": {"size": [9, 9], "counts": "abc"}}]}
    if content == "line":
        gpd.GeoDataFrame(geometry=[LineString([ORIGIN, (5.01e5, 4e6)])], crs="EPSG:32650").to_file(path)
    elif content == "elsewhere":
        gpd.GeoDataFrame(geometry=[Point(0, 0).buffer(50)], crs="EPSG:32650").to_file(path)
    elif content == "garbage":
        path.write_text("{")
    else:
        path.write_text(json.dumps(coco | ({"images": [{}, {}]} if content == "two images" else {})))
    with pytest.raises(InputError, match=complaint) as caught:
        list(cut_scene(LabelledScene(files.phase, files.coherence, path, "mine"), 64, 64))
    assert str(path) in str(caught.value)


def test_a_scene_without_basins_gives_tiles_without_labels(scene, tmp_path):
    files, _, _ = scene
    empty = gpd.GeoDataFrame({"ignore": []}, geometry=gpd.GeoSeries([], dtype="geometry"), crs="EPSG:32650")
    empty.to_parquet(tmp_path / "none.parquet")
    tiles = list(cut_scene(LabelledScene(files.phase, None, tmp_path / "none.parquet", "mine"), 64, 64))
    assert len(tiles) == 6
    assert not any(tile.labels for tile in tiles)


def test_a_polygon_in_pixel_coordinates_serves_radar_geometry(tmp_path):
    grid = Grid(80, 70, None, None, (5.0, 14.0))
    pair = Interferogram(np.zeros((70, 80), np.float32), None, grid, date(2024, 1, 1), date(2024, 1, 13))
    write_interferogram(pair, tmp_path / "phase.tif", tmp_path / "coherence.tif", tmp_path / "meta.json")
    outline = Polygon([(30, 20), (40, 20), (40, 25), (30, 25)])
    gpd.GeoDataFrame(geometry=[outline]).to_parquet(tmp_path / "labels.parquet")
    scene = LabelledScene(tmp_path / "phase.tif", tmp_path / "coherence.tif", tmp_path / "labels.parquet", "radar")
    tiles = list(cut_scene(scene, 80, 80))
    assert tiles[0].coherence is None
    np.testing.assert_array_equal(tiles[0].labels[0].mask[:70], painted((20, 25), (30, 40), (70, 80)))

"""Labelled pictures of a user made into shards."""

import json

import numpy as np
import pytest
from basinwatch.datasets.importing import Collection, import_shard
from basinwatch.datasets.tiles import read_shard
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import write_raster
from pyproj import CRS

HEIGHT, WIDTH = 40, 70


@pytest.fixture
def folder(tmp_path):
    """Two pictures of wrapped phase as rasters."""
    (tmp_path / "images").mkdir()
    grid = Grid(
        WIDTH, HEIGHT, (30.0, 0.0, 350_000.0, 0.0, -30.0, 5_560_000.0), CRS.from_epsg(32634).to_wkt(), (30.0, 30.0)
    )
    for number in (1, 2):
        phase = np.random.default_rng(number).uniform(-3, 3, (HEIGHT, WIDTH)).astype(np.float32)
        write_raster(tmp_path / "images" / f"{number}.tif", phase, grid, bands=["phase"])
    return tmp_path


def coco(folder, segmentation, file_name="1.tif", **others):
    """COCO labels: one basin in the first picture, none in the second."""
    path = folder / "labels.json"
    annotation = {"id": 7, "image_id": 1, "category_id": 1, "segmentation": segmentation} | others
    images = [{"id": 1, "file_name": file_name}, {"id": 2, "file_name": "2.tif"}]
    path.write_text(json.dumps({"images": images, "annotations": [annotation]}))
    return path


def tiles(folder, labels, size=32):
    """Import and read again."""
    paths = folder / "s.safetensors", folder / "s.json"
    count = import_shard(Collection("mine", folder / "images", labels, "geotiff", 20.0), size, *paths)
    shard = read_shard(*paths)
    assert len(shard) == count
    return [shard.tile(index) for index in range(count)]


def test_a_polygon_across_two_tiles_is_cut_and_empty_pictures_stay(folder):
    found = tiles(folder, coco(folder, [[20, 4, 44, 4, 44, 12, 20, 12]]))
    assert len(found) == 12
    assert {(tile.group, tile.pixel_area_m2, tile.phase.shape) for tile in found} == {("mine", 400.0, (32, 32))}
    sizes = [[int(label.mask.sum()) for label in tile.labels] for tile in found]
    assert sizes[:2] == [[12 * 8], [12 * 8]]
    assert sizes[6:] == [[]] * 6


def test_run_lengths_and_crowds_are_understood(folder):
    counts = [HEIGHT * 10, HEIGHT * 5, HEIGHT * (WIDTH - 15)]
    found = tiles(folder, coco(folder, {"size": [HEIGHT, WIDTH], "counts": counts}, iscrowd=1), size=80)
    (label,) = found[0].labels
    assert label.ignore
    assert label.mask[:HEIGHT, 10:15].all()
    assert label.mask.sum() == HEIGHT * 5
    assert np.isnan(found[0].phase[HEIGHT:]).all()
    assert np.isfinite(found[0].phase[:HEIGHT, :WIDTH]).all()


@pytest.mark.parametrize(
    ("segmentation", "others", "sentence"),
    [
        ([[200, 4, 220, 4, 220, 12]], {}, r"annotation 7 lies outside 1\.tif \(70 x 40 px\)"),
        ({"size": [40, 70], "counts": "abc"}, {}, "compressed run lengths"),
        ([[20, 4, 44, 4, 44, 12]], {"file_name": "../s.tif"}, r"names '\.\./s\.tif', expected a file in"),
    ],
)
def test_labels_that_do_not_fit_their_pictures_are_refused(folder, segmentation, others, sentence):
    with pytest.raises(InputError, match=sentence):
        tiles(folder, coco(folder, segmentation, **others))


def test_a_file_without_coco_labels_is_refused(folder):
    (folder / "labels.json").write_text("{}")
    with pytest.raises(InputError, match="found no images and annotations"):
        tiles(folder, folder / "labels.json")


def test_label_rasters_of_the_real_tiles_come_in_whole(data, tmp_path):
    real = data / "mining_tiles"
    paths = tmp_path / "s.safetensors", tmp_path / "s.json"
    count = import_shard(Collection("real", real / "image", real / "label"), 256, *paths)
    shard = read_shard(*paths)
    assert count >= 15
    assert all(shard.tile(index).labels for index in range(count))

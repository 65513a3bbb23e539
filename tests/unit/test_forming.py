"""From what a search wrote to basins."""

import numpy as np
import pytest
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.inference.forming import form_basins, instance_settings
from basinwatch.inference.instances import InstanceSettings, find_instances
from basinwatch.inference.placed_objects import PlacedObject, write_objects
from basinwatch.rasters import SHARE_TAGS, decode_share, encode_share, write_raster
from basinwatch.tiling import Tile
from basinwatch.vectors import polygons_of

from tests.unit.frames import disc

SPEC = {"name": "test", "threshold": 0.5, "min_area_px": 12}
MAP = Grid.from_map(60, 60, Affine(20, 0, 5e5, 0, -20, 4e6), "EPSG:32650")
RADAR = Grid(60, 60, None, None, (5.0, 14.0))


def formed(folder, maps, grid, settings=None, objects=(), kind="semantic", merging="windows"):
    """Basins of stored maps."""
    maps = maps if maps.ndim == 3 else maps[None]
    bands = ["basin_probability", "core_probability"][: len(maps)]
    write_raster(folder / "p.tif", encode_share(maps), grid, bands=bands, tags=SHARE_TAGS | {"KIND": kind})
    write_objects(folder / "o.parquet", objects)
    return form_basins(folder / "p.tif", folder / "o.parquet", None, grid, settings or InstanceSettings(), merging)


def test_basins_at_the_border_of_the_data_are_marked(tmp_path):
    probability = np.full((60, 60), 0.1, np.float32)
    probability[10:16, 0:6] = probability[30:36, 20:26] = probability[50:56, 30:36] = 0.9
    probability[36, 26] = np.nan
    table = formed(tmp_path, probability, RADAR)
    assert table.touches_edge.tolist() == [True, True, False]
    assert table.area_m2.tolist() == [36 * 70] * 3
    assert table.mean_coherence.isna().all()
    assert table.crs is None
    assert table.geometry[2].bounds == (30, 50, 36, 56)


def test_basins_formed_piece_by_piece_equal_those_of_the_whole_map(tmp_path):
    """Random fields over more than one strip of the raster, with cores that divide regions."""
    random = np.random.default_rng(5)
    maps = np.stack([np.kron(random.random((90, 20)), np.ones((8, 8))) for _ in range(2)]).astype(np.float32)
    maps[:, random.random(maps.shape[1:]) < 0.02] = np.nan
    grid = Grid.from_map(160, 720, Affine(20, 0, 5e5, 0, -20, 4e6), "EPSG:32650")
    settings = InstanceSettings(0.6, 0.9, 100, 0.8)
    stored = decode_share(encode_share(maps))
    whole = find_instances(stored, settings)
    table = formed(tmp_path, maps, grid, settings)
    assert len(table) == len(whole) > 20
    expected = {
        shape.wkt: values
        for shape, *values in zip(polygons_of(whole.labels, grid), whole.score, whole.peak, strict=True)
    }
    found = {shape.normalize().wkt for shape in table.geometry}
    assert {shape.normalize().wkt for shape in polygons_of(whole.labels, grid)} == found
    assert sorted(table.score) == pytest.approx(sorted(score for score, _ in expected.values()))


def test_other_thresholds_form_other_basins_from_the_same_search(tmp_path):
    probability = np.full((60, 60), 0.1, np.float32)
    probability[10:20, 10:20], probability[40:50, 40:50] = 0.6, 0.95
    for wanted, count in [({}, 2), ({"peak_threshold": 0.9}, 1), ({"min_area_px": 101}, 0), ({"threshold": 0.05}, 1)]:
        assert len(formed(tmp_path, probability, MAP, instance_settings(SPEC, wanted))) == count
    with pytest.raises(InputError, match="outline <= peak"):
        instance_settings(SPEC, {"threshold": 0.8, "peak_threshold": 0.5})


def test_what_is_not_wanted_otherwise_is_the_models(tmp_path):
    spec = SPEC | {"peak_threshold": 0.9, "core_threshold": 0.7}
    none = dict.fromkeys(("threshold", "peak_threshold", "min_area_px"))
    assert instance_settings(spec, none) == InstanceSettings(0.5, 0.9, 12, 0.7)
    assert instance_settings(spec, {"threshold": 0.95}) == InstanceSettings(0.95, 0.95, 12, 0.7)


def test_regions_too_large_for_basins_are_left_out_and_said(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("basinwatch.inference.forming.LARGEST_BOX_PX", 400)
    probability = np.full((60, 60), 0.1, np.float32)
    probability[10:20, 10:20], probability[40:50, 10:55] = 0.9, 0.95
    assert formed(tmp_path, probability, MAP).area_m2.tolist() == [100 * 400]
    assert "1 regions are too large" in caplog.text


def test_objects_become_basins_with_their_score_and_outline(tmp_path):
    inside = disc((21, 21), 10, 10, 10)
    window = Tile(0, 0, 60)
    objects = [
        PlacedObject(window, (0.0, 5.0, 21.0, 26.0), 0.8, inside),
        PlacedObject(window, (30.5, 40.25, 45.0, 50.0), 0.9, np.ones((10, 15), bool), has_outline=False),
        PlacedObject(window, (50.0, 5.0, 58.0, 13.0), 0.3, np.ones((8, 8), bool)),
    ]
    table = formed(tmp_path, np.zeros((60, 60), np.float32), MAP, objects=objects, kind="instance")
    assert table.score.tolist() == [0.9, 0.8]
    assert table.touches_edge.tolist() == [False, True]
    assert table.geometry[0].bounds == (5e5 + 30.5 * 20, 4e6 - 1000, 5e5 + 900, 4e6 - 40.25 * 20)
    assert table.geometry[1].area == pytest.approx(inside.sum() * 400)


@pytest.mark.parametrize(
    ("merging", "scores"), [("windows", [0.9, 0.8]), ("nms", [0.9, 0.8, 0.7]), ("nmm", [0.9, 0.7])]
)
def test_objects_are_merged_by_the_rule_that_is_asked_for(tmp_path, merging, scores):
    """The third is the cut view of one of the others: little of their boxes, but all of what both windows see."""
    whole = PlacedObject(Tile(0, 0, 48), (10.0, 10.0, 40.0, 30.0), 0.8, np.ones((20, 30), bool))
    part = PlacedObject(Tile(0, 0, 48), (28.0, 10.0, 40.0, 30.0), 0.9, np.ones((20, 12), bool))
    other = PlacedObject(Tile(0, 30, 30), (30.0, 10.0, 58.0, 30.0), 0.7, np.ones((20, 28), bool))
    maps, objects = np.zeros((60, 60), np.float32), [whole, part, other]
    table = formed(tmp_path, maps, MAP, objects=objects, kind="instance", merging=merging)
    assert table.score.tolist() == scores

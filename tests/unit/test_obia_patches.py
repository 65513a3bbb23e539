"""From segments to patches: scale, choice, area control, forming, activity, accuracy."""

import itertools
import json
import logging
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.obia import area_control, choice
from basinwatch.obia.accuracy import (
    AccuracySettings,
    ObjectAccuracy,
    assess,
    compare_objects,
    confusion_scores,
    pixel_accuracy,
)
from basinwatch.obia.activity import ActivitySettings, RateAround, add_activity, classify, moving_ground
from basinwatch.obia.area_control import Overlaps, control_share
from basinwatch.obia.other_ground import read_other_ground
from basinwatch.obia.patches import PatchSettings, form, outline
from basinwatch.obia.references import References, read_references
from basinwatch.obia.scale import Curve, esp2_scales, local_variance, variance_curve
from basinwatch.obia.segmentation import Criterion, array_reader, begin, segment
from basinwatch.provenance import write_json
from basinwatch.rasters import write_raster
from basinwatch.vectors import read_vectors, write_geopackage
from rate_patches import rate_patches
from shapely.geometry import box

GRID = Grid.from_map(60, 40, Affine(10, 0, 350_000, 0, -10, 5_560_000), "EPSG:32634")
SETTINGS = choice.ChoiceSettings(50, (0.1, 0.5), (0.2, 0.8), (10, 20, 30, 40, 50, 60))


def place(left: int, top: int, right: int, bottom: int) -> object:
    """Rectangle from pixel edges of `GRID`."""
    return box(350_000 + 10 * left, 5_560_000 - 10 * bottom, 350_000 + 10 * right, 5_560_000 - 10 * top)


def frame(*shapes: object, **columns: list[object]) -> gpd.GeoDataFrame:
    """Polygons on the grid's map."""
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=GRID.crs_wkt)


def fields() -> tuple[np.ndarray, np.ndarray]:
    """Squares of 20 px with different values and noise, and one of them as the reference."""
    rng = np.random.default_rng(3)
    values = np.kron([[20, 200, 90], [150, 60, 240]], np.ones((20, 20)))[None] + rng.normal(0, 4, (3, 40, 60))
    references = np.zeros((40, 60), np.int32)
    references[20:, 20:40] = 1
    return values, references


def test_local_variance_is_the_mean_of_unweighted_deviations() -> None:
    values = np.array([[[0.0, 2.0, 500.0]]])
    grown = segment(array_reader(values), (1, 3), Criterion(3, 0.0)).regions
    assert grown.pixels.tolist() == [2, 1]
    assert local_variance(grown) == pytest.approx((1.0 + 0.0) / 2)


def test_rate_of_change_and_its_peaks_are_those_of_the_curve() -> None:
    curve = Curve((10.0, 20.0, 30.0, 40.0, 50.0), (1.0, 1.1, 1.43, 1.5, 1.6))
    np.testing.assert_allclose(curve.rate_of_change()[1:], [10, 30, 100 * 0.07 / 1.43, 100 * 0.1 / 1.5])
    assert curve.peaks() == [30.0]


def test_esp2_stops_before_local_variance_stops_growing() -> None:
    values, _ = fields()
    first = Criterion(1.0, 0.1)
    begun = begin(array_reader(values), (40, 60), first)
    found = esp2_scales(begun, first, 150)
    assert found == sorted(found)
    assert len(found) >= 1
    steps = [float(scale) for scale in range(1, int(found[0]) + 2)]
    curve = variance_curve(begun, first, steps).local_variance
    assert all(after > before for before, after in itertools.pairwise(curve[:-1]))
    assert curve[-1] <= curve[-2]


def test_a_reference_is_covered_by_the_segments_mostly_inside() -> None:
    values, references = fields()
    segments = segment(array_reader(values), (40, 60), Criterion(50, 0.1))
    covered = choice.cover(segments, references)
    assert (covered.segments.tolist(), covered.area_px.tolist()) == ([1], [400])
    assert choice.area_difference(segments, references) == 0
    moved = np.roll(references, 11, axis=1)
    assert choice.cover(segments, moved).segments.tolist() == [1]
    assert choice.area_difference(segments, np.where(np.arange(60) < 25, references, 0)) == 100


def test_choice_takes_the_least_difference_and_the_fewest_segments() -> None:
    values, references = fields()
    found = choice.choose(array_reader(values), references, SETTINGS, threads=2)
    assert found.source == "chosen"
    assert len(found.grid) == 4
    least = min(difference for *_, difference in found.grid)
    shape, compactness = found.criterion.shape, found.criterion.compactness
    assert (shape, compactness, least) in found.grid
    best = min(found.candidates, key=lambda entry: (-entry[1], entry[2], entry[0]))
    assert found.criterion.scale == best[0]
    json.dumps(found.record())


def test_choice_without_references_falls_back_to_the_paper(caplog: pytest.LogCaptureFixture) -> None:
    found = choice.choose(array_reader(fields()[0]), np.zeros((40, 60), np.int32), SETTINGS)
    assert (found.criterion.scale, found.criterion.shape, found.criterion.compactness) == (79, 0.2, 0.5)
    assert found.source == "published"
    assert "no reference patch to learn from lies in the image" in caplog.text


def test_fixed_parameters_are_not_chosen() -> None:
    values, references = fields()
    part = replace(SETTINGS, fixed={"shape": 0.9, "scale": 33.0})
    found = choice.choose(array_reader(values), references, part)
    assert (found.source, found.criterion.shape, found.criterion.scale) == ("chosen", 0.9, 33.0)
    assert [shape for shape, *_ in found.grid] == [0.9, 0.9]
    every = replace(part, fixed=part.fixed | {"compactness": 0.4}, weights=(1.0, 2.0, 0.5))
    found = choice.choose(array_reader(values), references, every)
    assert (found.source, found.criterion) == ("given", Criterion(33.0, 0.9, 0.4, (1.0, 2.0, 0.5)))


def test_scales_that_cover_most_references_win() -> None:
    assert choice._best_scale([(20.0, 3, 4.0), (60.0, 3, 2.0), (90.0, 1, 1.0), (95.0, 3, 2.0)]) == 60.0


R_SHARES = [0.99, 0.02, 0.15, 0.07, 0.05, 0.12]


def test_area_control_keeps_r1_alone_as_in_the_papers_figure() -> None:
    areas = np.full(6, 1000.0)
    found = Overlaps(areas, areas * R_SHARES)
    assert control_share(found, 990.0) == pytest.approx(0.99)
    assert np.flatnonzero(found.share >= control_share(found, 990.0)).tolist() == [0]


@pytest.mark.parametrize(
    ("reference", "kept"), [(1140, [0, 2]), (1261, [0, 2, 5]), (1300, [0, 2, 3, 5]), (9e9, [*range(6)])]
)
def test_area_control_takes_regions_in_the_papers_order(reference: float, kept: list[int]) -> None:
    areas = np.full(6, 1000.0)
    found = Overlaps(areas, areas * R_SHARES)
    assert np.flatnonzero(found.share >= control_share(found, reference)).tolist() == kept


def test_area_control_counts_touching_segments_only_and_reports_recall() -> None:
    labels = np.repeat(np.array([[1, 2, 3, 4]], np.int32), 10, axis=1)
    extracted, references = np.zeros(labels.shape, bool), np.zeros(labels.shape, bool)
    extracted[0, :9], extracted[0, 30:35] = True, True
    references[0, :10] = True
    fitted = area_control.fit(labels, extracted, references)
    assert (fitted.share, fitted.found, fitted.recall) == (pytest.approx(0.9), pytest.approx(0.9), pytest.approx(0.9))
    assert np.unique(area_control.keep(labels, extracted, 0.5)).tolist() == [0, 1, 4]
    np.testing.assert_array_equal(area_control.keep(labels, extracted, 0.6), np.where(labels == 1, 1, 0))


def test_share_stays_within_limits_where_the_detector_misses_much() -> None:
    labels, references = np.array([[1] * 50 + [2] * 50], np.int32), np.ones((1, 100), bool)
    extracted = np.zeros((1, 100), bool)
    extracted[0, [0, 60]] = True
    fitted = area_control.fit(labels, extracted, references)
    assert (fitted.share, fitted.found, fitted.recall) == (0.05, 0.02, 0.02)


def test_whole_segments_reach_the_area_of_references_that_are_missed_in_part() -> None:
    found = Overlaps(np.full(3, 100.0), np.array([90.0, 88.0, 10.0]))
    assert control_share(found, 200) == pytest.approx(0.1)
    assert control_share(found, 200, area_control.SEGMENTS) == pytest.approx(0.88)


def test_without_references_the_published_share_is_taken() -> None:
    nothing = np.zeros((2, 2), bool)
    assert area_control.fit(np.ones((2, 2), np.int32), ~nothing, nothing).share == 0.215


def test_patches_touch_at_corners_and_lose_what_is_small_or_elsewhere() -> None:
    segments, excluded = np.zeros(GRID.shape, np.int32), np.zeros(GRID.shape, bool)
    segments[2:4, 2:4], segments[4:6, 4:6] = 1, 2
    segments[20, 20] = 3
    segments[30:35, 30:40], segments[30:35, 40:44] = 5, 6
    excluded[30:35, 30:36] = True
    found = form(segments, excluded, 100.0, PatchSettings(150.0, 0.5))
    assert (found.count, found.too_small, found.on_other_ground) == (2, 1, 1)
    table = outline(found, np.ones(GRID.shape, bool), GRID)
    assert table["id"].tolist() == ["p1", "p2"]
    assert table["area_m2"].tolist() == [800.0, 2000.0]
    assert table.geometry.area.tolist() == [800.0, 2000.0]
    kept = outline(form(segments, excluded, 100.0, PatchSettings(150.0, 0.6)), excluded, GRID)
    assert kept["area_m2"].tolist() == [800.0, 7000.0]
    assert form(segments, np.ones_like(excluded), 100.0, PatchSettings(0.0, 0.0)).count == 0


def test_no_patch_gives_an_empty_table_with_all_columns() -> None:
    nothing = np.zeros(GRID.shape, bool)
    table = outline(form(nothing.astype(np.int32), nothing, 100.0, PatchSettings()), nothing, GRID)
    full = add_activity(table, [], ActivitySettings())
    assert len(full) == 0
    assert {"id", "area_m2", "activity", "measured_share"} <= set(full.columns)


@pytest.mark.parametrize(
    ("moving", "share", "expected"),
    [
        ([1, 0, 0], 1.0, "positive"),
        ([-1, -1, 1], 1.0, "negative"),
        ([0, 0], 0.5, "none"),
        ([], 0.0, "decorrelated"),
        ([0] * 9, 0.2, "decorrelated"),
        ([-1], 0.0, "negative"),
        ([], np.nan, "unknown"),
    ],
)
def test_activity_follows_the_moving_ground_around(moving: list[int], share: float, expected: str) -> None:
    assert classify(np.array(moving), share, ActivitySettings()) == expected


def test_ground_moves_where_enough_fast_pixels_touch() -> None:
    rate = np.zeros((12, 12), np.float32)
    rate[0, :10], rate[4, :9], rate[8:10, 0:5], rate[11, 11] = 6, 6, -5.1, -900
    rate[6, :10] = 5
    rate[2, 0] = np.nan
    moving = moving_ground(rate, ActivitySettings())
    assert np.argwhere(moving > 0).tolist() == [[0, column] for column in range(10)]
    assert (moving[8:10, 0:5] == -1).all()
    assert np.count_nonzero(moving) == 20
    corners = np.where(np.eye(10, dtype=bool), 6, 0).astype(np.float32)
    assert np.count_nonzero(moving_ground(corners, ActivitySettings())) == 10


def test_noise_around_a_patch_is_no_activity_and_a_bowl_beside_it_is() -> None:
    noise = np.random.default_rng(0).normal(0, 2.5, GRID.shape).astype(np.float32)
    patches = frame(place(20, 10, 24, 14), id=["a"])
    assert (noise < -5).sum() > 20
    quiet = add_activity(patches, [RateAround(noise, np.ones(GRID.shape, bool), GRID)], ActivitySettings())
    assert quiet["activity"].tolist() == ["none"]
    assert quiet["moving_px"].tolist() == [0]
    rows, columns = np.mgrid[: GRID.height, : GRID.width]
    bowl = noise - 40 * np.exp(-((rows - 20) ** 2 + (columns - 30) ** 2) / 18).astype(np.float32)
    active = add_activity(patches, [RateAround(bowl, np.ones(GRID.shape, bool), GRID)], ActivitySettings())
    assert active["activity"].tolist() == ["negative"]
    assert active["rate_mm_yr"][0] < -10


def rate_map(crs: str | None = None) -> RateAround:
    """Rate map that sinks at its left edge and is not measured at its right one."""
    rate = np.zeros(GRID.shape, np.float32)
    rate[:, :10] = -20
    rate[:, 50:] = np.nan
    return RateAround(rate, np.ones(GRID.shape, bool), GRID)


@pytest.mark.parametrize(("geometry", "expected"), [("radar", "unknown"), ("map", "positive")])
def test_rates_in_radar_geometry_tell_nothing_of_patches_and_the_log_says_so(tmp_path, caplog, geometry, expected):
    grid = GRID if geometry == "map" else Grid(60, 40, None, None, (10.0, 10.0))
    write_json(tmp_path / "grid.json", grid.to_dict())
    write_raster(tmp_path / "rate.tif", np.full((1, *grid.shape), 20, np.float32), grid, bands=["rate_mm_yr"])
    bands = ["measured", "n_obs", "mean_coherence"]
    write_raster(tmp_path / "quality.tif", np.ones((3, *grid.shape), np.float32), grid, bands=bands)
    write_geopackage(tmp_path / "outlines.gpkg", {"patches": frame(place(10, 10, 20, 20), id=[1])})
    files = {"rate": ["rate.tif"], "quality": ["quality.tif"], "grids": ["grid.json"]}
    inputs = {role: [str(tmp_path / name) for name in names] for role, names in files.items()}
    with caplog.at_level(logging.WARNING):
        rate_patches(tmp_path / "outlines.gpkg", inputs, ActivitySettings(), tmp_path / "patches.gpkg")
    assert read_vectors(tmp_path / "patches.gpkg", "patches")["activity"].tolist() == [expected]
    assert ("radar geometry" in caplog.text) == (geometry == "radar")


def test_activity_looks_no_farther_than_its_radius() -> None:
    patches = frame(place(20, 10, 24, 14), place(52, 10, 56, 14), place(500, 10, 504, 14), id=["a", "b", "c"])
    near = add_activity(patches, [rate_map()], ActivitySettings(radius_m=120))
    assert near["activity"].tolist() == ["negative", "decorrelated", "unknown"]
    assert near["rate_mm_yr"][0] == -20
    assert near["measured_share"][:2].tolist() == [1.0, 0.0]
    far = add_activity(patches, [rate_map()], ActivitySettings(radius_m=80))
    assert far["activity"].tolist()[0] == "none"
    assert far["moving_px"].tolist()[0] == 0


def test_patches_in_degrees_are_buffered_in_metres() -> None:
    patches = frame(place(20, 10, 24, 14), id=["a"]).to_crs("EPSG:4326")
    assert add_activity(patches, [rate_map()], ActivitySettings(radius_m=120))["activity"].tolist() == ["negative"]
    assert add_activity(patches, [rate_map()], ActivitySettings(radius_m=80))["activity"].tolist() == ["none"]


def test_paper_table_two_is_reproduced() -> None:
    found = confusion_scores(np.array([[332_941, 1_971], [1_015, 3_985]]))
    assert found["users_accuracy"] == pytest.approx(0.669, abs=5e-4)
    assert found["producers_accuracy"] == pytest.approx(0.797, abs=5e-4)
    assert found["f1"] == pytest.approx(0.727, abs=5e-4)
    assert found["kappa"] == pytest.approx(0.723, abs=5e-4)
    assert found["overall_accuracy"] == pytest.approx(0.9912, abs=5e-5)


def test_objects_are_compared_by_total_areas_of_what_hangs_together() -> None:
    patches, references = np.zeros((20, 40), np.int32), np.zeros((20, 40), np.int32)
    references[0:4, 0:10], references[6:10, 0:10], references[0:10, 20:30], references[15, 35] = 1, 2, 3, 4
    patches[0:10, 0:10], patches[0:4, 20:30], patches[6:10, 20:30] = 1, 2, 3
    found = compare_objects(patches, references)
    assert found.identified.tolist() == [True, True, True, False]
    np.testing.assert_allclose(found.similarity, [0.8, 0.8, 0.8, np.nan])
    record = found.record()
    assert (record["identified_share"], record["alike_share"], sum(record["histogram"])) == (0.75, 0.0, 3)


def test_small_overlaps_identify_nothing() -> None:
    references = np.zeros((1, 20), np.int32)
    references[0, :10] = 1
    patches = np.roll(references, 8, axis=1)
    assert not compare_objects(patches, references).identified.any()
    assert compare_objects(np.roll(references, 7, axis=1), references).identified.all()


def test_accuracy_without_patches_or_references_has_no_numbers_to_show() -> None:
    nothing = np.zeros((4, 4), np.int32)
    assert compare_objects(nothing, nothing).record()["identified_share"] is None
    assert not compare_objects(nothing, np.eye(4, dtype=np.int32)).identified.any()
    assert ObjectAccuracy(np.zeros(0, bool), np.zeros(0)).record()["area_similarity"] is None


def test_pixels_are_sampled_in_their_true_proportion() -> None:
    truth = np.zeros((100, 100), bool)
    truth[:10, :50] = True
    found = pixel_accuracy(truth, truth, np.ones_like(truth), 100, seed=1)
    assert found["confusion"] == [[1900, 0], [0, 100]]
    assert (found["f1"], found["kappa"]) == (1.0, 1.0)


def test_references_learnt_from_do_not_count_in_the_test() -> None:
    references = References(
        frame(place(0, 0, 10, 10), place(30, 0, 40, 10), use=["train", "test"], kind=["a", "b"]), GRID
    )
    patches = frame(place(30, 0, 40, 10), place(0, 0, 5, 5), id=["p1", "p2"])
    nothing = np.zeros(GRID.shape, bool)
    found = assess(patches, nothing, ~nothing, references, AccuracySettings(samples=50))
    assert (found["references"], found["identified"], found["area_similarity"]) == (1, 1, 1.0)
    assert found["pixels"]["users_accuracy"] == 1.0
    assert found["detector_alone"]["f1"] == 0.0
    assert list(found["kinds"]) == ["b"]


def test_a_patch_is_judged_by_its_part_beyond_what_was_learnt_from() -> None:
    references = References(frame(place(0, 0, 20, 10), place(20, 0, 30, 10), use=["train", "test"]), GRID)
    nothing = np.zeros(GRID.shape, bool)
    found = assess(frame(place(0, 0, 30, 10), id=["p1"]), nothing, ~nothing, references, AccuracySettings(samples=50))
    assert (found["identified"], found["area_similarity"]) == (1, 1.0)


def test_ground_without_data_is_not_counted_as_rightly_left_out() -> None:
    references = References(frame(place(0, 0, 10, 10), use=["test"]), GRID)
    searched = np.zeros(GRID.shape, bool)
    searched[:20, :20] = True
    found = assess(frame(place(0, 0, 10, 10), id=["p1"]), searched, searched, references, AccuracySettings(samples=100))
    assert found["pixels"]["confusion"] == [[300, 0], [0, 100]]
    assert found["detector_alone"]["confusion"] == [[0, 300], [0, 100]]


def test_scores_that_do_not_exist_are_none() -> None:
    found = confusion_scores(np.array([[90, 0], [10, 0]]))
    assert (found["users_accuracy"], found["f1"], found["producers_accuracy"]) == (None, 0.0, 0.0)


def test_no_test_reference_is_said() -> None:
    references = References(frame(place(0, 0, 10, 10), use=["train"]), GRID)
    nothing = np.zeros(GRID.shape, bool)
    found = assess(frame(id=[]), nothing, ~nothing, references, AccuracySettings())
    assert found["remarks"] == ["No reference patch was set aside for the test."]


def test_half_of_the_references_are_set_aside_by_seed(tmp_path) -> None:
    shapes = frame(*(place(5 * n, 0, 5 * n + 4, 5) for n in range(10)))
    shapes.to_file(tmp_path / "reference.gpkg")
    uses = [list(read_references(tmp_path / "reference.gpkg", GRID, seed).frame["use"]) for seed in (1, 1, 2)]
    assert uses[0] == uses[1] != uses[2]
    assert sorted(uses[0]) == ["test"] * 5 + ["train"] * 4 + ["validation"]


def test_references_in_another_coordinate_system_are_brought_over_and_said(tmp_path) -> None:
    frame(place(0, 0, 10, 10), place(500, 0, 510, 10)).to_crs("EPSG:4326").to_file(tmp_path / "reference.gpkg")
    found = read_references(tmp_path / "reference.gpkg", GRID, 1)
    assert any("WGS 84" in remark for remark in found.remarks)
    assert any("1 patches lie outside the picture" in remark for remark in found.remarks)
    assert found.labels().sum() == 100


def test_unknown_uses_are_refused(tmp_path) -> None:
    frame(place(0, 0, 10, 10), use=["exam"]).to_file(tmp_path / "reference.gpkg")
    with pytest.raises(InputError, match="found use 'exam', expected one of train, validation, test"):
        read_references(tmp_path / "reference.gpkg", GRID, 1)


def test_empty_files_of_references_give_none_and_say_so(tmp_path) -> None:
    frame(place(0, 0, 1, 1)).iloc[:0].to_file(tmp_path / "reference.gpkg")
    found = read_references(tmp_path / "reference.gpkg", GRID, 1)
    assert not found.labels().any()
    assert "holds no features" in found.remarks[0]


def test_land_cover_of_another_system_is_brought_over_and_said(tmp_path) -> None:
    corner = Affine(1e-4, 0, 18.88, 0, -1e-4, 50.18)
    wide = Grid.from_map(200, 200, corner, "EPSG:4326")
    cover = np.full(wide.shape, 40, np.uint8)
    write_raster(tmp_path / "cover.tif", cover, wide, bands=["land_cover"])
    found = read_other_ground(tmp_path / "cover.tif", None, GRID, [40])
    assert found.mask.any()
    assert "EPSG:4326" in found.remarks[0]
    assert not read_other_ground(tmp_path / "cover.tif", None, GRID, [50]).mask.any()


def test_outlines_of_other_ground_join_the_land_cover(tmp_path) -> None:
    frame(place(0, 0, 10, 10)).to_file(tmp_path / "houses.gpkg")
    cover = np.where(np.arange(60) < 50, 30, 80).astype(np.uint8) * np.ones((40, 1), np.uint8)
    write_raster(tmp_path / "cover.tif", cover, GRID, bands=["land_cover"])
    found = read_other_ground(tmp_path / "cover.tif", tmp_path / "houses.gpkg", GRID, [80])
    assert (found.mask.sum(), found.remarks) == (100 + 400, ())


def test_an_empty_file_of_other_ground_excludes_nothing_and_says_so(tmp_path) -> None:
    write_geopackage(tmp_path / "houses.gpkg", {"houses": frame(id=[])})
    found = read_other_ground(None, tmp_path / "houses.gpkg", GRID, [80])
    assert not found.mask.any()
    assert found.remarks == (f"{tmp_path / 'houses.gpkg'} holds no features.",)


def test_land_cover_without_a_map_is_refused(tmp_path) -> None:
    write_raster(tmp_path / "cover.tif", np.ones((4, 4), np.uint8), Grid(4, 4, None, None, (1.0, 1.0)), bands=["x"])
    with pytest.raises(InputError, match="found no coordinate system"):
        read_other_ground(tmp_path / "cover.tif", None, GRID, [1])

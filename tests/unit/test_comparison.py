from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from basinwatch.comparison import ComparisonSettings, SbasMaps, agreement, compare
from basinwatch.grid import Grid

GRID = Grid.from_map(40, 30, Affine(1, 0, 0, 0, -1, 30), "EPSG:32650")


def pixel_box(row, column, height, width):
    return shapely.box(column, 30 - row - height, column + width, 30 - row)


def scene():
    """Six basins and two clusters; the maps say why SBAS misses three of the basins."""
    basins = {
        "k1": (2, 2, 4, 4), "k2": (2, 12, 4, 4), "k3": (12, 2, 4, 4), "k4": (12, 12, 4, 4), "k5": (22, 2, 4, 4),
        "k6": (22, 12, 4, 4),
    }  # fmt: skip
    rate = np.full(GRID.shape, -1, np.float32)
    tcoh, coherence = np.full(GRID.shape, 0.9, np.float32), np.full(GRID.shape, 0.8, np.float32)
    rate[2:6, 2:8] = -30
    rate[2:6, 30:34] = -20
    coherence[12:16, 2:6], rate[12:16, 2:6], tcoh[12:16, 2:6] = 0.1, np.nan, np.nan
    tcoh[12:16, 12:16] = 0.3
    rate[22:26, 2:6], tcoh[22:26, 2:6] = np.nan, np.nan
    measured = np.isfinite(rate) & (tcoh >= 0.7)
    measured[22:26, 12:16] = False
    detected = gpd.GeoDataFrame({"basin": list(basins)}, geometry=[pixel_box(*b) for b in basins.values()], crs=32650)
    clusters = gpd.GeoDataFrame(
        {"cluster": ["h1", "h2"]}, geometry=[pixel_box(2, 4, 4, 4), pixel_box(2, 30, 4, 4)], crs=32650
    )
    return detected, clusters, SbasMaps(rate, tcoh, coherence, measured)


def test_every_object_gets_its_status_and_blind_ones_their_reason():
    found = compare(*scene(), GRID, ComparisonSettings())
    objects, summary = found.objects, found.summary
    assert dict(zip(objects["object"], objects["status"], strict=True)) == {
        "k1": "matched", "k2": "extra", "k3": "not_assessable", "k4": "not_assessable", "k5": "not_assessable",
        "k6": "not_assessable", "h2": "missed",
    }  # fmt: skip
    assert dict(zip(objects["object"], objects["reason"], strict=True)) == {
        "k1": "", "k2": "mean rate below the threshold", "k3": "decorrelated", "k4": "unwrapping failed (rate aliased)",
        "k5": "no rate", "k6": "too few pairs", "h2": "not detected",
    }  # fmt: skip
    assert summary["objects"] == {"matched": 1, "missed": 1, "extra": 1, "not_assessable": 4}
    assert list(summary["not_assessable"].values()) == [1, 1, 0, 1, 1, 0]
    assert summary["extra"]["mean rate below the threshold"] == summary["missed"]["not detected"] == 1


def test_partners_rates_and_shares_are_those_of_the_maps():
    found = compare(*scene(), GRID, ComparisonSettings())
    objects, overlaps = found.objects, found.overlaps
    rows = objects.set_index("object")
    assert rows.loc["k1", "partners"] == "h1"
    assert rows.loc["k1", "mean_rate"] == -30
    assert rows.loc["h2", "min_rate"] == -20
    assert rows.loc["k2", "measured_share"] == 1
    assert rows.loc["k4", "measured_share"] == 0
    assert np.isnan(rows.loc["k4", "mean_rate"])
    assert len(overlaps) == 1
    assert overlaps.loc[0, ["iou", "share_of_basin", "share_of_cluster"]].tolist() == pytest.approx([1 / 3, 0.5, 0.5])


def test_pixel_scores_count_measured_pixels_only():
    pixels = compare(*scene(), GRID, ComparisonSettings()).summary["pixels"]
    counts = [pixels[name] for name in ("true_positive", "false_positive", "false_negative", "true_negative")]
    assert counts == [8, 8 + 16, 8 + 16, 1200 - 64 - 8 - 24 - 24]
    assert pixels["iou"] == pytest.approx(8 / 56)
    assert pixels["precision"] == pytest.approx(8 / 32)
    assert pixels["recall"] == pytest.approx(8 / 32)


def test_a_slight_overlap_is_in_the_table_but_no_match():
    detected, clusters, sbas = scene()
    clusters = clusters.set_geometry([pixel_box(5, 5, 4, 4), pixel_box(2, 30, 4, 4)], crs=32650)
    found = compare(detected, clusters, sbas, GRID, ComparisonSettings())
    objects, overlaps, summary = found.objects, found.overlaps, found.summary
    assert overlaps["matched"].tolist() == [False]
    assert objects.set_index("object").loc[["k1", "h1"], "status"].tolist() == ["extra", "missed"]
    assert summary["objects"]["missed"] == 2


def test_one_cluster_may_match_several_basins_and_the_other_way_round():
    detected, clusters, sbas = scene()
    wide = clusters.set_geometry([pixel_box(2, 2, 4, 14), pixel_box(3, 3, 2, 2)], crs=32650)
    found = compare(detected, wide, sbas, GRID, ComparisonSettings())
    objects, overlaps = found.objects, found.overlaps
    assert list(zip(overlaps["basin"], overlaps["cluster"], strict=True)) == [("k1", "h1"), ("k1", "h2"), ("k2", "h1")]
    assert objects.set_index("object").loc[["k1", "k2"], "partners"].tolist() == ["h1 h2", "h1"]


@pytest.mark.parametrize("empty", ["basins", "clusters", "both"])
def test_a_side_without_objects_is_compared_all_the_same(empty):
    detected, clusters, sbas = scene()
    detected = detected.iloc[:0] if empty in ("basins", "both") else detected
    clusters = clusters.iloc[:0] if empty in ("clusters", "both") else clusters
    found = compare(detected, clusters, sbas, GRID, ComparisonSettings())
    objects, overlaps, summary = found.objects, found.overlaps, found.summary
    assert len(objects) == len(detected) + len(clusters)
    assert len(overlaps) == 0
    assert sum(summary["objects"].values()) == len(objects)
    assert objects.crs == "EPSG:32650"


def test_kappa_follows_its_definition_and_extremes():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 20, 20)) < 0.4
    everywhere = np.ones(a.shape, bool)
    agreed = (a == b).mean()
    chance = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    assert agreement(a, b, everywhere)["kappa"] == pytest.approx((agreed - chance) / (1 - chance))
    assert agreement(a, a, everywhere)["kappa"] == pytest.approx(1)
    assert agreement(a, ~a, everywhere)["iou"] == 0


def test_scores_that_are_undefined_are_none_and_never_a_number():
    nothing = np.zeros((3, 3), bool)
    scores = agreement(nothing, nothing, ~nothing)
    assert [scores[name] for name in ("iou", "precision", "recall", "kappa")] == [None] * 4
    assert agreement(nothing, nothing, nothing)["accuracy"] is None


def test_a_cluster_on_the_flanks_of_an_unmeasured_core_is_no_match():
    detected = gpd.GeoDataFrame({"basin": ["k1"]}, geometry=[pixel_box(5, 5, 12, 12)], crs=32650)
    flank = gpd.GeoDataFrame({"cluster": ["h1"]}, geometry=[pixel_box(5, 5, 12, 3)], crs=32650)
    measured = np.ones(GRID.shape, bool)
    measured[8:14, 8:14] = False
    sbas = SbasMaps(*(np.full(GRID.shape, v, np.float32) for v in (-20, 0.5, 0.8)), measured)
    row = compare(detected, flank, sbas, GRID, ComparisonSettings()).objects.iloc[0]
    assert (row["status"], row["partners"], row["core_measured_share"]) == ("not_assessable", "h1", 28 / 64)
    assert row["measured_share"] == pytest.approx(1 - 36 / 144)


@pytest.mark.parametrize(
    ("grid", "unit"),
    [
        (Grid.from_map(40, 30, Affine(25, 0, 0, 0, -25, 0), "EPSG:32650"), 25.0),
        (Grid.from_map(40, 30, Affine(0.001, 0, 10, 0, -0.001, 60), "EPSG:4326"), None),
        (Grid(40, 30, None, None, (4.0, 14.0)), None),
    ],
)
def test_areas_and_distances_are_in_metres_whatever_the_grid_counts(grid, unit):
    corner = np.array([[grid.affine.a, 0], [0, grid.affine.e]])

    def box(column, row, width, height):
        x, y = (np.array([[column, row], [column + width, row + height]]) @ corner + [grid.affine.c, grid.affine.f]).T
        return shapely.box(x.min(), y.min(), x.max(), y.max())

    basins = gpd.GeoDataFrame({"basin": ["k1"]}, geometry=[box(5, 5, 10, 6)], crs=grid.crs_wkt)
    clusters = gpd.GeoDataFrame({"cluster": ["h1"]}, geometry=[box(8, 9, 10, 6)], crs=grid.crs_wkt)
    sbas = SbasMaps(*(np.full(grid.shape, v, np.float32) for v in (-20, 0.9, 0.8)), np.ones(grid.shape, bool))
    found = compare(basins, clusters, sbas, grid, ComparisonSettings())
    column_m, row_m = grid.pixel_spacing_m
    assert found.objects["area_m2"][0] == pytest.approx(60 * column_m * row_m, rel=1e-6)
    assert found.overlaps["area_m2"][0] == pytest.approx(14 * column_m * row_m, rel=1e-6)
    assert found.overlaps["centroid_distance_m"][0] == pytest.approx(np.hypot(3 * column_m, 4 * row_m), rel=1e-6)
    if unit:
        assert found.overlaps["centroid_distance_m"][0] == pytest.approx(5 * unit)


def test_pixels_are_outside_not_measured_or_measured_and_only_the_last_are_scored():
    detected, clusters, sbas = scene()
    inside = np.ones(GRID.shape, bool)
    inside[:, 25:] = False
    state = replace(sbas, inside=inside).state()
    assert np.array_equal(state == 0, ~inside)
    assert np.array_equal(state == 2, inside & sbas.measured)
    summary = compare(detected, clusters, replace(sbas, inside=inside), GRID, ComparisonSettings()).summary
    assert summary["states"] == {"outside": 450, "not_measured": 64, "measured": 1200 - 450 - 64}
    assert summary["pixels"]["false_negative"] == 8  # the second cluster lies outside


def test_detections_are_scored_against_every_class_of_the_rate_map():
    detected, clusters, sbas = scene()
    classes = np.zeros(GRID.shape, np.float32)
    classes[2:6, 2:6], classes[2:6, 6:8], classes[10, 30] = -3, -1, 2
    rate = sbas.rate.copy()
    rate[20, 30] = 40
    found = compare(detected, clusters, replace(sbas, rate=rate, hotspot_class=classes), GRID, ComparisonSettings())
    scores = found.summary["classes"]
    reference = {name: s["true_positive"] + s["false_negative"] for name, s in scores.items()}
    assert reference == {"subsiding": 24 + 16, "moving": 24 + 17, "cold_90": 24, "cold_95": 16, "cold_99": 16}
    assert scores["cold_95"]["true_positive"] == 16
    assert scores["cold_95"]["recall"] == 1
    assert "cold_90" not in compare(*scene(), GRID, ComparisonSettings()).summary["classes"]


def test_recall_is_counted_by_class_of_rate_area_and_activity():
    detected, clusters, sbas = scene()
    curves = compare(detected.assign(active_days=[10, 40, 40, 100, 400, 800]), clusters, sbas, GRID,
                     ComparisonSettings()).curves.set_index(["side", "by"])  # fmt: skip
    rates = curves.loc[("sbas", "min_rate")]
    assert rates[rates["objects"] > 0][["low", "high", "objects", "matched", "recall"]].to_numpy().tolist() == [
        [20, 50, 2, 1, 0.5]
    ]
    days = curves.loc[("detected", "active_days")]
    assert days["objects"].tolist() == [1, 2, 1, 0, 1, 1]
    assert days["matched"].tolist() == [1, 0, 0, 0, 0, 0]
    assert np.isnan(days["recall"].iloc[3])
    assert curves.loc[("detected", "area_m2"), "objects"].sum() == 6

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
    objects, _, summary = compare(*scene(), GRID, ComparisonSettings())
    assert dict(zip(objects["object"], objects["status"], strict=True)) == {
        "k1": "matched", "k2": "extra", "k3": "not_assessable", "k4": "not_assessable", "k5": "not_assessable",
        "k6": "not_assessable", "h2": "missed",
    }  # fmt: skip
    assert objects.set_index("object").loc[["k1", "k3", "k4", "k5", "k6"], "reason"].tolist() == [
        "", "decorrelated", "unwrapping failed (rate aliased)", "no rate", "too few pairs",
    ]  # fmt: skip
    assert summary["objects"] == {"matched": 1, "missed": 1, "extra": 1, "not_assessable": 4}
    assert set(summary["not_assessable"].values()) == {1}


def test_partners_rates_and_shares_are_those_of_the_maps():
    objects, overlaps, _ = compare(*scene(), GRID, ComparisonSettings())
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
    _, _, summary = compare(*scene(), GRID, ComparisonSettings())
    pixels = summary["pixels"]
    counts = [pixels[name] for name in ("true_positive", "false_positive", "false_negative", "true_negative")]
    assert counts == [8, 8 + 16, 8 + 16, 1200 - 64 - 8 - 24 - 24]
    assert pixels["iou"] == pytest.approx(8 / 56)
    assert pixels["precision"] == pytest.approx(8 / 32)
    assert pixels["recall"] == pytest.approx(8 / 32)


def test_a_slight_overlap_is_in_the_table_but_no_match():
    detected, clusters, sbas = scene()
    clusters = clusters.set_geometry([pixel_box(5, 5, 4, 4), pixel_box(2, 30, 4, 4)], crs=32650)
    objects, overlaps, summary = compare(detected, clusters, sbas, GRID, ComparisonSettings())
    assert overlaps["matched"].tolist() == [False]
    assert objects.set_index("object").loc[["k1", "h1"], "status"].tolist() == ["extra", "missed"]
    assert summary["objects"]["missed"] == 2


def test_one_cluster_may_match_several_basins_and_the_other_way_round():
    detected, clusters, sbas = scene()
    wide = clusters.set_geometry([pixel_box(2, 2, 4, 14), pixel_box(3, 3, 2, 2)], crs=32650)
    objects, overlaps, _ = compare(detected, wide, sbas, GRID, ComparisonSettings())
    assert list(zip(overlaps["basin"], overlaps["cluster"], strict=True)) == [("k1", "h1"), ("k1", "h2"), ("k2", "h1")]
    assert objects.set_index("object").loc[["k1", "k2"], "partners"].tolist() == ["h1 h2", "h1"]


@pytest.mark.parametrize("empty", ["basins", "clusters", "both"])
def test_a_side_without_objects_is_compared_all_the_same(empty):
    detected, clusters, sbas = scene()
    detected = detected.iloc[:0] if empty in ("basins", "both") else detected
    clusters = clusters.iloc[:0] if empty in ("clusters", "both") else clusters
    objects, overlaps, summary = compare(detected, clusters, sbas, GRID, ComparisonSettings())
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
    row = compare(detected, flank, sbas, GRID, ComparisonSettings())[0].iloc[0]
    assert (row["status"], row["partners"], row["core_measured_share"]) == ("not_assessable", "h1", 28 / 64)
    assert row["measured_share"] == pytest.approx(1 - 36 / 144)

from datetime import date, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from basinwatch.linking import LinkSettings, link, outlines

COLUMNS = ["score", "area_m2", "pair", "date1", "date2", "stack", "geometry"]


def instance(number, geometry, score=0.6, stack="A"):
    """One detection of the pair that starts 12·number days after the first date."""
    first = date(2022, 1, 1) + timedelta(12 * number)
    second = first + timedelta(12)
    return score, geometry.area * 100, f"p{number:02d}", first.isoformat(), second.isoformat(), stack, geometry


def frame(*rows):
    return gpd.GeoDataFrame(list(rows), columns=COLUMNS, geometry="geometry")


def box(x, y, size=4.0):
    return shapely.box(x, y, x + size, y + size)


def random_series(n=12, seed=0):
    """Four places that jitter and sometimes miss, and some lonely false detections."""
    rng = np.random.default_rng(seed)
    rows = [
        instance(i, box(x + rng.uniform(-0.5, 0.5), y + rng.uniform(-0.5, 0.5)))
        for i in range(n)
        for x, y in [(0, 0), (20, 3), (40, 30), (60, 10)]
        if rng.random() < 0.7
    ]
    lonely = [instance(i, box(200 + 30 * i, 200)) for i in range(3)]
    return frame(*rows, *lonely)


def named(linked):
    """Name of the basin per geometry."""
    return {g.wkt: n for g, n in zip(linked.geometry, linked["basin"], strict=True)}


def test_footprints_that_jitter_are_linked_and_lonely_ones_get_no_name():
    linked = link(random_series())
    assert len(outlines(linked)) == 4
    for name, part in linked.groupby("basin"):
        places = {round(g.centroid.x / 20) for g in part.geometry}
        assert (len(places) == 1) == (name != "")
    assert (linked["basin"] == "").sum() == 3


def test_names_count_in_order_of_confirmation_then_from_west_to_east():
    rows = [instance(i, box(x, 0)) for i in (0, 1) for x in (50, 10)] + [instance(i, box(-30, 0)) for i in (2, 3)]
    basins = outlines(link(frame(*rows)))
    assert basins["basin"].tolist() == ["k1", "k2", "k3"]
    assert [g.bounds[0] for g in basins.geometry] == [10, 50, -30]


def test_the_result_does_not_depend_on_the_order_of_the_input():
    series = random_series()
    shuffled = series.iloc[np.random.default_rng(5).permutation(len(series))].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.DataFrame(link(series)), pd.DataFrame(link(shuffled)))


@pytest.mark.parametrize("seed", range(5))
def test_a_later_pair_never_renames_an_instance(seed):
    series = random_series(seed=seed)
    earlier = series[series["pair"] < "p11"]
    before, after = named(link(earlier)), named(link(series))
    assert len(earlier) < len(series)
    assert all(after[g] == name for g, name in before.items() if name)


def test_a_long_pair_that_became_available_later_does_not_rename_what_was_there():
    early = [instance(i, box(0, 0)) for i in (3, 4)]
    long = [(*instance(0, box(x, 0))[:4], "2022-12-01", "A", box(x, 0)) for x in (-30, -29)]
    long[1] = (*long[1][:2], "other", *long[1][3:])
    linked = link(frame(*long, *early))
    assert named(linked) == {box(0, 0).wkt: "k1", box(-30, 0).wkt: "k2", box(-29, 0).wkt: "k2"}


def test_one_detection_is_enough_when_its_score_is_high():
    linked = link(frame(instance(0, box(0, 0), score=0.97), instance(0, box(30, 0), score=0.90)))
    assert linked["basin"].tolist() == ["k1", ""]
    assert link(linked, LinkSettings(min_detections=1))["basin"].tolist() == ["k1", "k2"]


def test_two_instances_of_one_pair_may_share_a_basin_but_count_as_one_detection():
    both = [instance(0, box(0, 0)), instance(0, box(1, 0))]
    assert link(frame(*both))["basin"].tolist() == ["", ""]
    assert link(frame(*both, instance(1, box(0, 0))))["basin"].tolist() == ["k1"] * 3


@pytest.mark.parametrize(("shift", "same"), [(2.9, True), (3.1, False)])
def test_overlap_is_measured_against_the_smaller_area(shift, same):
    rows = [instance(0, shapely.box(0, 0, 4, 40)), instance(1, shapely.box(shift, 0, shift + 4, 4))]
    linked = link(frame(*rows), LinkSettings(max_centroid_shift=0, min_overlap=0.25))
    assert (linked["basin"].tolist() == ["k1", "k1"]) == same


@pytest.mark.parametrize(("gap", "same"), [(0.4, True), (0.6, False)])
def test_close_centroids_link_small_footprints_that_do_not_overlap(gap, same):
    rows = [instance(0, box(0, 0)), instance(1, box(4 + gap, 0))]
    radius = np.sqrt(16 / np.pi)
    linked = link(frame(*rows), LinkSettings(max_centroid_shift=4.5 / radius))
    assert (linked["basin"].tolist() == ["k1", "k1"]) == same


def test_a_huge_footprint_does_not_fuse_the_basins_under_it():
    small = [instance(i, box(x, 0)) for i in (0, 1, 3) for x in (0, 30, 60)]
    linked = link(frame(*small, instance(2, shapely.box(-50, -50, 150, 150))))
    assert len(outlines(linked)) == 3


def test_basins_that_grow_together_become_one_with_the_lower_number():
    apart = [instance(i, box(x, 0)) for i in (0, 1) for x in (0, 8)]
    later = [instance(i, box(40, 0)) for i in (2, 3)]
    linked = link(frame(*apart, *later, instance(4, shapely.box(0, 0, 12, 4)), instance(5, box(8, 0))))
    assert outlines(linked)["basin"].tolist() == ["k1", "k3"]
    assert set(linked.loc[linked["date2"] <= "2022-01-25", "basin"]) == {"k1"}


def test_stacks_that_see_the_same_place_confirm_each_other():
    rows = [instance(0, box(0, 0), stack="A"), instance(0, box(1, 1), stack="B")]
    assert link(frame(*rows))["basin"].tolist() == ["k1", "k1"]


def test_an_outline_is_the_union_of_its_footprints_with_ground_area_and_best_score():
    linked = link(frame(instance(0, box(0, 0), 0.5), instance(1, box(2, 0), 0.8)).set_crs("EPSG:4326"))
    basins = outlines(linked)
    assert basins.geometry[0].equals(shapely.box(0, 0, 6, 4))
    assert basins["area_m2"][0] == pytest.approx(2400)
    assert basins["max_score"][0] == 0.8
    assert basins.crs == "EPSG:4326"


def test_no_instance_at_all_gives_an_empty_frame_with_all_columns():
    linked = link(frame())
    assert linked.columns.tolist() == [*COLUMNS, "basin"]
    assert outlines(linked).columns.tolist() == ["basin", "area_m2", "max_score", "geometry"]

from datetime import date, timedelta
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from basinwatch.comparison import Campaign, ComparisonSettings, SbasMaps, compare
from basinwatch.grid import Grid
from basinwatch.vectors import read_vectors, write_geopackage

GRID = Grid.from_map(40, 30, Affine(20, 0, 0, 0, -20, 600), "EPSG:32650")
WAVELENGTH_M = 0.0555
BASIN = shapely.box(100, 100, 300, 300)
DATES = [date(2022, 1, 1) + timedelta(12 * n) for n in range(31)]
ADJACENT = list(pairwise(DATES))
NETWORK = [(a, b) for i, a in enumerate(DATES) for b in DATES[i + 1 : i + 4]]


def maps(rate=-1.0, measured=True, coherence=0.8, temporal=0.9, **options):
    layers = (np.full(GRID.shape, value, np.float32) for value in (rate, temporal, coherence))
    return SbasMaps(*layers, np.full(GRID.shape, measured), **options)


def campaign(**options):
    return Campaign(WAVELENGTH_M, ADJACENT, NETWORK, **options)


def judged(sbas, active_days=300.0, gradient=None, pairs=ADJACENT, basin=BASIN):
    """The row of one basin that sinks in all `pairs` with one gradient per 12 days."""
    basins = gpd.GeoDataFrame({"basin": ["k1"], "active_days": [active_days]}, geometry=[basin], crs=32650)
    clusters = gpd.GeoDataFrame({"cluster": []}, geometry=[], crs=32650)
    gradients = None if gradient is None else pd.DataFrame(
        [("k1", first.isoformat(), second.isoformat(), gradient) for first, second in pairs],
        columns=["basin", "date1", "date2", "gradient_rad"],
    )  # fmt: skip
    found = compare(basins, clusters, sbas, GRID, ComparisonSettings(), campaign(), gradients)
    return found.objects.iloc[0]


def test_a_basin_too_steep_for_most_pairs_is_aliased_whether_a_rate_is_measured_or_not():
    # One pair of three dates stays below half a cycle: 2, 4 and 6 radians per pixel in 12, 24 and 36 days.
    row = judged(maps(), gradient=2.0)
    assert (row["status"], row["reason"]) == ("extra", "unwrapping failed (rate aliased)")
    assert row["gradient_rad"] == pytest.approx(6)
    assert row["gradient_mm"] == pytest.approx(6 / np.pi * WAVELENGTH_M / 4 * 1000)
    assert row["gradient_limit_mm"] == pytest.approx(13.875)
    assert row["aliased_share"] == pytest.approx(57 / 87)
    blind = judged(maps(measured=False, coherence=0.1), gradient=2.0)
    assert (blind["status"], blind["reason"]) == ("not_assessable", "unwrapping failed (rate aliased)")


def test_a_gentle_basin_on_incoherent_ground_is_decorrelated():
    row = judged(maps(measured=False, coherence=0.1), gradient=0.5)
    assert (row["status"], row["reason"]) == ("not_assessable", "decorrelated")
    assert row["aliased_share"] == 0
    assert row["mean_coherence"] == pytest.approx(0.1)


@pytest.mark.parametrize(("share", "reason"), [(0.2, "unwrapped apart from the reference"), (0.8, "too few pairs")])
def test_an_unmeasured_basin_rarely_joined_to_the_reference_is_called_apart(share, reason):
    connected = np.full(GRID.shape, share, np.float32)
    row = judged(maps(measured=False, connected_share=connected), gradient=0.5)
    assert (row["status"], row["reason"]) == ("not_assessable", reason)


def test_pairs_in_which_a_basin_rests_do_not_make_it_less_aliased():
    row = judged(maps(), active_days=24, gradient=3.5, pairs=ADJACENT[:2])
    assert row["aliased_share"] == 1
    assert row["reason"] == "unwrapping failed (rate aliased)"


def test_a_short_lived_basin_is_told_from_one_below_the_threshold_by_its_share_of_the_time():
    short, slow = judged(maps(), active_days=72.0, gradient=0.5), judged(maps(), active_days=300.0, gradient=0.5)
    assert (short["status"], short["reason"]) == ("extra", "too short-lived for a mean rate")
    assert (slow["status"], slow["reason"]) == ("extra", "mean rate below the threshold")
    assert (short["active_days"], short["span_days"], short["active_share"]) == (72, 360, 0.2)
    assert short["needed_rate"] == pytest.approx(25)  # 5 mm/yr on the mean of 5 times the time
    assert slow["core_rate"] == -1


def test_a_moving_core_without_cluster_is_called_so():
    assert judged(maps(rate=-12.0))["reason"] == "moving, but not part of a cluster"


@pytest.mark.parametrize("basin", [BASIN, shapely.box(5000, 5000, 5200, 5200)])
def test_a_basin_outside_the_area_of_interest_or_the_grid_is_not_assessable(basin):
    inside = np.zeros(GRID.shape, bool)
    inside[:, 30:] = True
    row = judged(maps(measured=False, inside=inside), basin=basin)
    assert (row["status"], row["reason"]) == ("not_assessable", "outside the rate map")
    assert row["core_outside_share"] == 1


def missed(rate=-30.0, basin=None, observed_days=None, with_campaign=True):
    """Reason of a cluster that no basin matches."""
    basins = gpd.GeoDataFrame({"basin": ["k1"] if basin else []}, geometry=[basin] if basin else [], crs=32650)
    clusters = gpd.GeoDataFrame({"cluster": ["h1"]}, geometry=[BASIN], crs=32650)
    known = campaign(observed_days=observed_days) if with_campaign else None
    objects = compare(basins, clusters, maps(rate), GRID, ComparisonSettings(), known).objects
    return objects.set_index("object").loc["h1", ["status", "reason"]].tolist()


def test_a_missed_cluster_has_its_reason():
    # A quarter cycle in 12 days is 211 mm/yr at this wavelength.
    assert missed(rate=-200.0) == ["missed", "too slow for a fringe"]
    assert missed(rate=-220.0) == ["missed", "not detected"]
    assert missed(rate=-200.0, with_campaign=False) == ["missed", "not detected"]
    assert missed(basin=shapely.box(280, 280, 600, 600)) == ["missed", "overlaps a basin too little"]
    unseen = np.ones(GRID.shape, np.float32)
    unseen[15:25, 5:15] = 0
    assert missed(observed_days=unseen) == ["missed", "no detection pair sees the place"]


def test_the_blind_basins_are_a_table_of_their_own_with_the_numbers(tmp_path):
    basins = gpd.GeoDataFrame(
        {"basin": ["k1", "k2", "k3"]},
        geometry=[BASIN, shapely.box(400, 100, 700, 400), shapely.box(100, 400, 200, 500)], crs=32650,
    )  # fmt: skip
    clusters = gpd.GeoDataFrame({"cluster": ["h1"]}, geometry=[BASIN], crs=32650)
    measured = np.ones(GRID.shape, bool)
    measured[8:27, 18:37] = False
    sbas = SbasMaps(*(np.full(GRID.shape, v, np.float32) for v in (-30, 0.9, 0.2)), measured)
    found = compare(basins, clusters, sbas, GRID, ComparisonSettings(), campaign())
    blind = found.blind()
    assert blind["basin"].tolist() == ["k2", "k3"]
    assert blind["reason"].tolist() == ["decorrelated", "moving, but not part of a cluster"]
    assert blind["area_m2"].tolist() == pytest.approx([90_000, 10_000])
    layers = {"objects": found.objects, "blind": blind, "overlaps": found.overlaps, "curves": found.curves}
    write_geopackage(tmp_path / "objects.gpkg", layers)
    again = read_vectors(tmp_path / "objects.gpkg", "blind")
    pd.testing.assert_frame_equal(
        pd.DataFrame(again.drop(columns="geometry")), pd.DataFrame(blind.drop(columns="geometry")), check_dtype=False
    )
    assert len(read_vectors(tmp_path / "objects.gpkg", "curves")) == len(found.curves)

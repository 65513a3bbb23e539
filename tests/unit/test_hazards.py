"""Anomalies near roads and rivers, ranked."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from basinwatch.hazards import lines_in_reach, priority, rank_hazards, summarise
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

CRS = "EPSG:32634"


def anomalies(*rows: tuple[float, float, float, float]) -> gpd.GeoDataFrame:
    """Squares of 100 m, 10 km apart, whose lower edge lies `distance` above y = 0."""
    table = pd.DataFrame(rows, columns=["distance", "mean_mm_yr", "area_m2", "slope_deg"])
    shapes = [box(10_000 * n, d, 10_000 * n + 100, d + 100) for n, d in enumerate(table["distance"])]
    names = np.array([f"a{n}" for n in range(1, len(table) + 1)], object)
    facts = {"anomaly": names, "extreme_mm_yr": table["mean_mm_yr"], "aspect_deg": 90.0, "score": np.nan}
    return gpd.GeoDataFrame(table.drop(columns="distance").assign(**facts), geometry=shapes, crs=CRS)


ROAD = gpd.GeoDataFrame(geometry=[LineString([(-1e6, 0), (1e6, 0)])], crs=CRS)
RIVER = gpd.GeoDataFrame(geometry=[LineString([(9_000, -500), (11_000, -500)])], crs=CRS)


def test_only_anomalies_within_reach_are_hazards_and_every_line_in_reach_is_named():
    found = rank_hazards(
        anomalies((1000.0, -20, 1e4, 20), (400.0, -20, 1e4, 20), (1000.5, -90, 9e4, 40)),
        {"roads": ROAD, "rivers": RIVER},
        1000,
    )
    assert dict(zip(found["anomaly"], found["near"], strict=True)) == {"a2": "roads, rivers", "a1": "roads"}
    assert found["distance_m"].tolist() == [400, 1000]
    assert found["rank"].tolist() == [1, 2]
    assert found["known"].tolist() == [None, None]


def test_a_map_shows_the_lines_that_anomalies_lie_near_and_the_borders_of_areas():
    far = LineString([(0, 50_000), (100, 50_000)])
    roads = gpd.GeoDataFrame(geometry=[far, *ROAD.geometry], crs=CRS)
    lake = gpd.GeoDataFrame(geometry=[box(9_000, -900, 11_000, -500)], crs=CRS)
    found = lines_in_reach(anomalies((400.0, -20, 1e4, 20), (400.0, -20, 1e4, 20)), {"r": roads, "l": lake}, 1000)
    assert found["line"].tolist() == ["r", "l"]
    assert found.geometry[0].equals(ROAD.geometry[0])
    assert found.geometry[1].equals(lake.boundary[0])
    for lines in ({}, {"r": roads.iloc[:0]}):
        assert lines_in_reach(anomalies((0.0, -20, 1e4, 20)), lines, 1000).empty


@pytest.mark.parametrize(("column", "better"), [(0, 10.0), (1, -80.0), (1, 80.0), (2, 5e4), (3, 35.0)])
def test_of_two_equal_anomalies_the_faster_larger_steeper_or_nearer_comes_first(column, better):
    rows = [[500.0, -20.0, 1e4, 20.0], [500.0, -20.0, 1e4, 20.0]]
    rows[1][column] = better
    found = rank_hazards(anomalies(*map(tuple, rows)), {"roads": ROAD}, 1000)
    assert found["anomaly"].tolist() == ["a2", "a1"]
    # Three shared places of 3/4, one of 2/2 or 1/2.
    assert found["priority"].tolist() == pytest.approx([(3 * 0.75 + 1) / 4, (3 * 0.75 + 0.5) / 4])


def test_an_unknown_slope_is_the_last_in_slope():
    table = anomalies((100.0, -20, 1e4, np.nan), (100.0, -20, 1e4, 1.0))
    assert rank_hazards(table, {"roads": ROAD}, 1000)["anomaly"].tolist() == ["a2", "a1"]


def test_without_lines_or_with_empty_ones_nothing_is_a_hazard_and_all_columns_stay():
    empty = gpd.GeoDataFrame(geometry=[], crs=CRS)
    table = anomalies((0.0, -20, 1e4, 20))
    for lines in ({}, {"roads": empty}):
        found = rank_hazards(table, lines, 1000)
        assert found.empty
        assert "priority" in found
    assert rank_hazards(table.iloc[:0], {"roads": ROAD}, 1000).empty


def test_known_hazards_are_marked_and_counted():
    table = anomalies((100.0, -20, 1e4, 20), (100.0, -20, 1e4, 20))
    known = gpd.GeoDataFrame(geometry=[Point(10_050, 150)], crs=CRS)
    found = rank_hazards(table, {"roads": ROAD}, 1000, known)
    assert dict(zip(found["anomaly"], found["known"], strict=True)) == {"a1": False, "a2": True}
    assert summarise(table, found, ["roads"], 1000, []) == {
        "anomalies": 2, "hazards": 2, "lines": ["roads"], "distance_m": 1000, "known": 1, "remarks": []
    }  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(*[st.integers(1, 9)] * 4), min_size=2, max_size=8),
    st.integers(0, 3),
)
def test_a_hazard_that_gets_worse_in_one_respect_never_falls_behind_another(rows, column):
    def table(values):
        frame = pd.DataFrame(values, columns=["mean_mm_yr", "area_m2", "slope_deg", "distance_m"], dtype=float)
        return priority(frame.assign(distance_m=100 - frame["distance_m"]))

    before = table(rows)
    worse = [list(row) for row in rows]
    worse[0][column] += 5
    after = table(worse)
    assert after[0] >= before[0]
    assert (after[1:] <= before[1:] + 1e-12).all()
    assert before.between(0, 1).all()

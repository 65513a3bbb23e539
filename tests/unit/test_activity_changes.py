"""What changed between two runs."""

import geopandas as gpd
import pandas as pd
import pytest
from basinwatch.activity.changes import COLUMNS, RunRecord, changes, since_last_run
from shapely.geometry import box


def record(pairs=("20240105_20240117",), crs="EPSG:32634", **basins) -> RunRecord:
    """A run with basins given as (west, width, state)."""
    rows = [
        {"basin": name, "state": state, "first_seen": "2024-01-05", "last_seen": "2024-02-10", "area_m2": width * 100.0,
         "geometry": box(west, 0, west + width, 100)}
        for name, (west, width, state) in basins.items()
    ]  # fmt: skip
    columns = ["basin", "state", "first_seen", "last_seen", "area_m2", "geometry"]
    frame = gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry="geometry", crs=crs)
    return RunRecord.of(frame, [f"mine {pair}" for pair in pairs])


def told(table: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(table["name"], table["change"], strict=True))


def test_each_change_is_told_once():
    before = record(k1=(0, 100, "continuous"), k2=(500, 100, "ceased"), k3=(900, 100, "new"), k4=(2000, 50, "new"))
    now = record(
        ("20240105_20240117", "20240117_20240129"),
        k1=(0, 100, "ceased"), k2=(500, 100, "intermittent"), k3=(900, 130, "continuous"), k5=(3000, 50, "new"),
    )  # fmt: skip
    found = changes(before, now)
    assert list(found.columns) == list(COLUMNS)
    assert told(found) == {
        ("k1", "ceased"), ("k2", "active again"), ("k3", "grew"), ("k5", "new"), ("k4", "gone"),
        ("mine 20240117_20240129", "added"),
    }  # fmt: skip
    assert told(changes(now, before)) >= {("mine 20240117_20240129", "removed"), ("k5", "gone"), ("k4", "new")}


def test_a_basin_that_only_got_another_number_is_no_news():
    assert changes(record(k1=(0, 100, "new")), record(k7=(10, 100, "new"))).empty


def test_pairs_that_found_nothing_are_no_news_when_a_later_pair_finds_the_first_basin():
    old, new = ("20240117_20240129", "20240105_20240117"), ("20240129_20240210",)
    assert told(changes(record(old), record(old + new, k1=(0, 100, "new")))) == {
        ("k1", "new"),
        ("mine 20240129_20240210", "added"),
    }


def test_two_basins_that_grew_into_one_leave_one_gone():
    found = changes(record(k1=(0, 100, "new"), k2=(150, 50, "new")), record(k1=(0, 200, "new")))
    assert told(found) == {("k2", "gone"), ("k1", "grew")}


@pytest.mark.parametrize("crs", ["EPSG:32634", None])
def test_a_repeated_run_tells_the_same_and_writes_the_same_bytes(tmp_path, crs):
    path = tmp_path / "runs.gpkg"
    runs = [record(crs=crs), record(crs=crs, k1=(0, 100, "new")), record(crs=crs, k1=(0, 200, "new"))]
    assert since_last_run(path, runs[0]).empty
    assert told(since_last_run(path, runs[1])) == {("k1", "new")}
    assert told(since_last_run(path, runs[2])) == {("k1", "grew")}
    written = path.read_bytes()
    assert told(since_last_run(path, runs[2])) == {("k1", "grew")}
    assert path.read_bytes() == written


def test_a_damaged_record_is_a_first_run(tmp_path):
    path = tmp_path / "runs.gpkg"
    path.write_bytes(b"SQLite format 3\x00 but no more")
    assert since_last_run(path, record(k1=(0, 100, "new"))).empty
    assert since_last_run(path, record(k1=(0, 100, "new"))).empty

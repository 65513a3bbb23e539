"""What no permit covers at its time."""

import json
from datetime import date

import geopandas as gpd
import pytest
from basinwatch.errors import InputError
from basinwatch.given_vectors import POLYGONS, metric_crs, read_given
from basinwatch.permits import (
    Observation,
    Permits,
    PermitSettings,
    covered_days,
    find_violations,
    observed_basins,
    observed_patches,
    permit_layer,
    read_permits,
    summarise,
)
from basinwatch.vectors import read_vectors, write_geopackage
from check_permits import check_permits
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from shapely.geometry import MultiPolygon, Point, Polygon, box
from shapely.ops import unary_union

UTM = CRS.from_epsg(32634)
EXACT = PermitSettings(id_column="name", tolerance_m=0, min_area_m2=1)
MARCH = (date(2024, 3, 1), date(2024, 3, 13))
APRIL = (date(2024, 4, 1), date(2024, 4, 13))


def permits(*rows: tuple[str, str | None, str | None, Polygon]) -> Permits:
    ends = [[None if row[k] is None else date.fromisoformat(row[k]) for row in rows] for k in (1, 2)]
    columns = {"permit": [row[0] for row in rows], "valid_from": ends[0], "valid_until": ends[1]}
    frame = gpd.GeoDataFrame(columns, geometry=[row[3] for row in rows], crs=UTM)
    return Permits(frame.astype({name: object for name in columns}), ())


def basin(outline: Polygon, dates=MARCH, name: str = "k1") -> Observation:
    return Observation("basin", name, dates, outline)


OPEN = permits(("A", None, None, box(0, 0, 100, 100)))


def test_ground_inside_a_valid_permit_is_no_finding():
    assert find_violations([basin(box(10, 10, 90, 90))], OPEN, EXACT).empty


def test_the_part_outside_all_permits_is_found_with_area_share_and_dates():
    found = find_violations([basin(box(80, 0, 120, 100)), basin(box(80, 0, 120, 100), APRIL)], OPEN, EXACT)
    (row,) = found.to_dict("records")
    assert (row["finding"], row["what"], row["object"], row["permit"]) == ("outside", "basin", "k1", "")
    assert (row["area_m2"], row["share"]) == (2000, 0.5)
    assert (row["first_date"], row["last_date"], row["days"], row["observations"]) == (
        "2024-03-01",
        "2024-04-13",
        24,
        2,
    )
    assert row["geometry"].equals(box(100, 0, 120, 100))


@pytest.mark.parametrize(
    ("term", "finding"),
    [
        ((None, "2024-02-29"), "after_end"),
        ((None, "2024-03-01"), None),
        (("2024-03-13", None), None),
        (("2024-03-14", None), "before_start"),
        (("2024-03-05", "2024-03-06"), None),
    ],
)
def test_a_permit_covers_what_shares_a_day_with_it(term, finding):
    found = find_violations([basin(box(0, 0, 10, 10))], permits(("A", *term, box(0, 0, 100, 100))), EXACT)
    assert found["finding"].tolist() == ([] if finding is None else [finding])
    if finding is not None:
        assert found["permit"].tolist() == ["A"]
        assert [found["permit_from"][0], found["permit_until"][0]] == list(term)


def test_where_permits_overlap_one_that_is_valid_covers_and_no_ground_counts_twice():
    old = ("old", None, "2023-12-31", box(0, 0, 100, 100))
    older = ("older", None, "2022-12-31", box(0, 0, 200, 100))
    new = ("new", "2024-01-01", None, box(50, 0, 100, 100))
    future = ("future", "2025-01-01", None, box(100, 0, 300, 100))
    found = find_violations([basin(box(0, 0, 300, 100))], permits(old, older, new, future), EXACT)
    areas = {(row["finding"], row["permit"]): row["area_m2"] for row in found.to_dict("records")}
    assert areas == {("after_end", "old"): 5000, ("after_end", "older"): 10_000, ("before_start", "future"): 10_000}


def test_ground_close_to_a_permit_and_small_parts_are_no_finding():
    lenient = PermitSettings(tolerance_m=20, min_area_m2=500)
    assert find_violations([basin(box(90, 0, 120, 100))], OPEN, lenient).empty
    assert find_violations([basin(box(90, 40, 124, 60))], OPEN, lenient).empty
    assert find_violations([basin(box(90, 0, 126, 100))], OPEN, lenient)["area_m2"].tolist() == pytest.approx(
        [600], rel=0.01
    )


def test_patches_without_a_date_can_only_lie_outside():
    ended = permits(("A", None, "2020-01-01", box(0, 0, 100, 100)))
    seen = [Observation("patch", "7", None, box(0, 0, 150, 100))]
    (row,) = find_violations(seen, ended, EXACT).to_dict("records")
    assert (row["finding"], row["area_m2"], row["first_date"], row["days"]) == ("outside", 5000, None, 0)


def test_findings_are_sorted_by_kind_and_area_and_counted():
    ended = permits(("A", None, "2020-01-01", box(0, 0, 100, 100)))
    seen = [basin(box(200, 0, 210, 10), name="k2"), basin(box(0, 0, 10, 10)), basin(box(200, 50, 300, 60), name="k3")]
    found = find_violations(seen, ended, EXACT)
    assert found["object"].tolist() == ["k1", "k3", "k2"]
    counts = summarise(found, ended, {"basins": 3})["findings"]
    assert counts == {
        "after_end": {"count": 1, "area_m2": 100.0},
        "before_start": {"count": 0, "area_m2": 0.0},
        "outside": {"count": 2, "area_m2": 1100.0},
    }
    assert permit_layer(ended, found)[["valid_until", "area_m2", "findings"]].to_numpy().tolist() == [
        ["2020-01-01", 10_000, 1]
    ]


def test_days_of_spans_that_overlap_count_once():
    assert covered_days([]) == 0
    assert covered_days([(date(2024, 1, 1), date(2024, 1, 13)), (date(2024, 1, 7), date(2024, 1, 19))]) == 18
    assert covered_days([(date(2024, 1, 1), date(2024, 1, 31)), (date(2024, 1, 5), date(2024, 1, 9))]) == 30


boxes = st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(1, 10)] * 2).map(
    lambda b: box(b[0], b[1], b[0] + b[2], b[1] + b[3])
)
days = st.one_of(st.none(), st.integers(0, 40).map(lambda n: date.fromordinal(738_900 + n)))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(boxes, days, days), max_size=5), boxes, st.integers(0, 30))
def test_findings_and_covered_ground_make_up_the_whole_object(rows, outline, start):
    """Brute force: the parts are disjoint, and together they are what no permit valid at the time covers."""
    terms = [(shape, *(sorted(pair) if None not in pair else pair)) for shape, *pair in rows]
    frame = permits(*((str(n), f and f.isoformat(), u and u.isoformat(), s) for n, (s, f, u) in enumerate(terms)))
    span = (date.fromordinal(738_900 + start), date.fromordinal(738_906 + start))
    found = find_violations([basin(outline, span)], frame, PermitSettings(tolerance_m=0, min_area_m2=0.001))
    valid = [s for s, f, u in terms if (f is None or f <= span[1]) and (u is None or u >= span[0])]
    rest = outline.difference(unary_union(valid))
    assert found["area_m2"].sum() == pytest.approx(rest.area)
    assert unary_union(list(found.geometry)).symmetric_difference(rest).area == pytest.approx(0, abs=1e-9)


def write(path, crs=UTM, **columns):
    shapes = columns.pop("geometry", [box(0, 0, 100, 100)])
    gpd.GeoDataFrame(columns, geometry=shapes, crs=crs).to_file(path)
    return path


def test_permits_are_read_with_their_dates_and_open_ends_are_told(tmp_path):
    path = write(
        tmp_path / "permits.gpkg", name=["A", "B"], valid_from=["2020-01-01", None], valid_until=["2024-12-31", None],
        geometry=[box(0, 0, 1, 1), box(5, 5, 6, 6)],
    )  # fmt: skip
    read = read_permits(path, UTM, EXACT)
    assert read.frame["valid_from"].tolist() == [date(2020, 1, 1), None]
    assert read.frame["valid_until"].tolist() == [date(2024, 12, 31), None]
    assert read.remarks == (
        f"{path}: 1 of 2 permits have no first day, so they count from the beginning.",
        f"{path}: 1 of 2 permits have no last day, so they count without end.",
    )


def test_permits_in_another_coordinate_system_are_moved_and_that_is_told(tmp_path):
    shape = gpd.GeoSeries([box(500_000, 5_500_000, 501_000, 5_501_000)], crs=UTM)
    path = write(tmp_path / "permits.geojson", crs=4326, name=["A"], geometry=shape.to_crs(4326))
    read = read_permits(path, UTM, PermitSettings(id_column="name", from_column=None, until_column=None))
    assert read.frame.crs == UTM
    assert read.frame.geometry[0].area == pytest.approx(1e6, rel=1e-6)
    assert read.remarks[0] == f"{path} was brought from WGS 84 to WGS 84 / UTM zone 34N."


def test_an_empty_file_of_permits_leaves_everything_outside_and_says_so(tmp_path):
    path = tmp_path / "permits.gpkg"
    write_geopackage(path, {"permits": gpd.GeoDataFrame({"name": []}, geometry=[], crs=UTM)})
    read = read_permits(path, UTM, EXACT)
    assert f"{path} holds no features." in read.remarks
    assert find_violations([basin(box(0, 0, 10, 10))], read, EXACT)["finding"].tolist() == ["outside"]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"name": ["A"], "valid_until": ["2024-01-01"]}, "expected valid_from too; correct the columns"),
        ({"name": ["A"], "valid_from": ["last year"], "valid_until": ["2024-01-01"]},
         "permit A: found 'last year' in column valid_from, expected a date as YYYY-MM-DD"),
        ({"name": ["A"], "valid_from": ["2024-02-01"], "valid_until": ["2024-01-01"]},
         "permit A ends 2024-01-01, expected not before 2024-02-01; correct its dates."),
        ({"name": ["A"], "geometry": [Point(0, 0)]}, "found Point, expected MultiPolygon or Polygon; convert"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_permits_is_one_sentence(tmp_path, columns, sentence):
    with pytest.raises(InputError) as error:
        read_permits(write(tmp_path / "permits.gpkg", **columns), UTM, EXACT)
    assert sentence in str(error.value)


def test_outlines_that_cross_themselves_are_mended_and_told(tmp_path):
    bow = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    given_ = read_given(write(tmp_path / "bow.gpkg", geometry=[bow]), UTM, POLYGONS)
    assert given_.frame.geometry.is_valid.all()
    assert given_.frame.geometry[0].area == pytest.approx(50)
    assert given_.remarks == (f"{tmp_path / 'bow.gpkg'}: 1 outlines cross themselves and were mended.",)


def test_a_file_without_a_coordinate_system_and_radar_geometry_are_refused(tmp_path):
    path = tmp_path / "bare.gpkg"
    write_geopackage(path, {"permits": gpd.GeoDataFrame({"name": ["A"]}, geometry=[box(0, 0, 1, 1)])})
    with pytest.raises(InputError, match="found no coordinate system, expected one; assign it to the file"):
        read_given(path, UTM, POLYGONS)
    with pytest.raises(InputError, match="area a: found radar geometry, expected a map"):
        metric_crs(gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)]), "area a")


def test_an_area_in_radar_geometry_gets_empty_findings_and_a_remark(tmp_path):
    outlines = gpd.GeoDataFrame({"basin": ["k1"]}, geometry=[box(0, 0, 9, 9)])
    write_geopackage(tmp_path / "basins.gpkg", {"basins": outlines, "detections": outlines})
    inputs = {"basins": tmp_path / "basins.gpkg", "permits": tmp_path / "permits.gpkg"}
    output = {"layers": tmp_path / "p.gpkg", "table": tmp_path / "p.csv", "summary": tmp_path / "p.json"}
    check_permits("upper", inputs, None, EXACT, output)
    summary = json.loads(output["summary"].read_text())
    assert summary["remarks"] == ["Area upper in radar geometry cannot be held against permits; geocode the stack."]
    assert summary["objects"] == {"basins": 0, "patches": 0}
    assert [len(read_vectors(output["layers"], name)) for name in ("findings", "permits")] == [0, 0]
    assert len(output["table"].read_text().splitlines()) == 1


def test_a_table_without_geometry_is_refused(tmp_path):
    (tmp_path / "permits.csv").write_text("name,valid_from\nA,2020-01-01\n")
    with pytest.raises(InputError, match="found a table without geometry, expected MultiPolygon or Polygon; correct"):
        read_given(tmp_path / "permits.csv", UTM, POLYGONS)


def test_distances_are_measured_in_metres_whatever_the_map():
    frame = gpd.GeoDataFrame(geometry=[Point(18.9, 50.2)], crs=4326)
    assert metric_crs(frame, "area") == CRS.from_epsg(32634)
    assert metric_crs(frame.to_crs(UTM), "area") == UTM
    assert metric_crs(frame.iloc[:0], "area").axis_info[0].unit_name == "metre"


def test_basins_and_patches_are_read_with_what_is_known_of_their_time(tmp_path):
    detections = gpd.GeoDataFrame(
        {"basin": ["k1", ""], "date1": ["2024-03-01"] * 2, "date2": ["2024-03-13"] * 2},
        geometry=[box(0, 0, 1, 1), box(5, 5, 6, 6)], crs=UTM,
    )  # fmt: skip
    patches = gpd.GeoDataFrame(
        {"id": [1, 2, 3], "activity": ["positive", "none", "negative"]},
        geometry=[MultiPolygon([box(0, 0, 1, 1)])] * 3,
        crs=UTM,
    )
    path = tmp_path / "objects.gpkg"
    write_geopackage(path, {"detections": detections, "patches": patches})
    assert [seen[:3] for seen in observed_basins(path, UTM)] == [("basin", "k1", MARCH)]
    assert [seen[:3] for seen in observed_patches(path, UTM, MARCH)] == [
        ("patch", "1", MARCH), ("patch", "2", None), ("patch", "3", MARCH)
    ]  # fmt: skip

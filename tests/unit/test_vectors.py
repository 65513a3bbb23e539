import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.vectors import burn, footprints, polygons_of, read_vectors, write_geopackage, write_geoparquet
from pandas.testing import assert_frame_equal
from shapely.geometry import LineString, MultiLineString, box

UTM = Grid.from_map(40, 30, Affine(20, 0, 500_000, 0, -20, 4_000_000), "EPSG:32650")
RADAR = Grid(40, 30, None, None, (2.3, 14.0))


def boxes(crs="EPSG:32650"):
    geometry = [shapely.box(0, 0, 2, 1), shapely.box(5, 5, 6, 8)]
    return gpd.GeoDataFrame({"basin": ["k1", "k2"], "area_m2": [2.0, 3.0], "n": [1, 4]}, geometry=geometry, crs=crs)


def random_labels(seed):
    labels = np.random.default_rng(seed).integers(0, 5, (30, 40))
    labels[0, :5] = np.arange(5)
    return labels


def test_a_geopackage_has_the_same_bytes_when_written_twice_at_different_times(tmp_path):
    layers = {
        "basins": boxes(),
        "clusters": boxes().iloc[:0],
        "timeline": pd.DataFrame({"basin": ["k1"], "score": [0.5]}),
    }
    write_geopackage(tmp_path / "a" / "x.gpkg", layers)
    time.sleep(1.1)
    write_geopackage(tmp_path / "b" / "x.gpkg", layers)
    assert (tmp_path / "a" / "x.gpkg").read_bytes() == (tmp_path / "b" / "x.gpkg").read_bytes()


def test_a_geopackage_leaves_no_temporary_file_and_replaces_the_old_one(tmp_path):
    write_geopackage(tmp_path / "x.gpkg", {"old": boxes()})
    write_geopackage(tmp_path / "x.gpkg", {"new": boxes()})
    assert [p.name for p in tmp_path.iterdir()] == ["x.gpkg"]
    assert gpd.list_layers(tmp_path / "x.gpkg")["name"].tolist() == ["new"]


@pytest.mark.parametrize("crs", ["EPSG:32650", None])
def test_what_a_geopackage_holds_is_read_back(tmp_path, crs):
    write_geopackage(tmp_path / "x.gpkg", {"basins": boxes(crs)})
    read = read_vectors(tmp_path / "x.gpkg", "basins")
    assert read.crs == (None if crs is None else "EPSG:32650")
    assert read.geometry.geom_equals(boxes(crs).geometry).all()
    assert read["n"].tolist() == [1, 4]
    assert read["basin"].tolist() == ["k1", "k2"]


@pytest.mark.parametrize("suffix", ["gpkg", "parquet"])
def test_an_empty_frame_keeps_its_columns_and_crs(tmp_path, suffix):
    path, empty = tmp_path / f"x.{suffix}", boxes().iloc[:0]
    if suffix == "gpkg":
        write_geopackage(path, {"basins": empty})
    else:
        write_geoparquet(path, empty)
    read = read_vectors(path)
    assert len(read) == 0
    assert read.columns.tolist() == empty.columns.tolist()
    assert read.crs == empty.crs
    assert [read[c].dtype for c in ("area_m2", "n")] == [np.float64, np.int64]


@pytest.mark.parametrize(
    ("shapes", "kind"),
    [
        ([box(0, 0, 1, 1)], "MultiPolygon"),
        ([], "MultiPolygon"),
        ([LineString([(0, 0), (1, 1)]), MultiLineString([[(0, 0), (1, 0)], [(0, 1), (1, 1)]])], "MultiLineString"),
        ([LineString([(0, 0), (1, 1)]), box(0, 0, 1, 1)], "Unknown"),
    ],
)
def test_a_layer_has_one_type_of_geometry_where_qgis_can_draw_it_as_one(tmp_path, shapes, kind):
    write_geopackage(
        tmp_path / "a.gpkg", {"a": gpd.GeoDataFrame({"n": range(len(shapes))}, geometry=shapes, crs=32634)}
    )
    assert pyogrio.read_info(tmp_path / "a.gpkg", layer="a")["geometry_type"] == kind


def test_geoparquet_returns_the_same_frame_and_the_same_bytes(tmp_path):
    for name in ("a.parquet", "b.parquet"):
        write_geoparquet(tmp_path / name, boxes(None))
    assert_frame_equal(pd.DataFrame(read_vectors(tmp_path / "a.parquet")), pd.DataFrame(boxes(None)))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


@pytest.mark.parametrize("suffix", ["gpkg", "parquet"])
def test_a_file_that_is_no_vector_file_is_named_in_the_error(tmp_path, suffix):
    path = tmp_path / f"bad.{suffix}"
    path.write_text("not a vector file")
    with pytest.raises(InputError, match=f"bad.{suffix}"):
        read_vectors(path)


def test_a_missing_layer_is_named_in_the_error(tmp_path):
    write_geopackage(tmp_path / "x.gpkg", {"basins": boxes()})
    with pytest.raises(InputError, match="roads"):
        read_vectors(tmp_path / "x.gpkg", "roads")


@pytest.mark.parametrize("grid", [UTM, RADAR])
def test_outlines_of_labels_are_valid_and_burn_back_to_the_same_pixels(grid):
    labels = random_labels(3)
    polygons = polygons_of(labels, grid)
    assert len(polygons) == 4
    assert all(p.is_valid for p in polygons)
    for number, polygon in enumerate(polygons, start=1):
        assert np.array_equal(burn([polygon], grid), labels == number)
        assert np.isclose(polygon.area, (labels == number).sum() * abs(grid.affine.a * grid.affine.e))


def test_an_outline_in_radar_geometry_is_in_columns_and_rows():
    labels = np.zeros((30, 40), int)
    labels[4:6, 10:13] = 1
    assert polygons_of(labels, RADAR)[0].bounds == (10, 4, 13, 6)


def test_a_footprint_outside_the_grid_is_empty_and_one_across_the_border_is_clipped():
    outside, across = footprints([shapely.box(100, 100, 120, 110), shapely.box(-5, -5, 2, 3)], RADAR)
    raster = np.arange(30 * 40).reshape(30, 40)
    assert outside.of(raster).size == 0
    assert across.of(raster).tolist() == [0, 1, 40, 41, 80, 81]

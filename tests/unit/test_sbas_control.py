import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.sbas.corrections.control import read_control_points
from basinwatch.vectors import write_geopackage

GRID = Grid.from_map(48, 40, Affine(30, 0, 400_000, 0, -30, 4_200_000), "EPSG:32650")
PLACES = [shapely.Point(400_100, 4_199_900), shapely.Point(401_000, 4_199_000)]


def written(folder, places=PLACES, crs="EPSG:32650", **columns):
    path = folder / "stations.gpkg"
    write_geopackage(path, {"stations": gpd.GeoDataFrame(columns, geometry=places, crs=crs)})
    return path


def test_stations_in_degrees_land_on_the_grid_with_their_rates(tmp_path):
    degrees = gpd.GeoSeries(PLACES, crs="EPSG:32650").to_crs("EPSG:4326")
    found = read_control_points(written(tmp_path, degrees, "EPSG:4326", rate_mm_yr=[1.5, -2], name=["a", "b"]), GRID)
    assert [point.rate_mm_per_year for point in found] == [1.5, -2]
    for point, place in zip(found, PLACES, strict=True):
        assert point.place.distance(place) < 0.01


@pytest.mark.parametrize(
    ("columns", "places", "words"),
    [
        ({"rate": [1.0, 2.0]}, PLACES, "found columns rate, expected rate_mm_yr"),
        ({"rate_mm_yr": [1.0, np.nan]}, PLACES, "found a rate_mm_yr that is no number"),
        ({"rate_mm_yr": ["fast", "slow"]}, PLACES, "found a rate_mm_yr that is no number"),
        ({"rate_mm_yr": [1.0]}, [PLACES[0].buffer(50)], "found (Multi)?Polygon, expected points"),
        ({"rate_mm_yr": np.zeros(0)}, [], "found nothing, expected points"),
    ],
)
def test_a_file_that_is_no_list_of_stations_is_refused_with_one_sentence(tmp_path, columns, places, words):
    with pytest.raises(InputError, match=rf"stations\.gpkg: {words}"):
        read_control_points(written(tmp_path, places, **columns), GRID)


def test_stations_without_coordinate_system_are_refused_with_one_sentence(tmp_path):
    with pytest.raises(InputError, match="found no coordinate system, expected one, as the stack has"):
        read_control_points(written(tmp_path, crs=None, rate_mm_yr=[1.0, 2.0]), GRID)

import numpy as np
import pytest
from basinwatch.fusion.decomposition import LineOfSight, decompose, neglected
from basinwatch.fusion.slope import Terrain, from_east_up, from_line_of_sight

SPACING_M = (20.0, 30.0)
LINE = LineOfSight.of(39.0, -12.3)


def hillside(slope_deg, aspect_deg, shape=(12, 15)):
    """Heights of a plane that falls towards an azimuth."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    east, north = x * SPACING_M[1], -y * SPACING_M[0]
    aspect = np.radians(aspect_deg)
    return -np.tan(np.radians(slope_deg)) * (east * np.sin(aspect) + north * np.cos(aspect))


@pytest.mark.parametrize("aspect", [0.0, 37.0, 90.0, 180.0, 271.0])
def test_slope_and_aspect_of_a_plane_are_found(aspect):
    terrain = Terrain.of(hillside(20.0, aspect), SPACING_M)
    assert np.allclose(terrain.slope_deg, 20, rtol=0, atol=1e-9)
    assert np.allclose(np.exp(1j * np.radians(terrain.aspect_deg)), np.exp(1j * np.radians(aspect)), rtol=0, atol=1e-9)


def test_downhill_is_a_unit_vector_along_the_surface():
    terrain = Terrain.of(hillside(25.0, 130.0), SPACING_M)
    down = terrain.downhill()
    assert np.allclose(down.along(down), 1)
    normal = LineOfSight(
        np.sin(np.radians(25)) * np.sin(np.radians(130)), np.sin(np.radians(25)) * np.cos(np.radians(130)),
        np.cos(np.radians(25)),
    )  # fmt: skip
    assert np.allclose(down.along(normal), 0, rtol=0, atol=1e-12)
    assert (down.part("up") < 0).all()


def test_movement_down_the_slope_comes_back_from_one_line_of_sight():
    terrain = Terrain.of(hillside(30.0, 95.0), SPACING_M)
    toward = 12.0 * LINE.along(terrain.downhill())
    movement, r_index = from_line_of_sight(np.stack([toward, 2 * toward]), LINE, terrain)
    assert np.allclose(movement[0], 12)
    assert np.allclose(movement[1], 24)
    assert np.allclose(r_index, np.abs(LINE.along(terrain.downhill())))


def test_a_slope_that_the_satellite_does_not_see_moving_gives_nothing_but_its_index():
    terrain = Terrain.of(hillside(15.0, 180.0), SPACING_M)
    movement, r_index = from_line_of_sight(np.ones(terrain.slope_deg.shape), LINE, terrain)
    assert np.isnan(movement).all()
    assert (r_index < 0.3).all()


def test_ground_flatter_than_five_degrees_gives_nothing():
    for slope in (0.0, 4.9):
        terrain = Terrain.of(hillside(slope, 90.0), SPACING_M)
        ones = np.ones(terrain.slope_deg.shape)
        assert np.isnan(from_line_of_sight(ones, LINE, terrain)[0]).all()
        assert np.isnan(from_east_up(ones, ones, terrain)[0]).all()


def test_movement_from_east_and_up_is_the_least_squares_one():
    terrain = Terrain.of(hillside(22.0, 60.0), SPACING_M)
    down = terrain.downhill()
    design = np.array([[down.part("east")[3, 3]], [down.part("up")[3, 3]]])
    expected = np.linalg.lstsq(design, np.array([3.0, -7.0]), rcond=None)[0][0]
    ones = np.ones(terrain.slope_deg.shape)
    assert np.allclose(from_east_up(3 * ones, -7 * ones, terrain)[0], expected)
    assert np.allclose(from_east_up(5 * down.part("east"), 5 * down.part("up"), terrain)[0], 5)


@pytest.mark.parametrize("aspect", [0.0, 20.0, 75.0, 90.0, 175.0, 215.0, 300.0])
def test_sliding_on_a_tilted_plane_comes_back_from_two_tracks_wherever_they_show_it(aspect):
    slope, speed = 24.0, 18.0
    tilt, way = np.radians(slope), np.radians(aspect)
    east, north, up = np.cos(tilt) * np.sin(way), np.cos(tilt) * np.cos(way), -np.sin(tilt)
    lines = [LINE, LineOfSight.of(37.0, 192.3)]
    seen = [speed * (line.east * east + line.north * north + line.up * up) for line in lines]
    added = tuple(neglected("north", lines).tolist())
    terrain = Terrain.of(hillside(slope, aspect), SPACING_M)
    motion = [np.full(terrain.slope_deg.shape, part) for part in decompose(seen, lines).components]
    movement, r_index = from_east_up(*motion, terrain, added)
    # In closed form the two tracks show this share of the movement.
    share = np.hypot(east + added[0] * north, up + added[1] * north)
    assert np.allclose(r_index, share)
    assert np.allclose(movement, speed if share >= 0.3 else np.nan, equal_nan=True)
    assert (share < 0.3) == (aspect == 175)


def test_a_gentle_slope_to_the_north_shows_too_little_in_east_and_up():
    terrain = Terrain.of(hillside(10.0, 0.0), SPACING_M)
    ones = np.ones(terrain.slope_deg.shape)
    movement, r_index = from_east_up(ones, ones, terrain)
    assert np.isnan(movement).all()
    assert np.allclose(r_index, np.sin(np.radians(10)))


def test_the_aspect_of_flat_ground_is_zero_in_both_covariates():
    cosine, sine = Terrain.of(hillside(0.5, 200.0), SPACING_M).aspect_covariates()
    assert not cosine.any()
    assert not sine.any()
    cosine, sine = Terrain.of(hillside(8.0, 200.0), SPACING_M).aspect_covariates()
    assert np.allclose(cosine, np.cos(np.radians(200)))
    assert np.allclose(sine, np.sin(np.radians(200)))


def test_unknown_heights_leave_the_covariates_unknown():
    heights = hillside(10.0, 90.0)
    heights[5, 5] = np.nan
    cosine, _ = Terrain.of(heights, SPACING_M).aspect_covariates()
    assert np.isnan(cosine[5, 4])
    assert np.isfinite(cosine[0, 0])

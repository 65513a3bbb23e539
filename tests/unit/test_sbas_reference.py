"""The reference set: where it may lie, what it is made of, what is subtracted there."""

import logging

import numpy as np
import pytest
import shapely
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.sbas.corrections.reference import (
    ReferenceSettings,
    date_offsets,
    given_ground,
    near,
    pair_surfaces,
    plane_terms,
    slow,
    stable_ground,
    surface_at,
    thinned,
)
from basinwatch.sbas.observations import Survey
from basinwatch.sbas.pixels import Pixels

GRID = Grid.from_map(20, 20, Affine(30, 0, 400_000, 0, -30, 4_200_000), "EPSG:32650")
EVERYWHERE = np.ones(GRID.shape, bool)
NOWHERE = ~EVERYWHERE
FEW = ReferenceSettings(min_px=50)


def survey(valid_share=1.0, coherence=1.0):
    return Survey(*(np.broadcast_to(np.float32(v), GRID.shape) for v in (valid_share, coherence)))


def pixel(row, column):
    return shapely.Point(400_000 + 30 * (column + 0.5), 4_200_000 - 30 * (row + 0.5))


def test_too_little_valid_ground_gives_way_to_the_most_often_valid_pixels():
    share = np.linspace(0, 0.5, 400, dtype=np.float32).reshape(20, 20)
    assert np.array_equal(np.flatnonzero(stable_ground(survey(share), NOWHERE, FEW)), np.arange(350, 400))


def test_too_little_coherent_ground_gives_way_to_the_most_coherent_pixels():
    coherence = np.linspace(0, 0.6, 400, dtype=np.float32).reshape(20, 20)
    chosen = stable_ground(survey(coherence=coherence), NOWHERE, FEW)
    assert np.array_equal(np.flatnonzero(chosen), np.arange(350, 400))


def test_ground_of_unknown_coherence_counts_as_coherent():
    coherence = np.full(GRID.shape, 0.5, np.float32)
    coherence[:10] = np.nan
    assert np.array_equal(stable_ground(survey(coherence=coherence), NOWHERE, FEW), np.indices(GRID.shape)[0] < 10)


def test_an_island_that_is_unwrapped_apart_is_not_stable_ground():
    share = np.ones(GRID.shape, np.float32)
    share[:, 12:14] = 0.2
    assert not stable_ground(survey(share), NOWHERE, FEW)[:, 12:].any()
    assert stable_ground(survey(share), NOWHERE, FEW)[:, :12].all()


def test_the_largest_part_does_not_count_when_all_of_it_is_excluded():
    share = np.ones(GRID.shape, np.float32)
    share[:, 12:14] = 0.2
    excluded = np.indices(GRID.shape)[1] < 12
    assert stable_ground(survey(share), excluded, FEW)[:, 14:].all()


@pytest.mark.parametrize(("distance_m", "count"), [(0, 1), (30, 5), (43, 9), (60, 13)])
def test_pixels_near_a_point_lie_within_the_distance_of_its_pixel(distance_m, count):
    found = near([pixel(7, 11)], GRID, distance_m)
    assert found.sum() == count
    assert found[7, 11]


def test_distance_counts_metres_where_pixels_are_not_square():
    wide = Grid.from_map(20, 20, Affine(60, 0, 0, 0, -20, 0), "EPSG:32650")
    found = near([shapely.Point(60 * 10.5, -20 * 10.5)], wide, 60)
    assert np.flatnonzero(found[10]).tolist() == [9, 10, 11]
    assert np.flatnonzero(found[:, 10]).tolist() == list(range(7, 14))


def test_a_point_outside_the_grid_has_no_pixels():
    assert not near([pixel(-1, 3)], GRID, 100).any()


def test_a_polygon_and_a_point_given_as_reference_are_taken_where_they_are_valid():
    valid = EVERYWHERE.copy()
    valid[0] = False
    square = shapely.box(400_000, 4_200_000 - 90, 400_000 + 90, 4_200_000)
    chosen = given_ground([square, pixel(15, 15)], [], valid, GRID, ReferenceSettings(place_radius_m=30))
    assert chosen.sum() == 6 + 5
    assert chosen[1:3, :3].all()
    assert chosen[15, 15]


def test_a_reference_inside_a_mine_is_refused():
    mine = pixel(5, 5).buffer(100)
    with pytest.raises(InputError, match="reference: found place 2 inside a detected basin, expected stable ground"):
        given_ground([pixel(15, 15), pixel(5, 5)], [mine], EVERYWHERE, GRID, ReferenceSettings())


def test_the_ground_around_a_point_leaves_out_a_mine_beside_it():
    mine = shapely.box(*pixel(0, 0).bounds[:2], *pixel(19, 9).bounds[:2]).buffer(15)
    chosen = given_ground([pixel(10, 11)], [mine], EVERYWHERE, GRID, ReferenceSettings(place_radius_m=90))
    assert chosen[10, 10:15].all()
    assert not chosen[:, :10].any()


def test_a_reference_without_any_observation_is_refused():
    with pytest.raises(InputError, match="reference: found no valid pixel there"):
        given_ground([pixel(5, 5)], [], NOWHERE, GRID, ReferenceSettings())


def test_thinning_takes_the_same_pixels_of_the_mask_every_time():
    mask = np.random.default_rng(0).random(GRID.shape) < 0.5
    one, two = thinned(mask, 30), thinned(mask, 30)
    assert one.sum() == 30
    assert not (one & ~mask).any()
    assert np.array_equal(one, two)
    assert np.array_equal(thinned(mask, 1000), mask)


def test_fast_pixels_leave_the_reference_and_slow_ones_stay():
    rate = np.r_[np.random.default_rng(0).normal(2, 0.5, 300), np.full(60, -30.0), np.nan]
    kept = slow(rate, np.ones(361, bool), 5.0, 50)
    assert kept[:300].all()
    assert not kept[300:].any()


def test_where_all_rates_scatter_the_limit_grows_with_them():
    rate = np.random.default_rng(0).normal(0, 40, 1000)
    kept = slow(rate, np.ones(1000, bool), 5.0, 50)
    assert kept.mean() > 0.99
    assert np.abs(rate[kept]).max() < 3.3 * 40


def test_as_many_pixels_as_asked_for_stay_even_if_they_are_fast():
    rate = np.r_[np.zeros(30), np.linspace(10, 20, 20)]
    assert slow(rate, np.ones(50, bool), 5.0, 40).sum() == 40


def test_a_plane_per_pair_comes_back_and_half_of_the_pixels_may_be_wild_for_a_constant():
    pixels = Pixels.where(EVERYWHERE, GRID)
    plane = 3 + plane_terms(pixels)[1] * 5 - plane_terms(pixels)[2] * 2
    members = np.arange(400) % 2 == 0
    phase = np.where(members, plane, 99)[None]
    surfaces = pair_surfaces(phase, members, pixels, ReferenceSettings(surface="plane"), ["a"])
    np.testing.assert_allclose(surface_at(surfaces[0], plane_terms(pixels)), plane, atol=1e-5)
    wild = np.where(np.arange(400) < 190, 50.0, 7.0)[None]
    assert pair_surfaces(wild, np.ones(400, bool), pixels, ReferenceSettings(), ["a"])[0].tolist() == [7, 0, 0]


def test_a_pair_without_enough_reference_pixels_is_left_out_and_named(caplog):
    pixels = Pixels.where(EVERYWHERE, GRID)
    phase = np.zeros((2, 400))
    phase[1, 9:] = np.nan
    with caplog.at_level(logging.WARNING):
        surfaces = pair_surfaces(phase, np.ones(400, bool), pixels, ReferenceSettings(), ["good", "20200101_20200113"])
    assert np.isfinite(surfaces[0]).all()
    assert np.isnan(surfaces[1]).all()
    assert "20200101_20200113: left out, only 9 reference pixels are valid" in caplog.text


def test_offsets_of_dates_are_medians_of_members_that_have_a_series():
    series = np.array([[0.0, 0, 0, np.nan], [1, 2, 9, np.nan]])
    assert date_offsets(series, np.array([True, True, True, True])).tolist() == [0, 2]
    assert date_offsets(series, np.array([False, False, False, True])).tolist() == [0, 0]

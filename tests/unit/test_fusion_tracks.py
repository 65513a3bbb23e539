from datetime import timedelta

import numpy as np
import pytest
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.fusion.decomposition import LineOfSight, decompose, neglected
from basinwatch.fusion.tracks import Track, level, on_common_dates, onto
from basinwatch.grid import Grid
from basinwatch.simulation.products.truth import displacement_mm, rate_mm_per_year

from tests.unit.simulated_stack import DATES, simulated, true_movement

LAG_DAYS = 5


@pytest.fixture(scope="module")
def stacks():
    return [simulated(**{"pass": name}) for name in ("ascending", "descending")]


@pytest.fixture(scope="module")
def tracks(stacks):
    """Displacement of the same ground without noise, the second track some days after the first."""
    days = [DATES, [day + timedelta(days=LAG_DAYS) for day in DATES]]
    return [
        Track(tuple(dates), np.stack([displacement_mm(stack, day) for day in dates]), LineOfSight(*stack.track.line))
        for stack, dates in zip(stacks, days, strict=True)
    ]


def test_mines_seen_by_two_tracks_at_different_dates_come_back_in_east_and_up(stacks, tracks):
    common = on_common_dates(tracks)
    lines = [track.line for track in common]
    assert common[1].dates == tuple(DATES[1:])
    east, up = decompose([track.displacement_mm for track in common], lines).components
    true_east, true_north, true_up = true_movement(stacks[0], DATES[1], DATES[-1])
    leak = neglected("north", lines)
    assert true_up.min() < -500
    assert np.abs(east[-1] - true_east - leak[0] * true_north).max() < 1
    assert np.abs(up[-1] - true_up - leak[1] * true_north).max() < 1
    assert not east[0].any()


def test_windows_of_tracks_give_the_same_as_the_whole(tracks):
    whole = on_common_dates(tracks)
    parts = on_common_dates([Track(t.dates, t.displacement_mm[:, 40:80, 10:90], t.line) for t in tracks])
    assert np.array_equal(parts[1].displacement_mm, whole[1].displacement_mm[:, 40:80, 10:90])


def test_a_smooth_error_of_one_track_is_removed_and_the_mines_are_kept(stacks):
    lines = tuple(LineOfSight(*stack.track.line) for stack in stacks)
    rates = [rate_mm_per_year(stack, DATES).astype(np.float64) for stack in stacks]
    moving = np.max([np.abs(rate) for rate in rates], axis=0) > 3
    y, x = np.mgrid[0 : moving.shape[0], 0 : moving.shape[1]] / 240
    aspect = np.random.default_rng(0).uniform(0, 2 * np.pi, moving.shape)
    error = 12 * x - 7 * y + 6 * np.sin(2 * x + y) + 4 * np.cos(aspect)
    disturbed = (rates[0] + error, rates[1])
    covariates = [np.cos(aspect), np.sin(aspect)]
    levelled = level(disturbed, lines, ~moving, covariates, (30.0, 30.0), 900.0, first_share=1.0)
    assert moving.mean() > 0.1
    assert np.abs(error).max() > 15
    assert np.abs(levelled.first - rates[0])[~moving].max() < 1.5
    assert np.abs(levelled.first - rates[0])[moving].max() < 0.05 * np.abs(rates[0]).max()
    assert np.array_equal(levelled.second, rates[1])


def test_a_difference_is_shared_out_between_the_tracks(stacks):
    lines = tuple(LineOfSight(*stack.track.line) for stack in stacks)
    offset = 8.0
    maps = (np.full((40, 50), offset * lines[0].up), np.zeros((40, 50)))
    levelled = level(maps, lines, np.ones((40, 50), bool), [], (30.0, 30.0), 200.0, first_share=0.25)
    assert np.allclose(levelled.first / lines[0].up, 0.75 * offset)
    assert np.allclose(levelled.second / lines[1].up, 0.75 * offset)


def test_a_range_of_bandwidths_is_searched(stacks):
    lines = tuple(LineOfSight(*stack.track.line) for stack in stacks)
    y, x = np.mgrid[0:60, 0:60]
    maps = (np.sin(x / 8) + np.cos(y / 8) + np.random.default_rng(0).normal(0, 0.1, x.shape), np.zeros(x.shape))
    levelled = level(maps, lines, np.ones(x.shape, bool), [], (30.0, 30.0), (60.0, 900.0))
    assert 60 < levelled.bandwidth_m < 300


def test_a_track_is_brought_to_another_grid():
    own = Grid.from_map(60, 50, Affine(30, 0, 345_000, 0, -30, 5_571_000), "EPSG:32634")
    grid = Grid.from_map(40, 30, Affine(30, 0, 345_315, 0, -30, 5_570_715), "EPSG:32634")
    y, x = np.mgrid[0:50, 0:60].astype(float)
    plane = 2 * x - 3 * y
    series = onto(np.stack([plane, plane + 1]), own, grid)
    rows, columns = np.mgrid[0:30, 0:40]
    assert series.dtype == np.float32
    assert np.allclose(series[0], 2 * (columns + 10.5) - 3 * (rows + 9.5), rtol=0, atol=1e-3)
    assert np.allclose(series[1] - series[0], 1, rtol=0, atol=1e-3)


def test_ground_outside_a_track_has_no_value_on_the_other_grid():
    own = Grid.from_map(20, 20, Affine(30, 0, 345_000, 0, -30, 5_571_000), "EPSG:32634")
    grid = Grid.from_map(30, 20, Affine(30, 0, 345_000, 0, -30, 5_571_000), "EPSG:32634")
    values = np.ones((20, 20))
    values[4, 4] = np.nan
    placed = onto(values, own, grid)
    assert np.isnan(placed[:, 21:]).all()
    assert np.isnan(placed[4, 4])
    assert (placed[10:, :19] == 1).all()


def test_radar_geometry_cannot_be_fused():
    radar = Grid(20, 20, None, None, (10.0, 20.0))
    with pytest.raises(InputError, match="radar geometry"):
        onto(np.ones((20, 20)), radar, radar)

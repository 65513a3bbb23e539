"""A simulated stack: what its dates and pairs share, and what they do not."""

from datetime import date

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.simulation.geometry import PHASE_PER_MM
from basinwatch.simulation.stack import Pair

from tests.unit.simulated_stack import DATES, FIRST, pair, simulated


@pytest.fixture(scope="module")
def example():
    return simulated()


@pytest.fixture(scope="module")
def hills():
    return simulated(mines=3, elevation=True)


def test_the_noise_free_phase_of_three_pairs_closes(hills):
    total = hills.pair_phase(pair(0, 1)) + hills.pair_phase(pair(1, 4)) - hills.pair_phase(pair(0, 4))
    assert np.abs(hills.pair_phase(pair(0, 4))).max() > 1
    assert np.abs(total).max() < 1e-3


def test_pairs_of_a_date_share_its_delay_and_other_pairs_do_not():
    still = simulated(mines=0)
    second = [still.pair_phase(pair(n, 2)) + still.acquisition(DATES[n]).phase() for n in (0, 1)]
    np.testing.assert_allclose(second[0], second[1], atol=1e-5)
    other = still.acquisition(DATES[3]).phase()
    assert abs(np.corrcoef(second[0].ravel(), other.ravel())[0, 1]) < 0.9
    assert np.abs(second[0] - other).std() > 0.05


def test_two_tracks_over_one_ground_give_back_its_movement():
    tracks = [simulated(seed=3, mines=4, **{"pass": name}) for name in ("ascending", "descending")]
    period = pair(0, 8)
    truth = np.zeros((3, *tracks[0].grid.shape))
    for movement in tracks[0].ground.movements(*tracks[0].days(period)):
        for component, total in zip((movement.east, movement.north, movement.up), truth, strict=True):
            part = np.zeros((total.shape[0] + 400, total.shape[1] + 400))
            part[movement.row + 200 :, movement.column + 200 :][: component.shape[0], : component.shape[1]] = component
            total += part[200:-200, 200:-200]
    seen = np.stack([-track.moved_phase(period) / PHASE_PER_MM for track in tracks])
    lines = np.array([track.track.line for track in tracks])
    seen -= lines[:, 1, None, None] * truth[1]
    east, up = np.einsum("ij,jkl->ikl", np.linalg.inv(lines[:, [0, 2]]), seen)
    assert truth[2].min() < -50
    np.testing.assert_allclose(up, truth[2], atol=0.01)
    np.testing.assert_allclose(east, truth[0], atol=0.01)
    assert np.abs(truth[0]).max() > 10


def test_two_tracks_share_heights_and_land_but_neither_air_nor_noise():
    up, down = (simulated(mines=0, elevation=True, **{"pass": name}) for name in ("ascending", "descending"))
    np.testing.assert_array_equal(up.ground.heights_m, down.ground.heights_m)
    np.testing.assert_array_equal(up.ground.land_coherence(0.8)[0], down.ground.land_coherence(0.8)[0])
    air = [track.acquisition(FIRST).turbulence_mm for track in (up, down)]
    assert abs(np.corrcoef(air[0].ravel(), air[1].ravel())[0, 1]) < 0.9
    noise = [track.observe(pair(0, 1)).interferogram for track in (up, down)]
    assert not np.array_equal(noise[0], noise[1])


def test_hills_add_delay_that_follows_them_and_errors_that_grow_with_the_baseline(hills):
    heights = hills.ground.heights_m
    acquisitions = [hills.acquisition(day) for day in DATES]
    slopes = np.array([np.polyfit(heights.ravel(), a.stratified_mm.ravel(), 1)[0] * 1000 for a in acquisitions])
    assert heights.std() > 10
    assert np.all([abs(np.corrcoef(heights.ravel(), a.stratified_mm.ravel())[0, 1]) > 0.999 for a in acquisitions])
    assert 3 < slopes.std() < 9
    error = hills.ground.height_error_m
    for a in acquisitions:
        left = a.phase() - (a.turbulence_mm + a.stratified_mm) * PHASE_PER_MM / np.cos(np.radians(39))
        per_metre = 4 * np.pi / 0.05546576 * a.baseline_m / (850_000 * np.sin(np.radians(39)))
        np.testing.assert_allclose(left, per_metre * error, atol=1e-4)
    assert 15 < np.std([a.baseline_m for a in acquisitions]) < 80


def test_delay_is_twice_as_strong_in_july_as_in_january():
    still = simulated(mines=0)
    rms = {
        month: np.mean([still.acquisition(date(year, month, 15)).turbulence_mm.std() for year in range(2024, 2054)])
        for month in (1, 7)
    }
    assert rms[7] / rms[1] == pytest.approx(2, rel=0.25)


def test_coherence_falls_with_time_and_towards_summer_and_over_moving_ground(example):
    still = np.zeros(example.grid.shape, np.float32)
    winter, longer = (example.true_coherence(pair(0, n), still) for n in (1, 6))
    summer = example.true_coherence(Pair(date(2023, 7, 9), date(2023, 7, 21)), still)
    assert winter.mean() > summer.mean() + 0.15
    assert winter.mean() > longer.mean() + 0.15
    moved = example.moved_phase(pair(0, 1))
    fast = moved > 20
    assert fast.sum() > 10
    assert example.true_coherence(pair(0, 1), moved)[fast].mean() < 0.5 * winter[fast].mean()


def test_unwrapped_phase_is_congruent_where_it_is_trusted_and_absent_elsewhere(example):
    observed = example.observe(pair(0, 1))
    unwrapped = observed.unwrapped()
    known = np.isfinite(unwrapped)
    assert 0.8 < known.mean() < 1
    assert observed.coherence[known].min() >= 0.3
    assert np.abs(np.angle(observed.interferogram[known] * np.exp(-1j * unwrapped[known]))).max() < 1e-3


def test_the_fast_mine_of_the_example_is_lost_by_unwrapping(example):
    fast = example.ground.mines[4]
    moved = fast.movement(example.ground.shape, example.ground.spacing, 0, 12).seen_along(example.track.line)
    truth = np.zeros(example.grid.shape, np.float32)
    moved.add_to(truth)
    unwrapped = example.observe(pair(0, 1)).unwrapped()
    assert truth.max() / PHASE_PER_MM > 200
    assert np.isfinite(unwrapped[truth > truth.max() / 2]).mean() < 0.5
    assert np.nanmax(unwrapped[truth > 1]) - np.nanmedian(unwrapped) < truth.max() / 2


def test_a_pair_is_the_same_whatever_was_made_before_it(hills):
    fresh = simulated(mines=3, elevation=True).observe(pair(1, 2))
    hills.observe(pair(2, 5))
    again = hills.observe(pair(1, 2))
    assert fresh.interferogram.tobytes() == again.interferogram.tobytes()
    assert fresh.coherence.tobytes() == again.coherence.tobytes()


def test_a_scene_before_the_first_date_and_swapped_dates_are_refused(example):
    with pytest.raises(InputError, match="found scene 2020-01-01, expected none before first_date"):
        example.pair_phase(Pair(date(2020, 1, 1), FIRST))
    with pytest.raises(InputError, match="expected the earlier of two dates first"):
        Pair.of(DATES[1], DATES[0])

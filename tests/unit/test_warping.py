"""Turns, zoom, shear and shifts move phase, coherence and labels together and invent no phase."""

import numpy as np
import pytest
from basinwatch.phase import wrap
from basinwatch.training.augmentation import AugmentationSettings, augment, generator, warp_at_random
from basinwatch.training.warping import warp, warp_matrix

SIDE = 64
ALWAYS = AugmentationSettings(
    offset=False, flips=False, rotations=False, ramp_probability=0, noise_probability=0, coherence_dropout=0,
    warp_probability=1.0,
)  # fmt: skip


def ramp(down, right):
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return wrap((down * rows + right * columns).astype(np.float32))


def full(value=0.8):
    return np.full((SIDE, SIDE), value, np.float32)


def nothing():
    return np.zeros((SIDE, SIDE), np.uint8)


def bowl(row, column, sigma=6.0):
    """Six radians at the middle of a basin, wrapped; the basin is where it exceeds two."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    rise = 6 * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * sigma**2))
    return wrap(rise.astype(np.float32)), full(), (rise > 2).astype(np.uint8)


def test_a_quarter_turn_is_that_of_numpy():
    random = np.random.default_rng(1)
    tile = random.uniform(-3, 3, (SIDE, SIDE)).astype(np.float32), full(), random.integers(0, 4, (SIDE, SIDE), np.uint8)
    phase, coherence, target = warp(tile, warp_matrix(90.0, 1.0, 0.0), (0.0, 0.0))
    inside = slice(1, -1), slice(1, -1)
    np.testing.assert_allclose(phase[inside], np.rot90(tile[0])[inside], atol=1e-5)
    np.testing.assert_allclose(coherence[inside], 0.8, rtol=1e-6)
    np.testing.assert_array_equal(target[inside], np.rot90(tile[2])[inside])


@pytest.mark.parametrize(
    ("turn", "zoom", "shear"), [(0, 1, 0), (33, 1, 0), (0, 1.37, 0), (0, 0.8, 0.2), (-71, 1.2, 0.1)]
)
def test_a_ramp_across_many_wraps_stays_a_ramp_without_spurious_phase(turn, zoom, shear):
    slope = np.array([0.45, -0.3])
    matrix = warp_matrix(turn, zoom, shear)
    phase, _, _ = warp((ramp(*slope), full(), nothing()), matrix, (0.4, -0.7))
    expected = ramp(*(matrix.T @ slope)).astype(np.float64) - slope @ matrix @ (0.4, -0.7)
    seen = np.isfinite(phase)
    seen[[0, -1]] = seen[:, [0, -1]] = False
    error = np.angle(np.exp(1j * (phase - expected)))[seen]
    core = np.abs(error) < 0.05
    assert seen.mean() > 0.5
    assert core.mean() > 0.97
    assert np.abs(phase[seen]).max() <= np.pi + 1e-5


def test_ground_that_was_not_in_the_tile_has_no_data_and_no_basin():
    tile = ramp(0.1, 0.0), full(), np.ones((SIDE, SIDE), np.uint8)
    phase, coherence, target = warp(tile, warp_matrix(0, 1, 0), (10.0, 0.0))
    assert np.isnan(phase[:10]).all()
    assert np.isnan(coherence[:10]).all()
    assert not target[:10].any()
    np.testing.assert_allclose(phase[10:], tile[0][:-10], atol=1e-5)
    np.testing.assert_array_equal(target[10:], 1)


def test_missing_phase_and_unknown_coherence_stay_where_they_were_and_do_not_spread():
    phase, coherence, target = ramp(0.1, 0.2), full(), nothing()
    phase[20:30, 20:30] = np.nan
    coherence[40:50, 40:50] = np.nan
    moved = warp((phase, coherence, target), warp_matrix(0, 1, 0), (5.0, 3.0))
    expected = np.zeros((SIDE, SIDE), bool)
    expected[25:35, 23:33] = True
    np.testing.assert_array_equal(np.isnan(moved[0])[5:, 3:], expected[5:, 3:])
    assert np.isnan(moved[1][45:55, 43:53]).all()
    known = np.isfinite(moved[1])
    np.testing.assert_allclose(moved[1][known], 0.8, rtol=1e-5)


@pytest.mark.parametrize("seed", range(12))
def test_labels_move_with_the_phase(seed):
    phase, coherence, target = augment(bowl(36, 26), ALWAYS, generator(seed))
    basin, outside = np.isfinite(phase) & (target == 1), np.isfinite(phase) & (target == 0)
    assert basin.sum() > 30
    # Wrapped, the basin is beyond two radians or has turned negative; around it phase falls from two to nothing.
    assert ((phase[basin] > 1.7) | (phase[basin] < 0.05)).mean() > 0.97
    assert ((phase[outside] > -0.05) & (phase[outside] < 2.3)).mean() > 0.99
    assert coherence[basin].mean() == pytest.approx(0.8, abs=0.02)


def test_zoom_enlarges_a_basin_by_its_square_and_leaves_its_depth():
    small = bowl(31.5, 31.5)
    phase, _, target = warp(small, warp_matrix(0, 1.4, 0), (0.0, 0.0))
    assert target.sum() / small[2].sum() == pytest.approx(1.96, rel=0.05)
    assert np.angle(np.exp(1j * (phase[31, 31] - small[0][31, 31]))) == pytest.approx(0, abs=0.1)


def test_tiles_are_warped_only_if_asked_for_and_other_draws_stay_as_they_were():
    tile = bowl(30, 30)
    standard = AugmentationSettings()
    assert standard.warp_probability == 0
    assert all(a is b for a, b in zip(tile, warp_at_random(tile, standard, generator(1)), strict=True))
    moved = AugmentationSettings(warp_probability=1.0, turn_max_deg=0, zoom_max=1.0, shear_max=0, shift_max=0)
    still, same = augment(tile, standard, generator(4)), augment(tile, moved, generator(4))
    for before, after in zip(still, same, strict=True):
        np.testing.assert_allclose(before, after, atol=1e-4)


def test_as_many_tiles_are_warped_as_asked():
    tile = bowl(30, 30)
    half = AugmentationSettings(**(vars(ALWAYS) | {"warp_probability": 0.3}))
    moved = sum(warp_at_random(tile, half, generator(seed))[0] is not tile[0] for seed in range(300))
    assert 60 < moved < 120

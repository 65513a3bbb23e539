"""Properties of the Goldstein filter that hold for any correct implementation."""

import numpy as np
import pytest
from basinwatch.goldstein import filter_goldstein
from basinwatch.simulation.coherence import residues
from basinwatch.simulation.speckle import multilook


def _noise(shape, seed=0):
    rng = np.random.default_rng(seed)
    return np.exp(1j * rng.uniform(-np.pi, np.pi, shape)).astype(np.complex64)


@pytest.mark.parametrize("step", [None, 8, 4])
def test_alpha_zero_returns_the_phasors_unchanged(step):
    signal = _noise((70, 91))
    np.testing.assert_allclose(filter_goldstein(signal, 0, 32, step), signal, atol=2e-6)


def test_a_constant_phase_stays_what_it_is():
    signal = np.full((80, 80), 3 * np.exp(1j * 1.234), np.complex64)
    filtered = filter_goldstein(signal, 0.7)
    assert np.abs(np.angle(filtered) - 1.234).max() < 1e-6
    np.testing.assert_allclose(np.abs(filtered), 1, atol=1e-5)


@pytest.mark.parametrize("period", [5.0, 8.7, 16.3, 40.0])
@pytest.mark.parametrize(("step", "limit"), [(8, 0.012), (16, 0.085)])
def test_the_interior_of_a_ramp_keeps_its_phase(period, step, limit):
    ramp = 2 * np.pi / period * np.arange(160)[None] + np.zeros((160, 1))
    filtered = filter_goldstein(np.exp(1j * ramp).astype(np.complex64), 0.6, 32, step)
    error = np.angle(filtered * np.exp(-1j * ramp))[40:-40, 40:-40]
    assert np.abs(error).max() <= limit


def test_shifting_the_tile_by_one_step_shifts_the_result():
    signal = _noise((160, 160), 3)
    whole = filter_goldstein(signal, 0.6, 32, 16)
    shifted = filter_goldstein(signal[16:, 16:], 0.6, 32, 16)
    np.testing.assert_allclose(shifted[48:-48, 48:-48], whole[64:-48, 64:-48], atol=1e-6)


def test_matches_a_plain_loop_over_patches():
    signal, window, step, alpha = _noise((48, 64), 5), 16, 8, 0.8
    ramp = 1 - np.abs((np.arange(window) + 0.5) / (window / 2) - 1)
    padded = np.pad(signal.astype(complex), window - step, mode="symmetric")
    total, weights = np.zeros_like(padded), np.zeros(padded.shape)
    for row in range(0, padded.shape[0] - window + 1, step):
        for column in range(0, padded.shape[1] - window + 1, step):
            here = np.s_[row : row + window, column : column + window]
            spectrum = np.fft.fft2(padded[here])
            size = np.pad(np.abs(spectrum), 1, mode="wrap")
            smooth = sum(size[i : i + window, j : j + window] for i in range(3) for j in range(3))
            total[here] += np.fft.ifft2(spectrum * (smooth / smooth.max()) ** alpha) * np.outer(ramp, ramp)
            weights[here] += np.outer(ramp, ramp)
    inner = np.s_[window - step : step - window, window - step : step - window]
    np.testing.assert_allclose(filter_goldstein(signal, alpha, window, step), (total / weights)[inner], atol=2e-6)


def test_missing_pixels_stay_missing_and_touch_nothing_far_away():
    signal = _noise((96, 96), 7)
    holed = signal.copy()
    holed[10:14, 20:30] = 0
    holed[15, 25] = np.nan
    filtered = filter_goldstein(holed, 0.6)
    assert np.isfinite(filtered).all()
    assert (filtered[10:14, 20:30] == 0).all()
    assert filtered[15, 25] == 0
    np.testing.assert_array_equal(filtered[60:], filter_goldstein(signal, 0.6)[60:])


def test_stronger_filters_remove_more_residues_but_none_of_pure_noise():
    rng = np.random.default_rng(11)
    flat = np.zeros((256, 256), np.float32)
    density = {}
    for coherence in (0.05, 0.4):
        signal, _ = multilook(rng, flat, np.full_like(flat, coherence), 5)
        for alpha in (0.0, 0.3, 0.6, 1.0):
            density[coherence, alpha] = np.abs(residues(np.angle(filter_goldstein(signal, alpha)))).mean()
    falling = [density[0.4, a] for a in (0.0, 0.3, 0.6, 1.0)]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] == pytest.approx(0.072, rel=0.15)
    assert falling[2] < 0.25 * falling[0]
    assert density[0.05, 0.6] > 0.2


def test_a_step_that_does_not_divide_the_window_is_refused():
    with pytest.raises(ValueError, match="divide"):
        filter_goldstein(_noise((40, 40)), 0.5, 32, 12)

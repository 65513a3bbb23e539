import numpy as np
import pytest
from basinwatch.phase import wrap
from basinwatch.sbas.unwrapping import phase_consistency, unwrap


def bowl(noise=0.0, seed=0):
    """True phase of a bowl of six cycles on a ramp, and its wrapped form."""
    y, x = np.mgrid[0:160, 0:160]
    truth = 12 * np.pi * np.exp(-((y - 80) ** 2 + (x - 70) ** 2) / (2 * 30**2)) + 0.03 * x
    return truth, wrap(truth + np.random.default_rng(seed).normal(0, noise, truth.shape)).astype(np.float32)


def wrong_cycles(unwrapped, truth):
    """Share of valid pixels on another cycle than most."""
    ok = np.isfinite(unwrapped)
    cycle = np.rint((unwrapped[ok] - truth[ok]) / (2 * np.pi))
    return (cycle != np.median(cycle)).mean()


@pytest.mark.parametrize("coherence", [None, np.full((160, 160), 0.8, np.float32)])
def test_a_noisy_bowl_is_unwrapped_to_its_true_cycles(coherence):
    truth, phase = bowl(noise=0.4)
    unwrapped, components = unwrap(phase, coherence, 10)
    assert np.isfinite(unwrapped).mean() > 0.95
    assert wrong_cycles(unwrapped, truth) < 0.001
    assert components.dtype == np.uint32


def test_the_unwrapped_phase_is_congruent_with_the_wrapped_one_and_keeps_its_sign():
    truth, phase = bowl()
    unwrapped, _ = unwrap(phase, np.full(phase.shape, 0.9, np.float32), 10)
    assert np.nanmax(np.abs(wrap(unwrapped - phase))) < 1e-4
    assert np.corrcoef(unwrapped.ravel(), truth.ravel())[0, 1] > 0.999


def test_pixels_without_phase_stay_without_and_do_not_disturb_their_neighbours():
    truth, phase = bowl(noise=0.2)
    phase[100:120, 20:140] = np.nan
    unwrapped, components = unwrap(phase, None, 10)
    assert np.isnan(unwrapped[100:120, 20:140]).all()
    assert (components[100:120, 20:140] == 0).all()
    assert wrong_cycles(unwrapped, truth) < 0.001


def test_pure_noise_is_left_out_as_unreliable():
    _, phase = bowl()
    rng = np.random.default_rng(1)
    phase[:, 110:] = rng.uniform(-np.pi, np.pi, (160, 50))
    coherence = np.full(phase.shape, 0.9, np.float32)
    coherence[:, 110:] = 0.02
    unwrapped, components = unwrap(phase, coherence, 10)
    assert np.isnan(unwrapped[:, 115:]).mean() > 0.9
    assert np.isfinite(unwrapped[:, :105]).all()
    assert np.array_equal(np.isfinite(unwrapped), components > 0)


def test_unwrapping_twice_gives_the_same_bytes():
    _, phase = bowl(noise=0.8, seed=3)
    first, second = (unwrap(phase, None, 4)[0].tobytes() for _ in range(2))
    assert first == second


def test_an_interferogram_without_any_phase_has_no_component():
    unwrapped, components = unwrap(np.full((20, 30), np.nan, np.float32), None, 4)
    assert np.isnan(unwrapped).all()
    assert not components.any()


def test_phase_consistency_is_one_on_constant_phase_with_gaps_and_low_in_noise():
    phase = np.full((40, 40), 2.5, np.float32)
    phase[10:13, 10:13] = np.nan
    noise = np.random.default_rng(0).uniform(-np.pi, np.pi, (40, 40)).astype(np.float32)
    constant = phase_consistency(phase)
    assert np.allclose(constant[np.isfinite(phase)], 1, atol=1e-6)
    assert np.isnan(constant[11, 11])
    assert phase_consistency(noise).mean() < 0.3

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.phase import wrap
from basinwatch.sbas import unwrapping
from basinwatch.sbas.unwrapping import METHODS, connected_areas, phase_consistency, unwrap

from tests.unit.simulated_stack import pair, simulated


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


@pytest.fixture(params=METHODS)
def method(request):
    """Every method; those whose package is not installed are skipped."""
    if not METHODS[request.param].is_installed:
        pytest.skip(f"{METHODS[request.param].module} is not installed: pip install {METHODS[request.param].package}")
    return request.param


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


def test_every_method_puts_a_simulated_pair_on_its_right_cycles(method):
    stack = simulated()
    observed = stack.observe(pair(0, 1))
    phase = np.angle(observed.interferogram)
    unwrapped, components = unwrap(phase, observed.coherence, 10, method)
    reached = np.isfinite(unwrapped)
    truth = stack.pair_phase(pair(0, 1))
    # A congruent result can do no better than the truth plus the wrapped noise.
    cycles = np.rint((unwrapped - truth - wrap(phase - truth))[reached] / (2 * np.pi))
    _, counts = np.unique(cycles, return_counts=True)
    assert reached.mean() > 0.95
    assert counts.max() / counts.sum() >= 0.99
    assert np.array_equal(reached, components > 0)


def test_every_method_is_congruent_with_the_wrapped_phase_and_leaves_gaps_alone(method):
    _, phase = bowl(noise=0.3)
    phase[70:90, 20:120] = np.nan
    unwrapped, components = unwrap(phase, np.full(phase.shape, 0.8, np.float32), 10, method)
    assert (unwrapped.dtype, components.dtype) == (np.float32, np.uint32)
    assert np.isnan(unwrapped[70:90, 20:120]).all()
    assert np.isfinite(unwrapped).mean() > 0.85
    assert np.nanmax(np.abs(wrap(unwrapped - phase))) < 1e-4


def test_areas_without_a_bridge_are_components_of_their_own(method):
    _, phase = bowl(noise=0.2)
    phase[:, 60:100] = np.nan
    _, components = unwrap(phase, np.full(phase.shape, 0.9, np.float32), 10, method)
    left, right = (set(np.unique(part[part > 0])) for part in (components[:, :60], components[:, 100:]))
    assert left
    assert right
    assert not left & right


def test_an_unknown_method_is_refused_with_the_names_there_are():
    with pytest.raises(
        InputError, match="found method 'magic', expected one of whirlwind, kamui, scikit-image, snaphu"
    ):
        unwrap(bowl()[1], None, 4, "magic")


def test_a_method_that_is_not_installed_is_refused_with_what_to_install(monkeypatch):
    absent = unwrapping.Method("no_such_module", "kamui", METHODS["kamui"].solve)
    monkeypatch.setitem(METHODS, "kamui", absent)
    with pytest.raises(InputError, match=r"install it \(pip install kamui\)"):
        unwrap(bowl()[1], None, 4, "kamui")


def test_given_phase_has_its_connected_areas_as_components():
    phase = np.ones((6, 9), np.float32)
    phase[:, 4] = np.nan
    labels = connected_areas(phase)
    assert labels.max() == 2
    assert (labels[:, 4] == 0).all()
    assert len(np.unique(labels[:, 5:])) == 1

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.sbas.weights import MAX_LOOKS, pair_weights, phase_density, phase_variance
from scipy.integrate import quad

COHERENCE = np.array([0.05, 0.2, 0.5, 0.8, 0.95, 0.999])
NEAR_ZERO = (0.001, 0.01, 0.1, 1.0)


def closed_form_of_one_look(phase, coherence):
    beta = coherence * np.cos(phase)
    tail = beta * np.arccos(-beta) / np.sqrt(1 - beta**2)
    return (1 - coherence**2) / (2 * np.pi * (1 - beta**2)) * (1 + tail)


@pytest.mark.parametrize("looks", [1, 2.5, 20, 80])
def test_the_phase_density_integrates_to_one(looks):
    for gamma in COHERENCE:
        total = quad(lambda phase: phase_density(phase, gamma, looks), 0, np.pi, points=NEAR_ZERO, limit=300)[0]  # noqa: B023
        assert 2 * total == pytest.approx(1, abs=1e-9)


def test_the_phase_density_of_one_look_has_its_closed_form():
    phase = np.linspace(-3.1, 3.1, 41)
    for gamma in COHERENCE:
        assert phase_density(phase, gamma, 1.0) == pytest.approx(closed_form_of_one_look(phase, gamma), rel=1e-12)


@pytest.mark.parametrize("looks", [1, 2.5, 20, 80])
def test_the_phase_variance_agrees_with_adaptive_quadrature(looks):
    for gamma, variance in zip(COHERENCE, phase_variance(COHERENCE, looks), strict=True):
        half = quad(lambda x: x**2 * phase_density(x, gamma, looks), 0, np.pi, points=NEAR_ZERO, limit=300)[0]  # noqa: B023
        assert variance == pytest.approx(2 * half, rel=1e-8)


def test_the_phase_variance_is_that_of_simulated_speckle():
    rng, looks, gamma = np.random.default_rng(1), 4, 0.6
    first, second = rng.normal(size=(2, looks, 200_000)) + 1j * rng.normal(size=(2, looks, 200_000))
    other = gamma * first + np.sqrt(1 - gamma**2) * second
    phase = np.angle((first * other.conj()).sum(0))
    assert phase_variance(np.array([gamma]), looks)[0] == pytest.approx(phase.var(), rel=0.02)


def test_noise_without_coherence_has_the_variance_of_the_uniform_distribution():
    assert phase_variance(np.array([0.0]), 5.0)[0] == pytest.approx(np.pi**2 / 3)


def test_at_high_coherence_the_variance_weight_approaches_the_cramer_rao_bound():
    gamma = np.array([[0.95], [0.99]])
    variance, bound = (pair_weights(gamma, kind, 30.0) for kind in ("variance", "fisher"))
    assert variance == pytest.approx(bound, rel=0.05)


@pytest.mark.parametrize("looks", [1.0, 3.7, 20.0, 80.0])
def test_the_table_of_variances_is_fine_enough(looks):
    gamma = np.random.default_rng(2).uniform(0.05, 0.99, (1, 500))
    assert 1 / pair_weights(gamma, "variance", looks)[0] == pytest.approx(phase_variance(gamma[0], looks), rel=0.005)


def test_weights_follow_their_definitions():
    gamma = np.array([[0.5, 0.01, 1.0]])
    assert pair_weights(gamma, "uniform").tolist() == [[1, 1, 1]]
    assert pair_weights(gamma, "coherence").tolist() == [[0.5, 0.05, 0.999]]
    assert pair_weights(gamma, "fisher", 10.0)[0, 0] == pytest.approx(2 * 10 * 0.25 / 0.75)
    assert np.isfinite(pair_weights(gamma, "fisher", 10.0)).all()


def test_every_weight_grows_with_coherence():
    gamma = np.linspace(0.05, 0.99, 40)[:, None]
    for kind in ("coherence", "fisher", "variance"):
        assert (np.diff(pair_weights(gamma, kind, 8.0), axis=0) > 0).all()


def test_more_looks_than_the_table_knows_weigh_like_its_most():
    gamma = COHERENCE[:, None]
    assert np.array_equal(pair_weights(gamma, "variance", 500.0), pair_weights(gamma, "variance", MAX_LOOKS))


def test_a_pair_of_unknown_coherence_weighs_like_the_mean_of_the_others():
    gamma = np.array([[0.4, np.nan], [np.nan, np.nan], [0.8, np.nan]])
    assert pair_weights(gamma, "coherence") == pytest.approx(np.array([[0.4, 1], [0.6, 1], [0.8, 1]]))


@pytest.mark.parametrize(("kind", "looks", "word"), [("best", 1.0, "weighting"), ("fisher", 0.5, "looks")])
def test_unknown_weightings_and_impossible_looks_are_refused(kind, looks, word):
    with pytest.raises(InputError, match=word):
        pair_weights(np.array([[0.5]]), kind, looks)

"""Speckle against the closed-form phase distribution, moments and brute force."""

import numpy as np
import pytest
from basinwatch.simulation.coherence import gradient_loss, phasor_coherence, residues
from basinwatch.simulation.speckle import multilook, multilook_interferogram, phase_noise_rad, smooth_along
from scipy.special import gamma, gammaln, hyp2f1


def _density(phase, coherence, looks):
    """Multilook phase distribution (Lee et al. 1994)."""
    b = coherence * np.cos(phase)
    lost = (1 - coherence**2) ** looks
    first = (
        np.exp(gammaln(looks + 0.5) - gammaln(looks)) * lost * b / (2 * np.sqrt(np.pi) * (1 - b**2) ** (looks + 0.5))
    )
    return first + lost / (2 * np.pi) * hyp2f1(looks, 1, 0.5, b**2)


def _draw(coherence, looks, n=200_000, seed=1):
    rng = np.random.default_rng(seed)
    shape = (n // 500, 500)
    return multilook(rng, np.zeros(shape, np.float32), np.full(shape, coherence, np.float32), looks)


@pytest.mark.parametrize("looks", [1, 4, 12.5, 20, 50])
@pytest.mark.parametrize("coherence", [0.05, 0.3, 0.6, 0.9])
def test_the_phase_follows_the_closed_form_distribution(looks, coherence):
    signal, _ = _draw(coherence, looks)
    phase = np.sort(np.angle(signal).ravel())
    grid = np.linspace(-np.pi, np.pi, 4001)
    density = _density(grid, coherence, looks)
    cumulative = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid))])
    assert cumulative[-1] == pytest.approx(1, abs=1e-3)
    distance = np.abs(np.interp(phase, grid, cumulative) - (np.arange(phase.size) + 0.5) / phase.size).max()
    assert distance < 0.004


@pytest.mark.parametrize(
    ("coherence", "expected"),
    [(0.1, 1.37), (0.2, 0.95), (0.3, 0.63), (0.5, 0.30), (0.6, 0.22), (0.7, 0.17), (0.9, 0.08)],
)
def test_the_phase_spread_at_20_looks_matches_the_published_table(coherence, expected):
    signal, _ = _draw(coherence, 20)
    assert np.angle(signal).std() == pytest.approx(expected, abs=max(0.02 * expected, 0.006))


def test_sample_coherence_of_pure_noise_has_its_known_bias():
    _, sample = _draw(0.0, 5)
    assert sample.mean() == pytest.approx(gamma(5) * gamma(1.5) / gamma(5.5), abs=0.002)


def test_three_draws_equal_twenty_single_looks():
    rng = np.random.default_rng(5)
    looks, coherence, n = 20, 0.4, 40_000
    noise = rng.standard_normal((4, looks, n))
    first, other = noise[0] + 1j * noise[1], noise[2] + 1j * noise[3]
    second = coherence * first + np.sqrt(1 - coherence**2) * other
    brute = (first * second.conj()).sum(0)
    energy = (np.abs(first) ** 2).sum(0) * (np.abs(second) ** 2).sum(0)
    signal, sample = _draw(coherence, looks, n, 6)
    assert np.angle(signal).std() == pytest.approx(np.angle(brute).std(), rel=0.03)
    assert sample.mean() == pytest.approx((np.abs(brute) / np.sqrt(energy)).mean(), abs=0.004)
    assert sample.std() == pytest.approx((np.abs(brute) / np.sqrt(energy)).std(), rel=0.05)


@pytest.mark.parametrize("cycles", [0.1, 0.25, 0.5, 0.8])
def test_gradient_loss_equals_the_sum_of_sixteen_looks_over_a_ramp(cycles):
    ramp = (2 * np.pi * cycles * np.arange(20, dtype=np.float32))[None] + np.zeros((6, 1), np.float32)
    positions = (np.arange(16) + 0.5) / 16
    brute = np.abs(np.exp(2j * np.pi * cycles * positions).mean())
    assert gradient_loss(ramp)[3, 10] == pytest.approx(brute, abs=5e-3)


def test_texture_correlates_one_axis_only():
    rng = np.random.default_rng(2)
    noise = (rng.standard_normal((300, 300)) + 1j * rng.standard_normal((300, 300))).astype(np.complex64)
    smooth = smooth_along(noise, 1, 0.7)

    def correlation(a, b):
        return (a * b.conj()).mean().real / (np.abs(smooth) ** 2).mean()

    assert correlation(smooth[:, 1:], smooth[:, :-1]) > 0.35
    assert abs(correlation(smooth[1:], smooth[:-1])) < 0.02


@pytest.mark.parametrize(("coherence", "reading"), [(0.0, 0.18), (0.3, 0.55), (0.6, 0.87)])
def test_phasor_coherence_reads_as_tabulated_for_five_looks(coherence, reading):
    signal, _ = _draw(coherence, 5, 50_000)
    assert phasor_coherence(signal).mean() == pytest.approx(reading, abs=0.02)


def test_a_vortex_has_one_residue_and_noise_one_in_three():
    y, x = np.mgrid[-5:5, -5:5] + 0.5
    charges = residues(np.arctan2(y, x).astype(np.float32))
    assert np.abs(charges).sum() == 1
    assert abs(charges[4, 4]) == 1
    noise = np.random.default_rng(3).uniform(-np.pi, np.pi, (300, 300)).astype(np.float32)
    assert np.abs(residues(noise)).mean() == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize(
    ("coherence", "expected"),
    [(0.1, 1.37), (0.2, 0.95), (0.3, 0.63), (0.5, 0.30), (0.6, 0.22), (0.7, 0.17), (0.9, 0.08)],
)
def test_phase_noise_has_the_spread_of_the_multilook_distribution(coherence, expected):
    assert phase_noise_rad(coherence, 20) == pytest.approx(expected, abs=0.006)


def test_phase_noise_of_very_many_looks_falls_with_their_root():
    for looks in (200.0, 1e6):
        assert phase_noise_rad(0.9, looks) == pytest.approx(np.sqrt((1 - 0.81) / (2 * looks * 0.81)), rel=0.02)


def test_without_coherence_phase_is_uniform():
    assert phase_noise_rad(1e-6, 20) == pytest.approx(1.8138, abs=1e-3)


def test_the_interferogram_without_sample_coherence_has_the_same_statistics():
    rng, shape = np.random.default_rng(4), (400, 500)
    signal = multilook_interferogram(rng, np.zeros(shape, np.float32), np.full(shape, 0.4, np.float32), 7.0)
    assert np.angle(signal).std() == pytest.approx(phase_noise_rad(0.4, 7.0), rel=0.01)

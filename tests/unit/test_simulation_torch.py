"""Fields, speckle and filters on torch tensors against closed forms and their numpy counterparts."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from basinwatch import goldstein
from basinwatch.simulation import coherence, speckle, torch_fields, torch_filters
from basinwatch.simulation.atmosphere import delay_spectrum, terrain_spectrum
from basinwatch.simulation.fields import unit_scale
from basinwatch.simulation.geometry import Spacing
from basinwatch.simulation.torch_speckle import multilook, standard_gamma
from scipy import stats
from scipy.special import gamma, gammaln, hyp2f1, j0


def _rngs(count, seed=0, device="cpu"):
    return [torch.Generator(device).manual_seed(1000 * seed + i) for i in range(count)]


def _scaled(count, shape, spacing, spectrum=delay_spectrum, draw=torch_fields.scaled_fields, seed=0):
    return draw(_rngs(count, seed), shape, [spacing] * count, spectrum, [10.0] * count)


def _mean_power(fields, spacing):
    """Frequencies and mean Hann-windowed power."""
    n = fields.shape[-1]
    window = torch.from_numpy(np.outer(np.hanning(n), np.hanning(n))).float()
    power = torch.fft.fft2((fields - fields.mean((1, 2), keepdim=True)) * window).abs().square().mean(0)
    return np.hypot(*np.meshgrid(np.fft.fftfreq(n, spacing), np.fft.fftfreq(n, spacing))), power.numpy()


def _slopes(spectrum, spacing, n, bands):
    f, power = _mean_power(_scaled(20, (n, n), Spacing(spacing, spacing), spectrum), spacing)
    inside = [(f > 1 / long) & (f < 1 / short) for long, short in bands]
    return [np.polyfit(np.log(f[i]), np.log(power[i]), 1, w=1 / f[i])[0] for i in inside]


def test_turbulence_and_terrain_have_the_slopes_of_their_spectra():
    assert _slopes(delay_spectrum, 60.0, 512, [(9000, 1700), (1300, 300)]) == pytest.approx([-8 / 3, -11 / 3], abs=0.15)
    assert _slopes(delay_spectrum, 20.0, 384, [(1300, 300), (220, 50)]) == pytest.approx([-11 / 3, -5 / 3], abs=0.15)
    assert _slopes(terrain_spectrum, 80.0, 256, [(7000, 1000), (700, 170)]) == pytest.approx([-3, -3.6], abs=0.15)


@pytest.mark.parametrize("spacing", [Spacing(15.0, 15.0), Spacing(30.0, 30.0), Spacing(25.0, 40.0)])
def test_the_rms_difference_at_ten_kilometres_is_as_asked_along_both_axes(spacing):
    found = []
    for axis, step in enumerate(spacing):
        shape = [4, 4]
        shape[axis] = round(10_000 / step) + 1
        drawn = (_scaled(25, tuple(shape), spacing, seed=20 * axis + part) for part in range(20))
        squares = [(s.select(1 + axis, -1) - s.select(1 + axis, 0)).square().mean().item() for s in drawn]
        found.append(np.sqrt(np.mean(squares)))
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(10, rel=0.05)
    assert found[0] == pytest.approx(found[1], rel=0.10)


def test_opposite_edges_of_a_small_tile_differ_as_much_as_their_distance_asks():
    n, spacing = 128, 30.0
    drawn = [_scaled(25, (n, n), Spacing(spacing, spacing), seed=40 + part) for part in range(12)]
    f = np.geomspace(1e-7, 1 / 20, 40_000)
    lag = (n - 1) * spacing
    integrand = 4 * np.pi * f**2 * delay_spectrum(f) * (1 - j0(2 * np.pi * f * lag))
    expected = 10 * np.sqrt(np.trapezoid(integrand, np.log(f)) * unit_scale(delay_spectrum))
    assert np.sqrt(np.mean([(t[:, 0] - t[:, -1]).square().mean() for t in drawn])) == pytest.approx(expected, rel=0.08)


def test_short_waves_are_all_waves_below_1500_metres_and_none_above_3_kilometres():
    n, spacing = 384, 60.0
    drawn = [torch_fields.short_scaled_fields, torch_fields.scaled_fields]
    (f, short), (_, full) = (
        _mean_power(_scaled(12, (n, n), Spacing(spacing, spacing), draw=d), spacing) for d in drawn
    )
    long_waves, short_waves = (f > 0) & (f < 1 / 3500), (f > 1 / 1200) & (f < 1 / 200)
    assert short[long_waves].sum() < 0.01 * full[long_waves].sum()
    assert short[short_waves].sum() == pytest.approx(full[short_waves].sum(), rel=0.1)


@pytest.mark.parametrize(("correlation", "spacing"), [(40.0, 20.0), (150.0, 12.0), (60.0, 45.0)])
def test_smooth_fields_have_unit_variance_and_gaussian_correlation_along_both_axes(correlation, spacing):
    spacings = [Spacing(spacing, 1.5 * spacing)] * 100
    fields = torch_fields.smooth_fields(_rngs(100), (160, 120), [correlation] * 100, spacings)
    variance = fields.square().mean().item()
    assert variance == pytest.approx(1, abs=0.1)
    for axis, step in enumerate(spacings[0], start=1):
        lag, length = max(round(correlation / step), 1), fields.shape[axis]
        product = fields.narrow(axis, 0, length - lag) * fields.narrow(axis, lag, length - lag)
        expected = np.exp(-0.5 * (lag * step / correlation) ** 2)
        assert product.mean().item() / variance == pytest.approx(expected, abs=0.05)


def test_fields_of_different_pixel_sizes_are_the_same_alone_and_together():
    spacings = [Spacing(12.0, 12.0), Spacing(45.0, 30.0), Spacing(13.0, 12.5), Spacing(300.0, 300.0)]
    together = torch_fields.scaled_fields(_rngs(4), (96, 80), spacings, delay_spectrum, [1.0, 2.0, 3.0, 4.0])
    for i, spacing in enumerate(spacings):
        alone = torch_fields.scaled_fields(_rngs(4)[i : i + 1], (96, 80), [spacing], delay_spectrum, [1.0 + i])
        assert torch.allclose(alone[0], together[i], atol=1e-5)


@pytest.mark.parametrize("shape", [0.3, 1.0, 2.5, 3.9])
def test_gamma_variates_of_a_small_shape_are_exact(shape):
    variates = standard_gamma(_rngs(1, seed=7)[0], shape, (400, 500)).numpy().ravel()
    assert stats.kstest(variates, stats.gamma(shape).cdf).statistic < 0.0035


@pytest.mark.parametrize("shape", [4.0, 15.0])
def test_gamma_variates_of_a_large_shape_have_its_first_three_moments(shape):
    variates = standard_gamma(_rngs(1, seed=8)[0], shape, (1000, 1000)).double().numpy().ravel()
    assert variates.mean() == pytest.approx(shape, rel=0.002)
    assert variates.var() == pytest.approx(shape, rel=0.01)
    assert stats.skew(variates) == pytest.approx(2 / np.sqrt(shape), rel=0.03)


@lru_cache
def _cumulative(level, looks):
    """Multilook phase distribution (Lee et al. 1994), integrated."""
    grid = np.linspace(-np.pi, np.pi, 4001)
    b, lost = level * np.cos(grid), (1 - level**2) ** looks
    factor = np.exp(gammaln(looks + 0.5) - gammaln(looks)) * lost / (2 * np.sqrt(np.pi))
    density = factor * b / (1 - b**2) ** (looks + 0.5) + lost / (2 * np.pi) * hyp2f1(looks, 1, 0.5, b**2)
    return grid, np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid))])


def _speckle(level, looks, seed=1):
    shape = (1, 400, 500)
    return multilook(_rngs(1, seed), torch.zeros(shape), torch.full(shape, level), [looks])


@pytest.mark.parametrize("looks", [1, 2.5, 4, 12.5, 20, 50])
@pytest.mark.parametrize("level", [0.05, 0.3, 0.6, 0.9])
def test_the_phase_follows_the_closed_form_distribution(looks, level):
    phase = np.sort(_speckle(level, looks, seed=3)[0].angle().numpy().ravel())
    distance = np.abs(np.interp(phase, *_cumulative(level, looks)) - (np.arange(phase.size) + 0.5) / phase.size).max()
    assert distance < 0.004


@pytest.mark.parametrize(
    ("level", "expected"),
    [(0.1, 1.37), (0.2, 0.95), (0.3, 0.63), (0.5, 0.30), (0.6, 0.22), (0.7, 0.17), (0.9, 0.08)],
)
def test_the_phase_spread_at_20_looks_matches_the_published_table(level, expected):
    assert _speckle(level, 20)[0].angle().std().item() == pytest.approx(expected, abs=max(0.02 * expected, 0.006))


@pytest.mark.parametrize("looks", [1.5, 5, 20])
def test_sample_coherence_of_pure_noise_has_its_known_bias(looks):
    known = gamma(looks) * gamma(1.5) / gamma(looks + 0.5)
    assert _speckle(0.0, looks)[1].mean().item() == pytest.approx(known, abs=0.002)


def test_speckle_keeps_the_phase_of_the_signal_it_is_added_to():
    ramp = torch.linspace(-3, 3, 200).expand(1, 50, 200).contiguous()
    signal, sample = multilook(_rngs(1), ramp, torch.full_like(ramp, 1.0), [5.0])
    assert (signal.angle() - ramp).abs().max() < 1e-5
    assert sample.min() > 0.999


def _interferograms(count=3, shape=(150, 97), seed=0):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(count, *shape, 2)).astype(np.float32).view(np.complex64)[..., 0]
    signal += 2 * np.exp(1j * np.linspace(0, 25, shape[1])).astype(np.complex64)
    signal[0, 40:70, :50] = 0
    signal[1, 10, 20:30] = np.nan
    return signal


@pytest.mark.parametrize(("window", "step"), [(32, None), (64, None), (32, 8)])
def test_the_goldstein_filter_equals_the_one_for_real_data(window, step):
    signal, alphas = _interferograms(), [0.3, 0.6, 1.0]
    found = torch_filters.filter_goldstein(torch.from_numpy(signal), alphas, window, step).numpy()
    for tile, original, alpha in zip(found, signal, alphas, strict=True):
        assert tile == pytest.approx(goldstein.filter_goldstein(original, alpha, window, step), abs=1e-4)


def test_the_goldstein_filter_gives_many_large_tiles_the_same_in_pieces():
    signal = torch.from_numpy(_interferograms(12, (256, 256)))
    alphas = np.linspace(0.2, 1, 12).tolist()
    whole = torch_filters.filter_goldstein(signal, alphas)
    last = torch_filters.filter_goldstein(signal[11:], alphas[11:])
    assert torch.allclose(whole[11:], last, atol=1e-5)


def test_a_step_that_does_not_divide_the_window_is_refused():
    with pytest.raises(ValueError, match="step 5 must divide the window 32"):
        torch_filters.filter_goldstein(torch.ones((1, 64, 64), dtype=torch.complex64), [0.5], 32, 5)


@pytest.mark.parametrize("axis", [0, 1])
def test_texture_equals_the_filter_of_the_numpy_chain_for_each_tiles_own_width(axis):
    signal, sigmas = np.nan_to_num(_interferograms()), [0.5, 0.84, 1.2]
    found = torch_filters.smooth_along(torch.from_numpy(signal), axis, sigmas).numpy()
    for tile, original, sigma in zip(found, signal, sigmas, strict=True):
        assert tile == pytest.approx(speckle.smooth_along(original, axis, sigma), abs=1e-5)


def test_estimates_of_coherence_equal_those_of_the_numpy_chain():
    signal = np.nan_to_num(_interferograms())
    sample = np.abs(signal) / np.abs(signal).max()
    phasor, smooth = (
        torch_filters.phasor_coherence(torch.from_numpy(signal)).numpy(),
        torch_filters.smoothed(torch.from_numpy(sample)).numpy(),
    )
    for i in range(len(signal)):
        assert phasor[i] == pytest.approx(coherence.phasor_coherence(signal[i]), abs=1e-5)
        assert smooth[i] == pytest.approx(coherence.smoothed(sample[i]), abs=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_filters_on_a_gpu_equal_those_on_the_cpu():
    signal = torch.from_numpy(_interferograms())
    for filtered in (
        lambda s: torch_filters.filter_goldstein(s, [0.3, 0.6, 1.0], 32),
        lambda s: torch_filters.smooth_along(s.nan_to_num(), 1, [0.5, 0.8, 1.2]),
    ):
        assert torch.allclose(filtered(signal.cuda()).cpu(), filtered(signal), atol=1e-4)

"""Principal components: they take out what stable ground shares and leave the mine."""

import numpy as np
import pytest
from basinwatch.sbas.corrections.principal import Modes, PrincipalSettings, estimate
from basinwatch.sbas.trend import fit_rate

SIZE = 100
ON = PrincipalSettings(enabled=True)


def turbulence(rng, fall_off=1.8):
    """Field of unit spread with a power-law spectrum."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE)))
    frequency[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIZE, SIZE))) * frequency**-fall_off).real
    return field / field.std()


@pytest.fixture(scope="module")
def scene():
    """Three bowls of −60 mm/yr from the first half year on, in turbulence, ramps, stratified delay and noise."""
    rng = np.random.default_rng(0)
    days = np.cumsum(np.r_[0, rng.choice([12, 12, 12, 24], 59)]).astype(float)
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    bowls = ((0.3, 0.3, 0.04), (0.7, 0.6, 0.06), (0.5, 0.8, 0.03))
    shape = sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * w * w)) for a, b, w in bowls).ravel()
    terrain = turbulence(rng)
    air = np.stack(
        [
            8 * turbulence(rng) + 5 * rng.standard_normal() * x + 5 * rng.standard_normal() * y
            + 4 * rng.standard_normal() * terrain + 2 * rng.standard_normal((SIZE, SIZE))
            for _ in days
        ]
    ).reshape(60, -1)  # fmt: skip
    moving = -60 * np.clip(days / 365.25 - 0.5, 0, None)[:, None] * shape
    series = moving + air
    return days, series - series[0], moving, shape


def kept(days, series, moving, core, stable):
    """Mean share of the true rate in the cores of the bowls."""
    rate = fit_rate(days, series)[0]
    return float(((rate - np.median(rate[stable]))[core] / fit_rate(days, moving)[0][core]).mean())


@pytest.mark.parametrize("modes", [1, 3, 5])
def test_a_bowl_keeps_its_rate_while_stable_ground_calms(scene, modes):
    days, series, moving, shape = scene
    core, stable = shape > 0.5, shape < 0.02
    found = estimate(series[:, stable], series[:, core], days, PrincipalSettings(True, 1.0, modes))
    calmed = found.remove(series)
    assert found.vectors.shape == (60, modes)
    assert kept(days, calmed, moving, core, stable) >= 0.9
    spread = [(s - s.mean(0))[:, stable].std() for s in (series, calmed)]
    assert spread[1] < spread[0] * (0.9, 0.75, 0.65)[modes // 2]


def test_modes_of_all_pixels_would_be_the_mine(scene):
    days, series, moving, shape = scene
    core, stable = shape > 0.5, shape < 0.02
    centred = series - series.mean(0)
    vectors = np.linalg.eigh(centred @ centred.T)[1][:, ::-1][:, :3]
    naive = Modes(vectors, np.zeros(3), np.zeros(3)).remove(series)
    assert kept(days, naive, moving, core, stable) < 0.6


def test_the_variance_inside_against_outside_shows_a_mode_that_is_a_mine(scene):
    days, series, _, shape = scene
    core, stable = shape > 0.5, shape < 0.02
    ratio = estimate(series[:, stable], series[:, stable][:, ::7], days, ON).inside_ratio
    assert ((ratio > 0.5) & (ratio < 2)).all()
    collapse = -100.0 * (days > 300)[:, None]
    overlooked = np.arange(stable.sum()) % 20 == 0
    leaked = estimate(series[:, stable] + collapse * overlooked, series[:, core] + collapse, days, ON).inside_ratio
    assert leaked.max() > 10
    assert np.isnan(estimate(series[:, stable], series[:, :0], days, ON).inside_ratio).all()


def test_the_rate_of_every_pixel_stays_the_same_and_the_series_starts_where_it_did(scene):
    days, series, _, shape = scene
    found = estimate(series[:, shape < 0.02], series[:, :0], days, ON)
    np.testing.assert_allclose(fit_rate(days, found.remove(series))[0], fit_rate(days, series)[0], atol=1e-9)
    assert not found.remove(series)[0].any()


def test_noise_without_any_pattern_has_no_modes():
    days = np.arange(40) * 12.0
    noise = np.random.default_rng(2).normal(0, 3, (40, 4000))
    assert estimate(noise, noise[:, :0], days, ON).vectors.shape == (40, 0)


def test_as_many_modes_are_found_as_there_are_and_no_more_than_explain_enough():
    rng, days = np.random.default_rng(3), np.arange(40) * 12.0
    patterns = rng.normal(0, 1, (40, 2)) @ (np.array([[10.0], [5.0]]) * rng.normal(0, 1, (2, 4000)))
    series = patterns + rng.normal(0, 1, (40, 4000))
    assert estimate(series, series[:, :0], days, PrincipalSettings(True, share=0.999)).vectors.shape[1] == 2
    assert estimate(series, series[:, :0], days, PrincipalSettings(True, share=0.5)).vectors.shape[1] == 1
    assert estimate(series, series[:, :0], days, PrincipalSettings(True, max_modes=1)).vectors.shape[1] == 1

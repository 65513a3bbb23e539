import logging

import numpy as np
import pytest
from affine import Affine
from basinwatch.grid import Grid
from basinwatch.hotspots import HotspotSettings, find_hotspots, gi_star, noise_inflation, significance
from basinwatch.hotspots.calibration import Autocovariance, Inflation
from basinwatch.hotspots.statistic import Moments
from scipy import ndimage

EVERYWHERE = np.ones((600, 600), bool)


def correlated(seed, sigma_px, size=600):
    """Noise of unit spread, smoothed over sigma_px, with a little white noise on top."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.standard_normal((size, size)), sigma_px)
    return smooth / smooth.std() + 0.3 * rng.standard_normal((size, size))


@pytest.mark.parametrize(("sigma_px", "classical", "corrected", "factor"), [(1, 0.39, 0.32, 3.0), (3, 0.69, 0.67, 6.5)])
def test_shares_of_false_alarms_in_pure_noise_are_those_measured_before(sigma_px, classical, corrected, factor):
    shares, factors = [], []
    for seed in range(3):
        x = correlated(seed, sigma_px)
        z, f = gi_star(x, 5, (1, 1)), noise_inflation(x, EVERYWHERE, 5, (1, 1))
        judged = significance(z), significance(z, false_discovery_rate=True), significance(z / f)
        shares.append([(np.abs(classes) == 3).mean() for classes in judged])
        factors.append(f)
    assert np.mean(shares, axis=0) == pytest.approx([classical, corrected, 0.01], abs=0.015)
    assert np.mean(factors) == pytest.approx(factor, abs=0.15)


def test_a_bowl_of_six_times_the_noise_is_kept_and_its_surroundings_are_not():
    y, x = np.mgrid[0:600, 0:600]
    bowl = 6 * np.exp(-((y - 300) ** 2 + (x - 300) ** 2) / (2 * 20**2))
    rate = correlated(9, 3) - bowl
    z, stable = gi_star(rate, 5, (1, 1)), bowl < 0.05
    calibrated = z / noise_inflation(rate, stable, 5, (1, 1))
    assert (z[stable] < -2.576).mean() + (z[stable] > 2.576).mean() > 0.6
    assert (np.abs(calibrated[stable]) > 2.576).mean() < 0.01
    assert (calibrated[bowl > 2] < -2.576).mean() > 0.85


def test_dividing_by_the_inflation_brings_correlated_noise_back_to_its_nominal_rate():
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((300, 300)), 2)
    z = gi_star(noise, 5, (1, 1))
    factor = noise_inflation(noise, np.ones(noise.shape, bool), 5, (1, 1))
    assert (np.abs(z) > 2.576).mean() > 0.4
    assert (np.abs(z / factor) > 2.576).mean() < 0.02


def test_the_inflation_of_white_noise_is_one_and_that_of_a_window_equals_the_double_sum():
    white = np.random.default_rng(1).standard_normal((200, 200))
    everywhere = np.ones(white.shape, bool)
    assert noise_inflation(white, everywhere, 3, (1, 1)) == pytest.approx(1, abs=0.03)
    x = ndimage.gaussian_filter(white, 1.5)
    d = x - x.mean()
    cells = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]

    def covariance(dy, dx):
        a = d[max(dy, 0) : 200 + min(dy, 0), max(dx, 0) : 200 + min(dx, 0)]
        b = d[max(-dy, 0) : 200 + min(-dy, 0), max(-dx, 0) : 200 + min(-dx, 0)]
        return (a * b).mean()

    double = sum(covariance(a - c, b - e) for a, b in cells for c, e in cells)
    expected = np.sqrt(double / (5 * covariance(0, 0)))
    assert noise_inflation(x, everywhere, 1, (1, 1)) == pytest.approx(expected, rel=1e-9)


def test_noise_never_makes_the_score_sharper():
    rate = np.random.default_rng(0).normal(0, 1, (30, 30))
    stable = np.zeros(rate.shape, bool)
    stable[::7, ::7] = True
    assert noise_inflation(rate, stable, 90, (30, 30)) >= 1
    assert noise_inflation(rate, np.zeros(rate.shape, bool), 90, (30, 30)) == 1


def test_windows_that_the_border_or_gaps_clip_take_the_factor_of_the_full_disc_nearest_in_size():
    table = Inflation(np.array([1, 5, 13]), np.array([1.0, 2.0, 3.0]))
    assert table.of(np.array([0, 1, 2, 4, 8, 10, 13])).tolist() == [1, 1, 1, 2, 2, 3, 3]
    assert table.full == 3


def test_the_table_holds_the_factors_of_smaller_windows():
    x = correlated(0, 2, 200)
    learnt = Autocovariance(4, (1, 1), Moments().extended(x))
    learnt.add(x, len(x))
    table = learnt.inflation()
    assert table.sizes[[0, -1]].tolist() == [1, 49]
    for radius, size in ((1, 5), (2, 13), (3, 29)):
        expected = noise_inflation(x, EVERYWHERE[:200, :200], radius, (1, 1))
        assert table.factors[table.sizes == size] == pytest.approx(expected, rel=1e-9)
    assert (np.diff(table.factors) > 0).all()


def test_scores_at_the_corner_are_divided_by_less_than_those_inside():
    x = correlated(0, 3, 100)
    grid = Grid.from_map(100, 100, Affine(20, 0, 0, 0, -20, 0), "EPSG:32650")
    found = find_hotspots(x, EVERYWHERE[:100, :100], grid, HotspotSettings(radius_m=100))
    ratio = found.z / found.z_calibrated
    assert ratio[50, 50] == pytest.approx(found.inflation, rel=1e-12)
    assert ratio[0, 0] < 0.8 * found.inflation


@pytest.mark.parametrize("rows", [3, 16, 64])
def test_noise_learnt_from_strips_is_that_of_the_whole_map(rows):
    x = correlated(1, 2, 64)[:, :50]
    x[20:30, 10:25] = np.nan
    whole, parts = (Autocovariance(5, (1.0, 2.0), Moments().extended(x)) for _ in range(2))
    whole.add(x, len(x))
    for top in range(0, 64, rows):
        parts.add(x[top : top + rows + parts.reach[0]], min(rows, 64 - top))
    np.testing.assert_allclose(parts.products, whole.products, atol=1e-9)
    np.testing.assert_array_equal(parts.overlaps, whole.overlaps)


def test_without_stable_ground_the_score_stays_as_it_is_and_the_log_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        assert noise_inflation(correlated(0, 1, 50), EVERYWHERE[:50, :50] & False, 5, (1, 1)) == 1
    assert "not calibrated" in caplog.text

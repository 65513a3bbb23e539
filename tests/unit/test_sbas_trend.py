from datetime import date

import numpy as np
import pytest
from basinwatch.sbas.trend import TrendSettings, classify, fit_rate, fit_trend
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress

DAYS = np.arange(60) * 12.0
YEARS = DAYS / 365.25


def seasonal(rate, amplitude, peak_day, first):
    """Series of a rate and an annual oscillation that is largest on a day of the year."""
    day_of_year = DAYS + (first - date(first.year, 1, 1)).days
    return rate * YEARS + amplitude * np.cos(2 * np.pi * (day_of_year - peak_day) / 365.25)


def test_slope_and_its_error_equal_those_of_scipy():
    rng = np.random.default_rng(0)
    days = np.array([0, 12, 24, 48, 60, 66, 90.0])
    series = rng.normal(0, 5, (7, 20)) + days[:, None] * 0.1
    rate, sigma = fit_rate(days, series)
    for p in range(20):
        line = linregress(days / 365.25, series[:, p])
        assert rate[p] == pytest.approx(line.slope, rel=1e-12)
        assert sigma[p] == pytest.approx(line.stderr, rel=1e-9)


@settings(deadline=None)
@given(
    rate=st.floats(-100, 100, allow_subnormal=False),
    amplitude=st.floats(1, 30),
    peak_day=st.floats(0, 365),
    month=st.integers(1, 12),
)
def test_a_rate_under_a_seasonal_oscillation_comes_back_with_its_size_and_its_day(rate, amplitude, peak_day, month):
    first = date(2021, month, 11)
    found = fit_trend(DAYS, seasonal(rate, amplitude, peak_day, first)[:, None], TrendSettings(annual=True), first)
    assert found.rate[0] == pytest.approx(rate, abs=1e-9)
    assert found.sigma[0] < 1e-9
    assert found.annual[0] == pytest.approx(amplitude, rel=1e-9)
    assert abs((found.peak_day[0] - peak_day + 180) % 365.25 - 180) < 1e-6


def test_the_seasonal_fit_equals_least_squares_with_its_covariance():
    series = np.random.default_rng(1).normal(0, 4, (60, 30)) + 8 * np.sin(2 * np.pi * YEARS)[:, None]
    design = np.stack([YEARS, np.ones(60), np.sin(2 * np.pi * YEARS), np.cos(2 * np.pi * YEARS)], axis=1)
    expected, squares, *_ = np.linalg.lstsq(design, series, rcond=None)
    found = fit_trend(DAYS, series, TrendSettings(annual=True))
    assert found.rate == pytest.approx(expected[0], rel=1e-9)
    assert found.annual == pytest.approx(np.hypot(*expected[2:]), rel=1e-9)
    assert found.sigma == pytest.approx(np.sqrt(squares / 56 * np.linalg.inv(design.T @ design)[0, 0]), rel=1e-9)


def test_without_a_whole_year_the_season_is_left_out_and_the_reason_is_told():
    year = TrendSettings(annual=True)
    short = DAYS[:30]
    assert year.report(short)["annual"] == "348 days are less than a year"
    assert year.report(np.array([0, 200, 300, 400.0]))["annual"] == "4 dates are too few"
    assert year.report(DAYS) == {"annual": "fitted", "sigma": "residuals"}
    found = fit_trend(short, np.outer(short, [1.0, 2.0]), year)
    assert found.annual is None
    assert found.rate == pytest.approx([365.25, 730.5])


def drawn_again(design, series, draws, rng):
    """Bootstrap the plain way: refit every draw."""
    rates = []
    while len(rates) < draws:
        chosen = rng.integers(len(series), size=len(series))
        rates.append(np.linalg.lstsq(design[chosen], series[chosen], rcond=None)[0][0])
    return np.std(rates, axis=0, ddof=1)


@pytest.mark.parametrize("annual", [False, True])
def test_the_bootstrap_equals_refitting_resampled_dates_one_by_one(annual):
    series = np.random.default_rng(2).normal(0, 4, (60, 40)) * np.linspace(0.5, 2, 60)[:, None]
    angle = 2 * np.pi * YEARS
    design = np.stack([YEARS, np.ones(60), np.sin(angle), np.cos(angle)], axis=1)[:, : 4 if annual else 2]
    expected = drawn_again(design, series, 4000, np.random.default_rng(3))
    found = fit_trend(DAYS, series, TrendSettings(annual=annual, bootstrap_draws=4000)).sigma
    # Two standard errors of 4000 draws are 2 %; both sides have one.
    assert found == pytest.approx(expected, rel=0.08)
    assert np.mean(found / expected) == pytest.approx(1, abs=0.01)


def test_the_bootstrap_knows_that_noisy_ends_spoil_a_rate_and_the_residuals_do_not():
    middle = np.abs(np.linspace(-1, 1, 60))[:, None]
    series = np.random.default_rng(4).normal(0, 1, (60, 4000)) * (0.2 + 5 * middle**4)
    true = fit_rate(DAYS, series)[0].std()
    plain, honest = (
        fit_trend(DAYS, series, TrendSettings(bootstrap_draws=draws)).sigma.mean() for draws in (None, 400)
    )
    assert plain < 0.75 * true
    assert honest == pytest.approx(true, rel=0.1)


def test_on_white_noise_both_standard_errors_are_the_spread_of_the_rates():
    series = np.random.default_rng(5).normal(0, 3, (60, 4000))
    spread = fit_rate(DAYS, series)[0].std()
    for draws in (None, 200):
        sigma = fit_trend(DAYS, series, TrendSettings(bootstrap_draws=draws)).sigma
        assert np.sqrt((sigma**2).mean()) == pytest.approx(spread, rel=0.07)


def test_the_bootstrap_depends_on_its_seed_alone_and_not_on_the_block():
    series = np.random.default_rng(6).normal(0, 3, (60, 50))
    drawn = TrendSettings(bootstrap_draws=100)
    whole = fit_trend(DAYS, series, drawn).sigma
    parts = [fit_trend(DAYS, series[:, part], drawn).sigma for part in (slice(7), slice(7, 8), slice(8, None))]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    other = fit_trend(DAYS, series, TrendSettings(bootstrap_draws=100, seed=1)).sigma
    assert 0.005 < np.abs(other / whole - 1).mean() < 0.2


@pytest.mark.parametrize("dates", [2, 3, 4])
@pytest.mark.parametrize("draws", [None, 50])
def test_few_dates_have_an_error_only_where_one_is_left_over(dates, draws):
    series = np.random.default_rng(7).normal(0, 3, (dates, 5))
    sigma = fit_trend(DAYS[:dates], series, TrendSettings(bootstrap_draws=draws)).sigma
    assert np.isnan(sigma).all() == (dates == 2)


def test_a_pixel_without_series_has_no_rate_and_spoils_no_other():
    series = np.outer(YEARS, [3.0, 4.0, 5.0])
    series[:, 1] = np.nan
    found = fit_trend(DAYS, series, TrendSettings(annual=True, bootstrap_draws=50))
    for values in (found.rate, found.sigma, found.annual, found.peak_day):
        assert np.isnan(values).tolist() == [False, True, False]


def test_classes_follow_the_threshold_and_no_rate_has_no_class():
    assert classify(np.array([-5.1, -5, 0, 5, 5.1, np.nan]), 5).tolist() == [1, 2, 2, 2, 3, 0]


def test_only_rates_that_exceed_the_threshold_by_their_error_are_sure_to_move():
    rate, sigma = np.array([-9, -9, 9, 9, 1, 9]), np.array([3, 4.5, 3, 4.5, 30, np.nan])
    assert classify(rate, 5, sigma).tolist() == [1, 2, 3, 2, 2, 0]

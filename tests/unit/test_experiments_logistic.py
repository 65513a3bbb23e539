"""Logistic fits against closed forms, known curves and separated data."""

import numpy as np
import pytest
from basinwatch.experiments.logistic import bootstrapped, fit
from scipy.special import expit, logit


def test_with_two_places_firth_adds_half_a_hit_and_half_a_miss():
    x, hits, trials = np.array([1.0, 3.0]), np.array([2, 19]), np.array([20, 20])
    expected = (hits + 0.5) / (trials + 1)
    np.testing.assert_allclose(fit(x, hits, trials).chance(x), expected, rtol=1e-6)


def test_a_known_curve_comes_back_from_many_trials():
    x = np.linspace(0, 5, 24)
    trials = np.full(24, 20_000)
    hits = np.random.default_rng(1).binomial(trials, expit(-4 + 2 * x))
    curve = fit(x, hits, trials)
    assert curve.crossing(0.5, (0, 5)) == pytest.approx(2, abs=0.01)
    assert curve.crossing(0.9, (0, 5)) == pytest.approx((4 + logit(0.9)) / 2, abs=0.01)


def test_firth_is_less_biased_than_maximum_likelihood_would_be_in_small_samples():
    x, rng = np.linspace(-2, 2, 10), np.random.default_rng(2)
    hits = rng.binomial(3, expit(2 * x), (4000, 10))
    assert fit(x, hits, np.full(10, 3)).slope.mean() == pytest.approx(2, rel=0.03)


def test_many_fits_at_once_equal_single_ones():
    x, rng = np.arange(6.0), np.random.default_rng(3)
    hits = rng.binomial(4, expit(x - 3), (5, 6))
    together = fit(x, hits, np.full(6, 4))
    alone = [fit(x, row, np.full(6, 4)) for row in hits]
    np.testing.assert_allclose(together.slope, [float(c.slope) for c in alone], rtol=1e-6)


def test_the_unit_of_the_places_does_not_matter():
    x, hits, trials = np.arange(8.0), np.array([0, 0, 1, 1, 3, 3, 4, 4]), np.full(8, 4)
    first, second = fit(x, hits, trials), fit(100 + 0.01 * x, hits, trials)
    assert second.crossing(0.7, (100, 101)) == pytest.approx(100 + 0.01 * first.crossing(0.7, (0, 7)), abs=1e-6)


def test_separated_data_give_a_finite_curve_and_an_interval_that_holds_the_gap():
    x = np.arange(10.0)
    hits = np.tile(x >= 6, (5, 1)).astype(int)
    crossing = bootstrapped(x, hits, np.ones((5, 10)), 200, 1).crossing(0.5)
    assert 5 < crossing.value < 6
    assert crossing.relation == "="
    assert crossing.low <= 5
    assert crossing.high >= 6


@pytest.mark.parametrize(("found", "end", "relation"), [(0, 9.0, ">"), (1, 0.0, "<")])
def test_a_level_outside_the_range_gives_its_end_and_says_so(found, end, relation):
    x = np.arange(10.0)
    crossing = bootstrapped(x, np.full((6, 10), found), np.ones((6, 10)), 100, 1).crossing(0.9)
    assert (crossing.value, crossing.relation) == (end, relation)
    assert 0 <= crossing.low <= crossing.high <= 9


def test_half_is_reached_within_the_range_where_nine_tenths_are_not():
    x = np.linspace(0, 1, 12)
    hits = np.random.default_rng(4).binomial(50, 0.2 + 0.6 * x)[None]
    fitted = bootstrapped(x, hits, np.full((1, 12), 50), 50, 1)
    assert fitted.crossing(0.5).relation == "="
    assert fitted.crossing(0.9).relation == ">"


def test_a_falling_curve_never_rises_to_a_level():
    x = np.arange(6.0)
    assert fit(x, np.array([3, 3, 2, 1, 0, 0]), np.full(6, 5)).crossing(0.9, (0, 5)) == np.inf


def test_clusters_that_agree_within_themselves_widen_the_interval():
    x, rng = np.linspace(0, 4, 12), np.random.default_rng(5)
    own_place = rng.normal(2, 0.8, (30, 1))
    dependent = (x > own_place).astype(int)
    shuffled = rng.permuted(dependent, axis=0)
    widths = []
    for hits in (dependent, shuffled):
        crossing = bootstrapped(x, hits, np.ones_like(hits), 400, 1).crossing(0.5)
        widths.append(crossing.high - crossing.low)
    assert widths[0] > 1.4 * widths[1]


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    x, rng = np.linspace(0, 4, 12), np.random.default_rng(6)
    covered = 0
    for seed in range(100):
        hits = rng.binomial(1, expit(3 * (x - 2)), (20, 12))
        crossing = bootstrapped(x, hits, np.ones_like(hits), 200, seed).crossing(0.5)
        covered += crossing.low <= 2 <= crossing.high
    assert 86 <= covered <= 100


def test_equal_seeds_give_equal_intervals():
    x, hits = np.arange(8.0), np.random.default_rng(7).binomial(1, 0.5, (9, 8))
    first, second = (bootstrapped(x, hits, np.ones_like(hits), 50, 3).crossing(0.5) for _ in range(2))
    assert first == second


def test_a_single_place_makes_no_curve():
    with pytest.raises(ValueError, match="two different places"):
        fit(np.full(3, 2.0), np.ones(3), np.ones(3))


def test_the_fit_settles_for_any_counts():
    rng = np.random.default_rng(8)
    for _ in range(60):
        count = int(rng.integers(2, 30))
        x = np.sort(rng.normal(size=count)) * rng.choice([1, 100]) + rng.choice([0, 30])
        trials = rng.integers(0, rng.choice([2, 40]), (50, count))
        trials[:, [0, -1]] += 1
        chance = expit((x - rng.choice(x)) * rng.choice([0.1, 1, 100, -3]))
        curves = fit(x, rng.binomial(trials, chance), trials)
        assert np.isfinite(curves.slope).all()

from datetime import date, timedelta
from itertools import combinations

import numpy as np
import pytest
from basinwatch.sbas.inversion import invert
from basinwatch.sbas.network import Network
from basinwatch.sbas.pair_lengths import are_short, length_contrast, length_sums, pair_days, rate_contrast
from basinwatch.sbas.trend import fit_rate
from hypothesis import given, settings
from hypothesis import strategies as st

NETWORK = Network.of(
    (date(2021, 1, 1) + timedelta(12 * i), date(2021, 1, 1) + timedelta(12 * j))
    for i, j in combinations(range(30), 2)
    if j - i <= 3
)
PAIRS, LENGTHS = NETWORK.index, pair_days(NETWORK)


def residual(observed):
    series = invert(PAIRS, NETWORK.days, observed).displacement
    return observed - (series[PAIRS[:, 1]] - series[PAIRS[:, 0]])


def moved(series):
    return series[PAIRS[:, 1]] - series[PAIRS[:, 0]]


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_any_motion_on_which_all_pairs_agree_has_no_contrast(seed):
    series = np.cumsum(np.random.default_rng(seed).normal(0, 5, (30, 4)), axis=0)
    assert np.abs(length_contrast(residual(moved(series)), NETWORK, None)).max() < 1e-9


@pytest.mark.parametrize("limit", [12, 24, None])
def test_the_contrast_is_the_difference_of_the_rates_that_short_and_long_pairs_give_alone(limit):
    short = are_short(LENGTHS, limit)
    series = np.cumsum(np.random.default_rng(0).normal(0, 5, (30, 50)), axis=0)
    wrong = np.where(short, 30.0, -10.0) * LENGTHS / 365.25
    observed = moved(series) + wrong[:, None]
    alone = []
    for chosen in (short, ~short):
        part = np.where(chosen[:, None], observed, np.nan)
        alone.append(fit_rate(NETWORK.days, invert(PAIRS, NETWORK.days, part).displacement)[0])
    found = length_contrast(residual(observed), NETWORK, limit)
    assert found == pytest.approx(40, rel=0.05)
    assert found == pytest.approx(alone[0] - alone[1], rel=0.05)


def test_ground_that_loses_a_cycle_in_every_long_pair_shows_it():
    rate = 365.0
    phase = -4 * np.pi / 55.46576 * rate * LENGTHS[:, None] / 365.25
    aliased = phase + 2 * np.pi * (LENGTHS > 12)[:, None]
    contrast = length_contrast(residual(aliased), NETWORK, 12) * -55.46576 / (4 * np.pi)
    assert contrast[0] > 150
    assert abs(length_contrast(residual(phase), NETWORK, 12)[0]) < 1e-9


def test_sums_of_later_pairs_add_to_those_of_earlier_ones():
    values = np.random.default_rng(1).normal(0, 1, (len(PAIRS), 20))
    values[np.random.default_rng(2).random(values.shape) < 0.3] = np.nan
    short = are_short(LENGTHS, 24)
    parts = [length_sums(values[p], LENGTHS[p], short[p]) for p in (slice(40), slice(40, None))]
    assert parts[0] + parts[1] == pytest.approx(length_sums(values, LENGTHS, short))


def test_where_either_kind_of_pair_is_missing_there_is_no_contrast():
    values = np.zeros((len(PAIRS), 3))
    values[LENGTHS > 12, 0] = np.nan
    values[LENGTHS <= 12, 1] = np.nan
    assert np.isnan(length_contrast(values, NETWORK, 12)).tolist() == [True, True, False]
    assert np.isnan(rate_contrast(length_sums(values, LENGTHS, are_short(LENGTHS, 100)))).all()


def test_pairs_of_one_length_are_not_split():
    assert not are_short(np.full(7, 12.0), None).any()
    assert are_short(np.array([12.0, 24, 36]), None).tolist() == [True, False, False]

"""Loops of three pairs: errors are counted, bad pairs named, whole cycles repaired, bias reported and left alone."""

from datetime import date, timedelta

import numpy as np
import pytest
from basinwatch.sbas.banded import Normal
from basinwatch.sbas.corrections.closure import (
    ClosureSettings,
    assess,
    nonclosing_share,
    repair,
    triplets,
)
from basinwatch.sbas.network import Network

CYCLE = 2 * np.pi
SETTINGS = ClosureSettings(repair=True)


def pairs_of(dates, links, count=None, seed=0):
    """Every date with the next ones, thinned at random to so many pairs; neighbours are kept."""
    pairs = np.array([(i, j) for i in range(dates) for j in range(i + 1, min(i + links, dates - 1) + 1)])
    if count is None:
        return pairs
    extra = np.flatnonzero(pairs[:, 1] - pairs[:, 0] > 1)
    dropped = np.random.default_rng(seed).choice(extra, len(pairs) - count, replace=False)
    return np.delete(pairs, dropped, axis=0)


def observe(pairs, pixels, noise=0.5, missing=0.1, seed=1):
    """True series (dates, P) and noisy observations (m, P) with gaps."""
    rng = np.random.default_rng(seed)
    series = np.cumsum(rng.normal(0, 1, (pairs.max() + 1, pixels)), axis=0)
    series -= series[0]
    phase = series[pairs[:, 1]] - series[pairs[:, 0]] + rng.normal(0, noise, (len(pairs), pixels))
    phase[rng.random(phase.shape) < missing] = np.nan
    return series, phase.astype(np.float32)


def errors_in(phase, share, seed=5):
    """Whole cycles, wrong in a share of the observations."""
    rng = np.random.default_rng(seed)
    wrong = np.where(rng.random(phase.shape) < share, rng.choice([-1, 1], phase.shape), 0)
    return np.where(np.isfinite(phase), wrong, 0)


def found_in(bad, mended):
    """Whole cycles that a repair took out."""
    return np.nan_to_num(np.rint((bad - mended) / CYCLE))


@pytest.mark.parametrize(
    ("dates", "count", "loops", "share", "recall", "precision"),
    [
        (60, 300, 592, 0.02, 0.999, 0.999),
        (60, 300, 592, 0.05, 0.997, 0.998),
        (60, 300, 592, 0.10, 0.993, 0.995),
        (132, 749, 1758, 0.05, 0.999, 0.999),
    ],
)
def test_independent_errors_are_found_and_removed(dates, count, loops, share, recall, precision):
    pairs = pairs_of(dates, 6, count)
    _, phase = observe(pairs, 1500)
    wrong = errors_in(phase, share)
    normal = Normal(pairs, np.arange(dates) * 12.0)
    mended = repair(phase + (CYCLE * wrong).astype(np.float32), normal, SETTINGS)
    found = found_in(phase + CYCLE * wrong, mended.phase)
    assert abs(len(triplets(pairs)) - loops) < 0.1 * loops
    assert (found == wrong)[wrong != 0].mean() >= recall
    assert (found == wrong)[found != 0].mean() >= precision
    assert np.array_equal(mended.cycles, (found != 0).sum(0))
    assert mended.accepted.mean() > 0.999


def test_observations_without_errors_are_returned_bit_by_bit():
    pairs = pairs_of(20, 4)
    _, phase = observe(pairs, 500, noise=0.2)
    mended = repair(phase, Normal(pairs, np.arange(20) * 12.0), SETTINGS)
    assert mended.phase.tobytes() == phase.tobytes()
    assert not mended.cycles.any()
    assert mended.accepted.all()


def test_a_pixel_with_too_many_errors_stays_as_it_is_and_is_not_accepted():
    pairs = pairs_of(20, 4)
    _, phase = observe(pairs, 200, noise=0.1, missing=0.0)
    bad = phase.copy()
    bad[:, 7] += CYCLE * np.random.default_rng(2).integers(-3, 4, len(pairs))
    mended = repair(bad, Normal(pairs, np.arange(20) * 12.0), SETTINGS)
    assert np.flatnonzero(~mended.accepted).tolist() == [7]
    assert mended.phase.tobytes() == bad.tobytes()
    assert not mended.cycles.any()


def test_an_error_that_all_pairs_of_a_date_share_closes_and_stays():
    pairs = pairs_of(20, 4)
    _, phase = observe(pairs, 100, noise=0.1, missing=0.0)
    sign = (pairs[:, 1] == 9).astype(int) - (pairs[:, 0] == 9)
    bad = phase + (CYCLE * sign[:, None]).astype(np.float32)
    assert repair(bad, Normal(pairs, np.arange(20) * 12.0), SETTINGS).phase.tobytes() == bad.tobytes()
    assert not nonclosing_share(bad, triplets(pairs)).any()


def test_loops_are_those_of_the_network_and_each_closes():
    pairs = pairs_of(60, 6, 300)
    loops = triplets(pairs)
    dates = [date(2020, 1, 1) + timedelta(12 * k) for k in range(60)]
    assert len(loops) == Network(tuple(dates), tuple(map(tuple, pairs.tolist()))).triplets()
    first, second, across = (pairs[loops[:, k]] for k in range(3))
    assert np.array_equal(first[:, 1], second[:, 0])
    assert np.array_equal(np.stack([first[:, 0], second[:, 1]], 1), across)
    assert triplets(np.array([[0, 1], [1, 2]])).shape == (0, 3)


def test_the_share_of_loops_that_miss_cycles_counts_valid_loops_only():
    pairs = pairs_of(4, 3)
    loops = triplets(pairs)
    phase = np.zeros((6, 4), np.float32)
    phase[0, 1] = CYCLE
    phase[0, 2] = np.nan
    phase[:, 3] = np.nan
    share = nonclosing_share(phase, loops)
    assert len(loops) == 4
    assert share[:3].tolist() == [0, 0.5, 0]
    assert np.isnan(share[3])


def test_a_pair_is_bad_when_none_of_its_loops_closes_and_its_neighbours_are_not():
    pairs = pairs_of(12, 4)
    _, phase = observe(pairs, 300, noise=0.1, missing=0.05)
    phase[10] += np.random.default_rng(3).normal(0, 4, 300).astype(np.float32)
    phase[20, :10] += CYCLE
    closure = assess(phase, pairs, SETTINGS)
    assert np.flatnonzero(closure.bad).tolist() == [10]
    assert closure.pair_rms_rad[10] > 3
    assert 0 < closure.pair_nonclosing_share[20] < 0.15


def test_pairs_without_loops_are_unknown_not_bad():
    phase = np.zeros((2, 5), np.float32)
    closure = assess(phase, np.array([[0, 1], [1, 2]]), SETTINGS)
    assert np.isnan(closure.pair_rms_rad).all()
    assert not closure.bad.any()


def test_the_bias_of_short_pairs_is_reported_by_the_span_of_the_loops():
    pairs = pairs_of(20, 3)
    series, _ = observe(pairs, 400, noise=0.0, missing=0.0)
    bias = np.where(pairs[:, 1] - pairs[:, 0] == 1, 0.2, 0.0)
    rng = np.random.default_rng(4)
    phase = series[pairs[:, 1]] - series[pairs[:, 0]] + bias[:, None] + rng.normal(0, 0.3, (len(pairs), 400))
    days = [date(2021, 1, 1) + timedelta(12 * k) for k in range(20)]
    network = Network(tuple(days), tuple(map(tuple, pairs.tolist())))
    report = assess(phase, pairs, SETTINGS).report(network, [str(k) for k in range(len(pairs))])
    by_days = {row["days"]: row for row in report["phase_bias"]}
    assert by_days[24]["bias_rad"] == pytest.approx(0.4, abs=0.02)
    assert by_days[36]["bias_rad"] == pytest.approx(0.2, abs=0.02)
    assert report["bad_pairs"] == []
    assert report["loops"] == sum(row["loops"] for row in by_days.values())

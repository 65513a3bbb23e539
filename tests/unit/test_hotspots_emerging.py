import numpy as np
import pytest
from basinwatch.hotspots import EmergingSettings, Pattern, emerging_patterns, mann_kendall
from basinwatch.hotspots.emerging import epochs, slope_weights
from scipy.stats import kendalltau, linregress


@pytest.mark.parametrize("n", [2, 3, 5, 8, 13, 40])
def test_trend_and_p_equal_kendalls_tau_of_scipy(n):
    series = np.random.default_rng(n).standard_normal((n, 30)) + np.arange(n)[:, None] * np.linspace(-0.5, 0.5, 30)
    score, p = mann_kendall(series)
    for column, (found, chance) in enumerate(zip(score, p, strict=True)):
        expected = kendalltau(np.arange(n), series[:, column], method="exact")
        assert found == round(expected.statistic * n * (n - 1) / 2)
        assert chance == pytest.approx(expected.pvalue, rel=1e-9)


def test_epochs_without_a_score_do_not_count_in_the_trend():
    series = np.array([1.0, 2, np.nan, 3, 4, np.nan, 5])
    score, p = mann_kendall(np.stack([series, np.full(7, np.nan), series * 0], axis=1))
    assert score.tolist() == [10, 0, 0]
    assert p.tolist() == pytest.approx([2 / 120, 1, 1])


def history(*levels, z=None):
    """Pattern of one pixel from its classes per epoch (None: not scored)."""
    scored = np.array([np.nan if level is None else float(level) for level in levels])
    classes = np.nan_to_num(scored).astype(np.int8)
    values = scored if z is None else np.array(z, float)
    return int(emerging_patterns(values[:, None], classes[:, None])[0])


RISING = list(range(1, 11))


@pytest.mark.parametrize(
    ("levels", "z", "pattern"),
    [
        ([0, 0, 0, 3], None, Pattern.NEW),
        ([0, None, 0, 0, 2, None], None, Pattern.NEW),
        ([0, 0, 2, 3], None, Pattern.CONSECUTIVE),
        ([3] * 10, RISING, Pattern.INTENSIFYING),
        ([3] * 10, RISING[::-1], Pattern.DIMINISHING),
        ([3] * 10, [1, 3, 2, 4, 1.5, 3.5, 2.5, 1.2, 3.1, 2.2], Pattern.PERSISTENT),
        ([0, *[3] * 9], [5, 4, 6, 3, 7, 4.5, 5.5, 3.5, 6.5, 5.2], Pattern.PERSISTENT),
        ([2, 0, 2, 0, 2], None, Pattern.SPORADIC),
        ([-2, 0, 2, 0, 2], None, Pattern.OSCILLATING),
        ([*[3] * 9, 0], None, Pattern.HISTORICAL),
        ([2, 2, 0, 0], None, Pattern.NONE),
        ([1, 1, 1, 1], None, Pattern.NONE),
        ([3], None, Pattern.NONE),
        ([3, None, None], None, Pattern.NONE),
        ([None, None], None, Pattern.NONE),
    ],
)
def test_patterns_follow_their_definition_for_hot_and_cold_spots_alike(levels, z, pattern):
    flipped = [None if level is None else -level for level in levels]
    assert history(*levels, z=z) == pattern
    assert history(*flipped, z=None if z is None else [-value for value in z]) == -pattern


def test_the_definitions_of_the_patterns_are_settings():
    z = np.array(RISING, float)[:, None]
    classes = np.full(z.shape, 2, np.int8)
    classes[:4] = 0
    lenient = EmergingSettings(min_level=2, lasting_share=0.6)
    assert emerging_patterns(z, classes)[0] == Pattern.CONSECUTIVE
    assert emerging_patterns(z, classes, lenient)[0] == Pattern.INTENSIFYING
    assert emerging_patterns(z, classes, EmergingSettings(min_level=3))[0] == Pattern.NONE
    assert emerging_patterns(z, classes, EmergingSettings(lasting_share=0.6, trend_p=1e-9))[0] == Pattern.PERSISTENT


def test_weighted_displacements_of_an_epoch_add_up_to_its_slope():
    days = np.array([0.0, 12, 24, 36, 400, 412, 424, 800, 812])
    series = np.random.default_rng(0).standard_normal(9)
    parts = epochs(days, 365.25)
    assert parts == [slice(0, 4), slice(4, 7)]  # the third has two dates only
    for part in parts:
        expected = linregress(days[part] / 365.25, series[part]).slope
        assert (slope_weights(days[part]) * series[part]).sum() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("length_days", [36.0, 100.0, 365.25])
def test_every_date_belongs_to_one_epoch(length_days):
    days = np.arange(0, 1084, 12.0)
    parts = epochs(days, length_days, min_dates=1)
    covered = np.concatenate([np.arange(len(days))[part] for part in parts])
    assert np.array_equal(covered, np.arange(len(days)))
    assert all(days[part][-1] - days[part][0] < length_days for part in parts)

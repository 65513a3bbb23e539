from itertools import combinations

import numpy as np
import pytest
from basinwatch.sbas.inversion import invert
from basinwatch.sbas.quality import residual_by_date, spatiotemporal_consistency, squares_by_pair

PAIRS = np.array([(i, j) for i, j in combinations(range(8), 2) if j - i <= 3])
DAYS = np.arange(8) * 12.0


def residuals(y):
    displacement = invert(PAIRS, DAYS, y).displacement
    return y - (displacement[PAIRS[:, 1]] - displacement[PAIRS[:, 0]])


def consistent(pixels, seed):
    rng = np.random.default_rng(seed)
    series = np.cumsum(rng.normal(0, 1, (8, pixels)), axis=0)
    return series[PAIRS[:, 1]] - series[PAIRS[:, 0]] + rng.normal(0, 0.1, (len(PAIRS), pixels))


def test_the_date_of_a_scene_whose_pairs_disagree_has_the_largest_residuals():
    y = consistent(50, 1)
    touching = (PAIRS == 4).any(1)
    y[touching] += np.random.default_rng(2).normal(0, 2, (touching.sum(), 50))
    totals = residual_by_date(PAIRS, residuals(y), 8).sum(axis=1)
    assert totals.argmax() == 4


def test_residuals_by_date_sum_those_of_the_pairs_that_touch_it():
    residual = np.random.default_rng(3).normal(size=(len(PAIRS), 5))
    residual[2, 1] = np.nan
    expected = [np.nansum(np.abs(residual[(date == PAIRS).any(1)]), axis=0) for date in range(8)]
    assert residual_by_date(PAIRS, residual, 8) == pytest.approx(np.array(expected))


def test_squares_by_pair_find_the_wrong_pair_on_stable_ground_and_add_up_over_blocks():
    y = consistent(60, 4)
    y[7] += 3
    y[3, ::4] = np.nan
    residual = residuals(y)
    stable = np.arange(60) % 3 > 0
    whole = squares_by_pair(residual, stable)
    halves = [squares_by_pair(residual[:, part], stable[part]) for part in (slice(25), slice(25, None))]
    for total, *parts in zip(whole, *halves, strict=True):
        assert total == pytest.approx(sum(parts))
    rms = np.sqrt(whole[0] / whole[1])
    assert rms == pytest.approx(np.sqrt(np.nanmean(residual[:, stable] ** 2, axis=1)))
    assert rms.argmax() == 7


def consistency_by_loops(series):
    _, height, width = series.shape
    steps = np.diff(series, axis=0)
    out = np.full((height, width), np.nan)
    for y in range(height):
        for x in range(width):
            for row in range(max(y - 1, 0), min(y + 2, height)):
                for column in range(max(x - 1, 0), min(x + 2, width)):
                    if (row, column) != (y, x):
                        rms = np.sqrt(np.mean((steps[:, y, x] - steps[:, row, column]) ** 2))
                        out[y, x] = np.fmin(out[y, x], rms)
    return out


def test_spatiotemporal_consistency_is_the_least_double_difference_to_a_neighbour():
    series = np.cumsum(np.random.default_rng(5).normal(size=(6, 7, 9)), axis=0)
    series[:, 2, 3] = np.nan
    series[3, 5, 5] = np.nan
    expected = consistency_by_loops(series)
    found = spatiotemporal_consistency(series)
    assert found.dtype == np.float32
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert found == pytest.approx(expected, rel=1e-5, nan_ok=True)
    assert np.isnan(found).sum() == 2


def test_a_pixel_without_neighbours_has_no_consistency():
    assert np.isnan(spatiotemporal_consistency(np.zeros((4, 1, 1)))).all()

from datetime import date, timedelta

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.fusion.time import common_dates, interpolate
from scipy.interpolate import Akima1DInterpolator

DAYS = np.cumsum([0.0, 12, 12, 6, 12, 24, 12, 12, 6, 6, 12, 36, 12, 12])


def series(pixels, missing=0.0, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(len(DAYS), pixels)).cumsum(0)
    # Steps and level stretches are where Akima's weights vanish.
    values[:, : pixels // 3] = np.round(values[:, : pixels // 3])
    values[rng.random(values.shape) < missing] = np.nan
    return values


def scipy_at(values, wanted):
    """One pixel's valid dates interpolated by scipy; NaN with fewer than two."""
    seen = np.isfinite(values)
    return Akima1DInterpolator(DAYS[seen], values[seen])(wanted) if seen.sum() > 1 else np.full(len(wanted), np.nan)


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.85])
def test_every_pixel_is_interpolated_exactly_as_scipy_does(missing):
    values = series(300, missing)
    wanted = np.sort(np.concatenate([DAYS, np.random.default_rng(1).uniform(-30, DAYS[-1] + 30, 60)]))
    expected = np.stack([scipy_at(pixel, wanted) for pixel in values.T], axis=1)
    assert np.isfinite(expected).any()
    assert np.array_equal(interpolate(DAYS, values, wanted, np.inf), expected, equal_nan=True)


def test_a_map_per_date_keeps_its_shape_and_float32_comes_in_too():
    values = series(12).reshape(len(DAYS), 3, 4).astype(np.float32)
    result = interpolate(DAYS, values, DAYS[2:5] + 1)
    assert result.shape == (3, 3, 4)
    assert np.array_equal(result[:, 1, 2], scipy_at(values[:, 1, 2].astype(float), DAYS[2:5] + 1))


def test_nothing_is_extrapolated():
    assert np.isnan(interpolate(DAYS, series(5), np.array([-0.1, DAYS[-1] + 0.1]))).all()


def test_inside_a_long_gap_only_the_dates_themselves_are_known():
    values = series(4)
    values[5:7, 0] = np.nan
    inside = np.array([DAYS[4], DAYS[4] + 1, DAYS[7] - 1, DAYS[7]])
    result = interpolate(DAYS, values, inside, max_gap_days=40)
    assert DAYS[7] - DAYS[4] > 40
    assert np.isnan(result[1:3, 0]).all()
    assert np.allclose(result[[0, 3], 0], values[[4, 7], 0])
    assert np.isfinite(result[:, 1:]).all()


def test_the_last_date_behind_a_long_gap_is_known():
    values = series(1)
    values[8:-1] = np.nan
    result = interpolate(DAYS, values, DAYS[-2:], max_gap_days=20)
    assert np.isnan(result[0, 0])
    assert result[1, 0] == pytest.approx(values[-1, 0])


def test_pixels_do_not_depend_on_their_neighbours():
    quiet, loud = 1e-12 * series(20, seed=2), 1e6 * series(20, seed=3)
    wanted = DAYS[:-1] + 2.5
    together = interpolate(DAYS, np.concatenate([quiet, loud], axis=1), wanted)
    assert np.array_equal(together[:, :20], interpolate(DAYS, quiet, wanted))


def test_dates_that_do_not_increase_are_refused():
    with pytest.raises(ValueError, match="increasing days"):
        interpolate(DAYS[::-1], series(2), DAYS)


def test_common_dates_are_those_of_the_first_track_that_all_others_span():
    start = date(2021, 1, 1)
    chosen = [start + timedelta(days=12 * k) for k in range(10)]
    early = [start - timedelta(days=5), start + timedelta(days=84)]
    late = [start + timedelta(days=12), start + timedelta(days=300)]
    assert common_dates(chosen, [early, late]) == chosen[1:8]


def test_tracks_that_do_not_overlap_in_time_are_refused():
    first, second = [date(2020, 1, 1), date(2020, 2, 1)], [date(2021, 1, 1), date(2021, 2, 1)]
    with pytest.raises(InputError, match="found 0 of 2 dates"):
        common_dates(first, [second])

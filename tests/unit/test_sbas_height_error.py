"""Errors of the elevation model: found when baselines allow it, left alone with a reason when they do not."""

from datetime import date, timedelta

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.sbas.corrections.height_error import HeightErrorModel, HeightErrorSettings, height_of, prepare
from basinwatch.simulation.geometry import SLANT_RANGE_M, height_phase

DATES = [date(2021, 1, 1) + timedelta(12 * k) for k in range(40)]
YEARS = np.array([(day - DATES[0]).days for day in DATES]) / 365.25
BASELINES = dict(zip(DATES, np.random.default_rng(0).normal(0, 70, 40), strict=True))
TO_MM = -0.05546576 / (4 * np.pi) * 1000
ERRORS_M = np.array([-12.0, 0.0, 3.0, 25.0])


def series(motion=0.0, baselines=BASELINES):
    """Displacement (dates, 4) in mm of four elevation errors, on top of a motion."""
    phase = np.array([[height_phase(e, baselines[day] - baselines[DATES[0]], 39.0) for e in ERRORS_M] for day in DATES])
    return phase * TO_MM + np.broadcast_to(np.asarray(motion).reshape(-1, 1), phase.shape)


@pytest.mark.parametrize(
    ("motion", "settings"),
    [
        (-30 * YEARS, HeightErrorSettings()),
        (-30 * YEARS + 8 * YEARS**2, HeightErrorSettings(degree=2)),
        (5 * np.sin(2 * np.pi * YEARS) - 5 * np.cos(2 * np.pi * YEARS), HeightErrorSettings(annual=True)),
        (-40.0 * (YEARS[15] <= YEARS), HeightErrorSettings(steps=(DATES[15],))),
        (-30 * YEARS, HeightErrorSettings(velocity=True)),
        (-30 * YEARS + 8 * YEARS**2, HeightErrorSettings(degree=2, velocity=True)),
    ],
)
def test_the_error_comes_back_and_a_motion_of_the_model_is_untouched(motion, settings):
    model = prepare(DATES, BASELINES, settings)
    corrected, slope = model.split(series(motion))
    np.testing.assert_allclose(height_of(slope, SLANT_RANGE_M, 39.0), ERRORS_M, atol=1e-4)
    np.testing.assert_allclose(corrected, series(motion)[:, [1, 1, 1, 1]], atol=1e-9)
    np.testing.assert_allclose(corrected[0], series(motion)[0], atol=0)


def test_the_estimate_is_that_of_a_joint_least_squares_fit():
    rng = np.random.default_rng(1)
    noisy = series(-30 * YEARS) + rng.normal(0, 5, (40, 4))
    slope = prepare(DATES, BASELINES, HeightErrorSettings(degree=2)).split(noisy)[1]
    baselines = np.array(list(BASELINES.values()))
    design = np.stack([np.ones(40), YEARS, YEARS**2, baselines], axis=1)
    np.testing.assert_allclose(slope, np.linalg.lstsq(design, noisy, rcond=None)[0][3], rtol=1e-9)


def test_velocities_are_less_biased_by_a_motion_the_model_lacks():
    motion = -80 * np.log1p(5 * YEARS)
    biased, robust = (
        np.abs(
            height_of(
                prepare(DATES, BASELINES, HeightErrorSettings(velocity=v)).split(series(motion))[1], SLANT_RANGE_M, 39.0
            )
            - ERRORS_M
        ).max()
        for v in (False, True)
    )
    assert biased > 2 * robust


def test_baselines_that_drift_with_time_are_a_reason_to_skip():
    drifting = {day: 30 * number + 5.0 * (number % 3) for number, day in enumerate(DATES)}
    assert "baselines correlate with time by 1.00, beyond ±0.5" in prepare(DATES, drifting, HeightErrorSettings())


def test_baselines_of_a_narrow_tube_are_a_reason_to_skip():
    narrow = {day: baseline / 10 for day, baseline in BASELINES.items()}
    sentence = prepare(DATES, narrow, HeightErrorSettings())
    assert "m only, at least 20 m tell height from motion" in sentence
    assert isinstance(prepare(DATES, narrow, HeightErrorSettings(min_spread_m=5)), HeightErrorModel)


def test_too_few_dates_are_a_reason_to_skip():
    assert "3 dates are too few" in prepare(DATES[:3], BASELINES, HeightErrorSettings(max_correlation=1.0))


def test_a_date_without_a_baseline_is_named():
    known = {day: b for day, b in BASELINES.items() if day != DATES[7]}
    with pytest.raises(InputError, match=r"baselines: found none for 1 of 40 dates \(first 2021-03-26\)"):
        prepare(DATES, known, HeightErrorSettings())

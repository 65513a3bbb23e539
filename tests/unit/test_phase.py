"""Wrapping against the phasor it must keep."""

import numpy as np
import pytest
from basinwatch.phase import wrap

PHASE = np.random.default_rng(0).uniform(-300, 300, 200_000).astype(np.float32)


def test_wrapping_keeps_the_phasor_to_the_precision_of_single_floats():
    exact = np.exp(1j * PHASE.astype(np.float64))
    assert np.abs(np.exp(1j * wrap(PHASE).astype(np.float64)) - exact).max() < 3e-5


def test_wrapped_phase_lies_within_half_a_turn():
    for values in (PHASE, PHASE.astype(np.float64), np.float32([np.pi, -np.pi, 3 * np.pi, -3 * np.pi])):
        wrapped = wrap(values)
        assert wrapped.dtype == values.dtype
        assert np.float32(-np.pi) <= wrapped.min() <= wrapped.max() <= np.float32(np.pi)


@pytest.mark.parametrize("turns", [-20, -1, 1, 20])
def test_whole_turns_change_nothing(turns):
    small = np.random.default_rng(1).uniform(-3.1, 3.1, 10_000)
    np.testing.assert_allclose(wrap(small + 2 * np.pi * turns), small, atol=1e-12)


def test_missing_phase_stays_missing():
    assert np.isnan(wrap(np.array([np.nan, 4.0]))).tolist() == [True, False]

"""The producer's unwrapped phase against the interferogram it comes with."""

from __future__ import annotations

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.sbas.given_phase import doubts

SHAPE = (60, 80)


def scene() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:60, :80]
    unwrapped = (14 * np.exp(-((x - 40) ** 2 + (y - 30) ** 2) / 200) + x / 15).astype(np.float32)
    unwrapped[:5] = np.nan
    return unwrapped, np.angle(np.exp(1j * unwrapped)).astype(np.float32)


@pytest.mark.parametrize("removed", [0.0, -4.21967])
def test_phase_that_differs_by_cycles_and_a_constant_is_trusted(removed: float) -> None:
    unwrapped, wrapped = scene()
    assert doubts(unwrapped + np.float32(removed), wrapped, "a.unw") == []


def test_phase_of_the_other_sign_is_refused() -> None:
    unwrapped, wrapped = scene()
    with pytest.raises(InputError, match=r"a\.unw: found unwrapped phase of the other sign"):
        doubts(-unwrapped, wrapped, "a.unw")


def test_phase_of_another_filter_is_said_with_its_spread() -> None:
    unwrapped, wrapped = scene()
    noise = np.random.default_rng(0).normal(0, 0.7, SHAPE).astype(np.float32)
    (said,) = doubts(unwrapped + noise, wrapped, "a.unw")
    spread = float(said.split("differ by ")[1].split(" rad")[0])
    assert spread == pytest.approx(0.7, abs=0.03)


def test_nothing_is_said_of_areas_without_common_ground() -> None:
    unwrapped, wrapped = scene()
    assert doubts(np.full(SHAPE, np.nan, np.float32), wrapped, "a.unw") == []
    assert doubts(unwrapped, np.full(SHAPE, np.nan, np.float32), "a.unw") == []

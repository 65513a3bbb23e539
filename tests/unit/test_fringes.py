"""Fringes are counted as a person would count them in the picture."""

from __future__ import annotations

import numpy as np
import pytest
from basinwatch.fringes import count_fringes
from basinwatch.phase import wrap

SIZE = 61


def disc(radius: float = 28) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    return np.hypot(x, y) <= radius


def bowl(cycles: float, radius: float = 28) -> np.ndarray:
    """Phase that grows by a number of cycles from the rim to the middle."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    return np.pi * cycles * (1 + np.cos(np.pi * np.clip(np.hypot(x, y) / radius, 0, 1)))


@pytest.mark.parametrize("cycles", [0.5, 1.0, 3.25, 6.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_bowl_has_the_cycles_it_was_made_with(cycles: float, sign: int) -> None:
    found = count_fringes(wrap(sign * bowl(cycles)), disc())
    assert found == pytest.approx(cycles, abs=0.05 + 0.03 * cycles)


def test_a_constant_and_the_place_of_the_cut_do_not_matter() -> None:
    counts = [count_fringes(wrap(bowl(2.0) + offset), disc()) for offset in (0.0, 1.0, 3.0)]
    assert np.ptp(counts) < 1e-9


def test_noise_of_a_coherent_pair_hardly_changes_the_count() -> None:
    noise = np.random.default_rng(3).normal(0, 0.6, (SIZE, SIZE))
    assert count_fringes(wrap(bowl(3.0) + noise), disc()) == pytest.approx(3.0, abs=0.35)


def test_flat_ground_has_no_fringe() -> None:
    noise = np.random.default_rng(4).normal(0, 0.5, (SIZE, SIZE))
    assert count_fringes(wrap(noise), disc()) < 0.15


def test_lost_coherence_gives_no_count_instead_of_a_wrong_one() -> None:
    noise = np.random.default_rng(5).uniform(-np.pi, np.pi, (SIZE, SIZE))
    assert np.isnan(count_fringes(noise, disc()))
    assert np.isnan(count_fringes(np.full((SIZE, SIZE), np.nan), disc()))


def test_a_basin_outside_the_raster_gives_no_count() -> None:
    assert np.isnan(count_fringes(np.zeros((4, 4)), np.zeros((4, 4), bool)))
    assert np.isnan(count_fringes(np.zeros((0, 0)), np.zeros((0, 0), bool)))

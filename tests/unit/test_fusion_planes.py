"""Planes through maps, whatever part of them moves."""

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.fusion.planes import Plane, at_rest, fit_plane

SHAPE, SPACING_M = (120, 90), (30.0, 20.0)
PLANE = Plane(40.0, -0.01, 0.02)
EVERYWHERE = np.ones(SHAPE, bool)


def sinking(share: float, noise: float = 1.0) -> np.ndarray:
    """A noisy plane whose western part sinks by 50."""
    values = PLANE.over(SHAPE, SPACING_M) + noise * np.random.default_rng(1).standard_normal(SHAPE)
    values[:, : round(share * SHAPE[1])] -= 50
    return values


def test_a_plane_is_level_in_the_middle_and_rises_as_it_says():
    surface = PLANE.over((3, 5), SPACING_M)
    assert surface[1, 2] == pytest.approx(40)
    assert surface[1, 3] - surface[1, 2] == pytest.approx(-0.2)
    assert surface[0, 2] - surface[1, 2] == pytest.approx(0.6)


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.4])
def test_a_moving_part_does_not_pull_the_plane_away(share, noise):
    found = fit_plane(sinking(share, noise), EVERYWHERE, SPACING_M).over(SHAPE, SPACING_M)
    assert np.abs(found - PLANE.over(SHAPE, SPACING_M)).max() < max(0.12 * noise, 1e-9)


def test_of_ground_at_rest_the_plane_is_that_of_least_squares():
    values = sinking(0, 0.2)
    values[40:50] = np.nan
    seen = np.isfinite(values)
    rows, columns = np.nonzero(seen)
    design = np.stack([np.ones(len(rows)), 20.0 * columns, -30.0 * rows], axis=1)
    expected = np.linalg.lstsq(design, values[seen])[0]
    found = fit_plane(values, EVERYWHERE, SPACING_M)
    # Of normal noise, 0.3 % lies beyond three standard deviations.
    assert found.to_east == pytest.approx(expected[1], abs=1e-5)
    assert found.to_north == pytest.approx(expected[2], abs=1e-5)


def test_pixels_outside_the_mask_take_no_part():
    values = sinking(0.4)
    plane = fit_plane(values, np.arange(SHAPE[1]) < 36 + 0 * EVERYWHERE, SPACING_M)
    assert plane.over(SHAPE, SPACING_M)[60, 10] == pytest.approx(PLANE.over(SHAPE, SPACING_M)[60, 10] - 50, abs=0.3)


def test_ground_at_rest_is_what_follows_the_plane_of_its_track():
    still = at_rest(sinking(0.3), EVERYWHERE, SPACING_M, 5.0)
    assert not still[:, :27].any()
    assert still[:, 27:].mean() > 0.999


def test_scatter_beyond_the_limit_leaves_ground_at_rest():
    assert at_rest(sinking(0, 20.0), EVERYWHERE, SPACING_M, 5.0).mean() > 0.99


def test_a_map_without_ground_outside_basins_is_refused():
    with pytest.raises(InputError, match="found no pixel that was measured outside detected basins"):
        fit_plane(np.full(SHAPE, np.nan), EVERYWHERE, SPACING_M)

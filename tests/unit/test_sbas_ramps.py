"""Ramps per date: known surfaces come back, whatever outliers and mines do."""

import numpy as np
import pytest
from affine import Affine
from basinwatch.grid import Grid
from basinwatch.sbas.corrections.ramps import RampSettings, Terms, fit
from basinwatch.sbas.pixels import Pixels
from scipy.optimize import minimize

GRID = Grid.from_map(60, 50, Affine(30, 0, 400_000, 0, -30, 4_200_000), "EPSG:32650")
PIXELS = Pixels.where(np.ones(GRID.shape, bool), GRID)
ALL = np.ones(len(PIXELS), bool)
HEIGHTS = (300 + 100 * np.sin(PIXELS.rows / 7.0) * np.cos(PIXELS.columns / 5.0)).astype(np.float32)


def surface(terms, seed, dates=4):
    """Random surfaces (dates, P) of the first so many terms of place."""
    x, y = PIXELS.place
    values = np.stack([np.ones(len(x)), x, y, x * y, x**2, y**2])[:terms]
    return np.random.default_rng(seed).normal(0, 5, (dates, terms)) @ values


@pytest.mark.parametrize(("name", "terms"), [("plane", 3), ("bilinear", 4), ("quadratic", 6)])
def test_surfaces_of_the_chosen_form_come_back_everywhere_from_some_pixels(name, terms):
    truth = surface(terms, 0)
    members = PIXELS.columns < 40
    found = fit(np.where(members, truth, np.nan), PIXELS, None, members, RampSettings(name))
    np.testing.assert_allclose(found.at(PIXELS, None), truth, atol=1e-4)


def test_a_plane_does_not_follow_a_quadratic_surface():
    truth = surface(6, 1)
    found = fit(truth, PIXELS, None, ALL, RampSettings("plane"))
    assert np.abs(found.at(PIXELS, None) - truth).max() > 0.5


@pytest.mark.parametrize("surface_name", ["none", "plane"])
def test_phase_that_follows_the_terrain_comes_back_with_and_without_a_plane(surface_name):
    slope = np.array([[0.0], [0.02], [-0.03]])
    truth = slope * HEIGHTS + (surface(3, 2, 3) if surface_name == "plane" else 0)
    found = fit(truth, PIXELS, HEIGHTS, ALL, RampSettings(surface_name, height=True))
    np.testing.assert_allclose(found.at(PIXELS, HEIGHTS), truth, atol=1e-3)


def test_an_unknown_height_counts_as_the_mean_one():
    holes = HEIGHTS.copy()
    holes[::7] = np.nan
    found = fit(
        0.05 * (np.nan_to_num(holes, nan=300.0) - 300)[None],
        PIXELS,
        holes,
        np.isfinite(holes),
        RampSettings(height=True),
    )
    values = found.at(PIXELS, holes)[0]
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values[::7], np.mean(values[np.isfinite(holes)]), atol=1e-3)


def test_a_fifth_of_wild_pixels_hardly_moves_a_robust_plane():
    rng = np.random.default_rng(3)
    truth = surface(3, 4, 1)
    noisy = truth + rng.normal(0, 0.5, truth.shape)
    wild = noisy + np.where(rng.random(truth.shape) < 0.2, 30.0, 0)
    settings = RampSettings("plane")
    error = np.abs(fit(wild, PIXELS, None, ALL, settings).at(PIXELS, None) - truth).max()
    x, y = PIXELS.place
    design = np.stack([np.ones(len(x)), x, y])
    squares = np.abs(np.linalg.lstsq(design.T, wild[0], rcond=None)[0] @ design - truth).max()
    assert squares > 5
    assert error < 0.5


def test_the_fit_minimises_huber_loss():
    rng = np.random.default_rng(5)
    x, y = PIXELS.place
    design = np.stack([np.ones(len(x)), x, y])
    values = rng.standard_t(2, len(x)) + 2 * x - y
    found = fit(values[None], PIXELS, None, ALL, RampSettings("plane")).coefficients[0]
    scale = 1.4826 * np.median(np.abs(values - found @ design))

    def loss(coefficients):
        size = np.abs(values - coefficients @ design) / scale
        return np.where(size < 1.345, size**2 / 2, 1.345 * size - 1.345**2 / 2).mean()

    np.testing.assert_allclose(found, minimize(loss, np.zeros(3), tol=1e-12).x, atol=1e-3)


def test_moving_ground_outside_the_members_leaves_no_trace():
    truth = surface(3, 6)
    mine = (PIXELS.rows - 25.0) ** 2 + (PIXELS.columns - 30.0) ** 2 < 200
    moving = truth - 60.0 * mine
    found = fit(moving, PIXELS, None, ~mine, RampSettings("plane"))
    np.testing.assert_allclose(found.at(PIXELS, None), truth, atol=1e-4)


def test_too_few_pixels_give_no_surface_and_a_message(caplog):
    members = np.arange(len(PIXELS)) < 29
    assert fit(surface(3, 7), PIXELS, None, members, RampSettings("plane")) is None
    assert "ramps: skipped, 29 pixels of known motion are too few for 3 terms" in caplog.text


def test_nothing_wanted_or_flat_terrain_gives_no_surface():
    assert fit(surface(3, 8), PIXELS, HEIGHTS, ALL, RampSettings()) is None
    assert fit(surface(3, 8), PIXELS, None, ALL, RampSettings(height=True)) is None
    assert fit(surface(3, 8), PIXELS, HEIGHTS * 0, ALL, RampSettings(height=True)) is None
    assert len(Terms.of(RampSettings("quadratic", height=True), HEIGHTS)) == 7

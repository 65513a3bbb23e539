"""The raster engine against closed forms and quadrature; horizontal movement against its peak."""

import math

import numpy as np
import pytest
from basinwatch.simulation.extraction import extraction_increment, horizontal_movement
from basinwatch.simulation.geometry import Spacing
from basinwatch.simulation.profiles import (
    Knothe,
    Logistic,
    PowerKnothe,
    Weibull,
    face_increment,
    residual_increment,
    trough_profile,
)
from scipy.integrate import quad

RADIUS, WIDTH = 150.0, 220.0
FINE = Spacing(RADIUS / 20, RADIUS / 20)


def _lattice(spacing, ahead=3000.0, beside=1500.0, start=700.0, shift=0.0):
    """Distances of cell middles from the panel's start and axis."""
    x = (np.arange(round(ahead / spacing.x)) + 0.5 + shift) * spacing.x - start
    y = (np.arange(round(beside / spacing.y)) + 0.5 + shift) * spacing.y - beside / 2
    return x, y


def _panel(x, y, spacing, advance, run=math.inf):
    """Extracted share and day of a panel mined from 0 to `run`."""
    begin, end = np.clip(x - spacing.x / 2, 0, run), np.clip(x + spacing.x / 2, 0, run)
    across = np.clip((WIDTH / 2 - np.abs(y)) / spacing.y + 0.5, 0, 1)
    share = (across[:, None] * (end - begin) / spacing.x).astype(np.float32)
    day = np.where(end > begin, (begin + end) / 2 / advance, np.inf).astype(np.float32)
    return share, np.broadcast_to(day, share.shape)


def _largest_difference(raster, x, y, along):
    closed = trough_profile(y, WIDTH / 2, RADIUS)[:, None] * along
    return np.abs(raster - closed).max() / closed.max()


@pytest.mark.parametrize(
    ("rate", "advance", "shift"), [(0.05, 4.0, 0.0), (0.05, 4.0, 0.3), (0.15, 1.0, 0.0), (0.15, 12.0, 0.4), (5, 4, 0.2)]
)
def test_raster_engine_equals_the_closed_form_of_a_moving_face(rate, advance, shift):
    x, y = _lattice(FINE, shift=shift)
    share, day = _panel(x, y, FINE, advance)
    first = 900 / advance
    raster = extraction_increment(share, day, (first, first + 12), Knothe(rate), RADIUS, FINE)
    closed = face_increment(x, 900, advance, rate, 12, RADIUS)
    assert _largest_difference(raster, x, y, closed) <= 1e-3


@pytest.mark.parametrize(
    ("spacing", "limit"),
    [
        (Spacing(15, 15), 2e-3),
        (FINE, 2e-4),
        (Spacing(3.75, 3.75), 5e-5),
        (Spacing(10, 5), 1e-3),
        (Spacing(5, 10), 1e-3),
    ],
)
def test_raster_engine_converges_on_square_and_rectangular_cells(spacing, limit):
    x, y = _lattice(spacing)
    share, day = _panel(x, y, spacing, 4.0)
    raster = extraction_increment(share, day, (225, 237), Knothe(0.05), RADIUS, spacing)
    assert _largest_difference(raster, x, y, face_increment(x, 900, 4.0, 0.05, 12, RADIUS)) <= limit


def test_raster_engine_equals_the_closed_form_of_a_panel_at_any_angle():
    turn = math.radians(33)
    axis = (np.arange(260) + 0.5) * FINE.x
    ahead = (axis[None] - 500) * math.cos(turn) + (axis[:, None] - 600) * math.sin(turn)
    beside = (axis[:, None] - 600) * math.cos(turn) - (axis[None] - 500) * math.sin(turn)
    span = FINE.x * (abs(math.cos(turn)) + abs(math.sin(turn)))
    share = np.clip((WIDTH / 2 - np.abs(beside)) / span + 0.5, 0, 1) * np.clip(ahead / span + 0.5, 0, 1)
    raster = extraction_increment(
        share.astype(np.float32), (ahead / 4).astype(np.float32), (150, 162), Knothe(0.05), RADIUS, FINE
    )
    closed = trough_profile(beside, WIDTH / 2, RADIUS) * face_increment(ahead, 600, 4.0, 0.05, 12, RADIUS)
    assert np.abs(raster - closed).max() <= 1e-3 * closed.max()


def test_raster_engine_equals_the_closed_form_of_a_stopped_panel():
    x, y = _lattice(FINE)
    share, day = _panel(x, y, FINE, 4.0, run=900)
    raster = extraction_increment(share, day, (225 + 30, 225 + 42), Knothe(0.05), RADIUS, FINE)
    closed = residual_increment(x, 900, 4.0, 0.05, 30, 12, RADIUS)
    assert _largest_difference(raster, x, y, closed) <= 1e-3


@pytest.mark.parametrize(
    "law", [PowerKnothe(0.08, 2.5), Weibull(15.0, 1.7), Logistic(0.3, 12.0)], ids=lambda law: type(law).__name__
)
def test_raster_engine_equals_quadrature_for_every_time_law(law):
    advance, first, last = 4.0, 225.0, 237.0
    x, y = _lattice(FINE)
    share, day = _panel(x, y, FINE, advance)
    raster = extraction_increment(share, day, (first, last), law, RADIUS, FINE)
    across = trough_profile(y, WIDTH / 2, RADIUS)

    def gained(xi, place):
        ages = np.maximum(np.array([first, last]) - xi / advance, 0)
        early, late = law.settled(ages)
        return math.exp(-math.pi * ((place - xi) / RADIUS) ** 2) / RADIUS * (late - early)

    for column in np.searchsorted(x, [600, 800, 900, 1000]):
        kinks = [advance * first, x[column]]
        exact = quad(gained, 0, advance * last, args=(x[column],), points=kinks, epsabs=1e-9, limit=200)[0]
        np.testing.assert_allclose(raster[:, column], across * exact, atol=1e-3 * raster.max())


def test_the_raster_keeps_the_extracted_volume():
    x, y = _lattice(FINE)
    share, day = _panel(x, y, FINE, 4.0, run=900)
    final = extraction_increment(share, day, (-10, 1e5), Knothe(0.05), RADIUS, FINE)
    assert final.sum(dtype=np.float64) * FINE.x * FINE.y == pytest.approx(900 * WIDTH, rel=1e-6)


def test_a_panel_extracted_at_once_gives_the_static_trough():
    x, y = _lattice(FINE)
    share, _ = _panel(x, y, FINE, 4.0, run=400)
    day = np.full(share.shape, 10, np.float32)
    raster = extraction_increment(share, day, (10, 30), Knothe(0.05), RADIUS, FINE)
    closed = -math.expm1(-1) * trough_profile(x - 200, 200, RADIUS)
    assert _largest_difference(raster, x, y, closed) <= 1e-3


def test_a_single_cell_settles_as_a_gaussian_of_radius_over_root_two_pi():
    share = np.zeros((201, 161), np.float32)
    share[100, 80] = 1
    raster = extraction_increment(share, np.zeros_like(share), (0, 1e4), Knothe(0.05), RADIUS, FINE)
    y, x = np.mgrid[-100:101, -80:81] * FINE.x
    sigma = RADIUS / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(raster / raster.max(), np.exp(-0.5 * (x**2 + y**2) / sigma**2), atol=1e-3)


def test_a_panel_is_not_blurred_in_time_by_its_neighbour():
    share = np.ones((60, 80), np.float32)
    day = np.where(np.arange(80) < 40, 0, 400).astype(np.float32) + np.zeros((60, 1), np.float32)
    between = extraction_increment(share, day, (300, 390), Knothe(0.5), RADIUS, FINE)
    assert np.abs(between).max() < 1e-6


def test_increments_of_consecutive_intervals_add_up():
    x, y = _lattice(Spacing(20, 20))
    share, day = _panel(x, y, Spacing(20, 20), 4.0)

    def gained(first, last):
        return extraction_increment(share, day, (first, last), Weibull(15.0, 1.7), RADIUS, Spacing(20, 20))

    np.testing.assert_allclose(gained(100, 112) + gained(112, 136), gained(100, 136), atol=1e-5)


def test_ground_that_is_never_extracted_never_moves():
    share, days = np.ones((40, 40), np.float32), np.full((40, 40), np.inf, np.float32)
    assert not extraction_increment(share, days, (0, 1e5), Knothe(0.1), RADIUS, FINE).any()
    assert not extraction_increment(0 * share, 0 * share, (0, 1e5), Knothe(0.1), RADIUS, FINE).any()


def test_horizontal_movement_points_to_the_centre_with_peak_b_times_full_subsidence():
    spacing, factor = Spacing(20.0, 5.0), 0.3
    x = np.arange(-1500, 1500, spacing.x)
    subsidence = (400 * trough_profile(x, 700, RADIUS)[None] + np.zeros((5, 1))).astype(np.float32)
    east, north = horizontal_movement(subsidence, factor * RADIUS, spacing)
    assert east.max() == pytest.approx(factor * 400, rel=2e-3)
    assert (east[2, (x < -600)] >= 0).all()
    assert (east[2, (x > 600)] <= 0).all()
    assert np.abs(north).max() < 1e-9
    south_north, turned = horizontal_movement(subsidence.T.copy(), factor * RADIUS, Spacing(spacing.x, spacing.y))
    np.testing.assert_array_equal(turned, -east.T)
    assert np.abs(south_north).max() < 1e-9

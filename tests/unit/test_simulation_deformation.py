"""Subsidence profiles against quadrature, volumes and limits known in closed form."""

import math

import numpy as np
import pytest
from basinwatch.simulation.deformation import (
    Patch,
    basin_patch,
    basin_profiles,
    extraction_increment,
    horizontal_movement,
    knothe_profile,
    trough_profile,
)
from scipy.integrate import quad

RADIUS = 150.0
UP = (0.0, 0.0, 1.0)


def _face(**changes):
    basin = {
        "kind": "face", "peak_mm": 100.0, "direction_deg": 0.0, "radius_m": RADIUS, "horizontal": 0.3,
        "irregularity": 0.0, "warp": 0.0, "half_width_m": 110.0, "run_m": 900.0, "advance_m_per_day": 4.0,
        "rate_per_day": 0.05, "dip_ratio": 1.0, "stopped": False, "row": 128.0, "column": 128.0,
    }  # fmt: skip
    return basin | changes


def _gaussian(**changes):
    basin = {
        "kind": "gaussian", "peak_mm": 50.0, "direction_deg": 0.0, "radius_m": RADIUS, "horizontal": 0.0,
        "irregularity": 0.0, "warp": 0.0, "sigma_along_m": 180.0, "sigma_across_m": 120.0,
        "row": 128.0, "column": 128.0,
    }  # fmt: skip
    return basin | changes


@pytest.mark.parametrize("lag", [1e-4, 1e-3, 1e-2, 0.1, 1.0])
@pytest.mark.parametrize("radius", [60.0, 600.0])
def test_moving_face_profile_equals_quadrature_without_overflow(lag, radius):
    face = 700.0
    for x in (-radius, 0.0, 200.0, face - 10, face + radius, face + 3 * radius):

        def influence(xi, x=x):
            return math.exp(-math.pi * ((x - xi) / radius) ** 2) / radius * -math.expm1(-lag * (face - xi))

        kinks = sorted({min(max(p, 0), face) for p in (x, x - radius, x + radius, face - 5 / lag)})
        expected = quad(influence, 0, face, points=kinks, epsabs=1e-12, epsrel=1e-12, limit=400)[0]
        assert knothe_profile(np.array([x]), face, lag, radius)[0] == pytest.approx(expected, abs=1e-9)


def test_an_instant_settlement_gives_the_static_trough():
    x = np.linspace(-500, 1500, 401)
    static = trough_profile(x - 400, 400, RADIUS)
    np.testing.assert_allclose(knothe_profile(x, 800, 1e6, RADIUS), static, atol=1e-6)


def test_a_small_panel_settles_as_a_gaussian_of_radius_over_root_two_pi():
    x = np.linspace(-300, 300, 301)
    profile = trough_profile(x, 0.5, RADIUS)
    sigma = RADIUS / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(profile / profile.max(), np.exp(-0.5 * (x / sigma) ** 2), atol=1e-5)


def test_volumes_of_trough_and_increment_are_what_was_extracted():
    x = np.arange(-2000, 4000, 2.0)
    assert trough_profile(x, 130, RADIUS).sum() * 2 == pytest.approx(260, rel=1e-6)
    lag, first, second = 0.05 / 4, 900.0, 948.0
    gained = knothe_profile(x, second, lag, RADIUS) - knothe_profile(x, first, lag, RADIUS)

    def settled(face):
        return face + math.expm1(-lag * face) / lag

    assert gained.sum() * 2 == pytest.approx(settled(second) - settled(first), rel=1e-6)


@pytest.mark.parametrize(("cells_per_radius", "limit"), [(20, 2e-3), (40, 5e-4)])
def test_raster_engine_converges_to_the_closed_form_of_a_moving_face(cells_per_radius, limit):
    spacing, width, rate, advance = RADIUS / cells_per_radius, 220.0, 0.05, 4.0
    n = 20 * cells_per_radius
    x, y = (np.arange(n) - n / 4 + 0.5) * spacing, (np.arange(n) - n / 2 + 0.5) * spacing
    days = np.where(x > 0, x / advance, np.inf).astype(np.float32)[None] + np.zeros((n, 1), np.float32)
    share = (x[None] > 0) * np.clip((width / 2 - np.abs(y)) / spacing + 0.5, 0, 1)[:, None]
    t1, t2 = 225.0, 237.0
    raster = extraction_increment(share.astype(np.float32), days, (t1, t2), rate, cells_per_radius)
    faces = [knothe_profile(x, advance * t, rate / advance, RADIUS) for t in (t1, t2)]
    closed = trough_profile(y, width / 2, RADIUS)[:, None] * (faces[1] - faces[0])[None]
    assert np.abs(raster - closed).max() <= limit * closed.max()


def test_ground_that_is_never_extracted_never_moves():
    share, days = np.ones((40, 40), np.float32), np.full((40, 40), np.inf, np.float32)
    assert not extraction_increment(share, days, (0, 1e5), 0.1, 4).any()


def test_horizontal_movement_points_to_the_centre_with_peak_b_times_full_subsidence():
    spacing, factor = 5.0, 0.3
    x = np.arange(-1500, 1500, spacing)
    subsidence = 400 * trough_profile(x, 700, RADIUS)[None] + np.zeros((5, 1))
    east, north = horizontal_movement(subsidence, factor * RADIUS, spacing)
    assert east.max() == pytest.approx(factor * 400, rel=5e-3)
    assert (east[2, x < -600] >= 0).all()
    assert np.abs(north).max() < 1e-9


def test_the_front_of_a_moving_face_is_steeper_than_its_tail():
    along, _ = basin_profiles(_face(), 12, 1e-3)
    slope = np.diff(along.values) / np.diff(along.positions)
    assert -slope.min() > 1.3 * slope.max()


def test_a_gaussian_basin_has_its_peak_place_and_volume():
    patch = basin_patch(_gaussian(), (256, 256), 15.0, 12, UP, np.random.default_rng(0))
    millimetres = patch.phase / (4 * math.pi / 55.46576)
    assert millimetres.max() == pytest.approx(50, rel=1e-5)
    assert np.unravel_index(millimetres.argmax(), millimetres.shape) == (128 - patch.row, 128 - patch.column)
    assert millimetres.sum() * 225 == pytest.approx(2 * math.pi * 50 * 180 * 120, rel=5e-3)


def test_the_direction_turns_the_long_axis_clockwise_from_north():
    rng = np.random.default_rng(0)
    patch = basin_patch(_gaussian(direction_deg=90.0, sigma_across_m=60.0), (256, 256), 15.0, 12, UP, rng)
    wide = patch.phase > patch.phase.max() / 2
    assert np.ptp(np.flatnonzero(wide.any(axis=0))) > 2 * np.ptp(np.flatnonzero(wide.any(axis=1)))


def test_the_peak_is_kept_by_irregular_stopped_and_tilted_basins():
    for changes in ({"irregularity": 0.3, "warp": 0.35}, {"stopped": True}, {"dip_ratio": 1.3, "direction_deg": 37.0}):
        patch = basin_patch(_face(horizontal=0.0, **changes), (256, 256), 20.0, 12, UP, np.random.default_rng(1))
        assert patch.phase.max() / (4 * math.pi / 55.46576) == pytest.approx(100, rel=1e-5)


def test_a_patch_that_lies_outside_the_tile_adds_nothing():
    tile = np.zeros((10, 12), np.float32)
    Patch(20, -30, np.ones((5, 5), np.float32)).add_to(tile)
    assert not tile.any()
    Patch(-2, 9, np.ones((5, 5), np.float32)).add_to(tile)
    assert tile.sum() == 9
    assert tile[:3, 9:].all()

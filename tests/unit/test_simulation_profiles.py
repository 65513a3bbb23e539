"""Closed profiles and time laws against quadrature, volumes and limits known exactly."""

import math

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.simulation.profiles import (
    Knothe,
    Logistic,
    PowerKnothe,
    Weibull,
    dipping_panel,
    face_increment,
    knothe_profile,
    paper_gaussian_amplitude,
    residual_increment,
    trough_profile,
)
from scipy.integrate import quad

RADIUS = 150.0
LAWS = [Knothe(0.05), PowerKnothe(0.05, 2.5), Weibull(30.0, 1.7), Logistic(0.2, 25.0)]


@pytest.mark.parametrize("lag", [1e-4, 1e-3, 1e-2, 0.1, 1.0])
@pytest.mark.parametrize("radius", [60.0, 600.0])
def test_moving_face_profile_equals_quadrature_without_overflow(lag, radius):
    face = 700.0
    for x in (-radius, 0.0, 200.0, face - 10, face, face + radius, face + 3 * radius):

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
    gaussian = np.exp(-0.5 * (x / (RADIUS / math.sqrt(2 * math.pi))) ** 2)
    across = trough_profile(x, 0.5, RADIUS)
    np.testing.assert_allclose(across / across.max(), gaussian, atol=1e-5)
    along = knothe_profile(x + 0.5, 1.0, 0.01, RADIUS)
    np.testing.assert_allclose(along / along.max(), gaussian, atol=5e-3)


@pytest.mark.parametrize("second_radius", [RADIUS, 1.6 * RADIUS])
def test_the_volume_of_a_trough_is_the_width_of_its_panel_at_any_dip(second_radius):
    x = np.arange(-2000, 2000, 2.0)
    assert trough_profile(x, 130, RADIUS, second_radius).sum() * 2 == pytest.approx(260, rel=1e-6)


@pytest.mark.parametrize("lag", [1e-3, 0.0125, 1.0])
def test_the_volume_over_a_moving_face_is_what_has_settled_of_the_extraction(lag):
    x = np.arange(-2000, 4000, 2.0)

    def settled(face):
        return face + math.expm1(-lag * face) / lag

    first, second = (knothe_profile(x, face, lag, RADIUS) for face in (900.0, 948.0))
    assert first.sum() * 2 == pytest.approx(settled(900), rel=1e-6)
    assert (second - first).sum() * 2 == pytest.approx(settled(948) - settled(900), rel=1e-6)


def test_the_front_of_a_moving_face_is_steeper_than_its_tail():
    x = np.arange(-500, 1500, 2.0)
    slope = np.gradient(face_increment(x, 900, 4.0, 0.05, 12, RADIUS), x)
    assert -slope.min() > 1.3 * slope.max()
    assert x[slope.argmin()] > 900


def test_the_tail_behind_a_long_face_decays_over_advance_by_rate():
    x = np.array([1500.0, 1700.0])
    near, far = face_increment(x, 2500, 4.0, 0.05, 12, 60.0)[::-1]
    assert math.log(near / far) == pytest.approx(200 * 0.05 / 4.0, rel=1e-6)


def test_a_stopped_panel_settles_by_what_its_moving_face_had_left_over():
    x = np.linspace(-400, 1300, 201)
    outstanding = trough_profile(x - 450, 450, RADIUS) - knothe_profile(x, 900, 0.05 / 4, RADIUS)
    steps = [residual_increment(x, 900, 4.0, 0.05, stop, 12, RADIUS) for stop in range(0, 600, 12)]
    np.testing.assert_allclose(np.sum(steps, axis=0), outstanding, atol=1e-10)


def test_residual_subsidence_decays_with_the_time_since_the_stop():
    x = np.linspace(-400, 1300, 201)
    fresh, old = (residual_increment(x, 900, 4.0, 0.05, stop, 12, RADIUS) for stop in (0.0, 20.0))
    np.testing.assert_allclose(old, fresh * math.exp(-1), rtol=1e-12)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_every_time_law_rises_from_nothing_to_full_subsidence(law):
    settled = law.settled(np.linspace(0, 2000, 4001))
    assert settled[0] == 0
    assert (np.diff(settled) >= 0).all()
    assert settled[-1] == pytest.approx(1, abs=1e-9)
    assert law.settled(np.ones(3, np.float32)).dtype == np.float32


def test_knothes_law_settles_in_proportion_to_what_is_still_to_come():
    age = np.linspace(0, 100, 10_001)
    settled = Knothe(0.05).settled(age)
    np.testing.assert_allclose(np.gradient(settled, age)[1:-1], 0.05 * (1 - settled[1:-1]), rtol=1e-6)


def test_two_parameter_laws_contain_knothes():
    age = np.linspace(0, 200, 50)
    for law in (PowerKnothe(0.05, 1.0), Weibull(20.0, 1.0)):
        np.testing.assert_allclose(law.settled(age), Knothe(0.05).settled(age), rtol=1e-12)


@pytest.mark.parametrize(
    ("law", "fastest"),
    [
        (PowerKnothe(0.05, 2.5), math.log(2.5) / 0.05),
        (Weibull(30.0, 1.7), 30 * (0.7 / 1.7) ** (1 / 1.7)),
        (Logistic(0.2, 25.0), 25.0),
    ],
)
def test_time_laws_with_two_parameters_settle_fastest_at_their_inflexion(law, fastest):
    age = np.linspace(0, 150, 15_001)
    assert age[np.diff(law.settled(age)).argmax()] == pytest.approx(fastest, abs=0.02)


def test_weibulls_law_has_settled_63_percent_at_its_scale():
    assert Weibull(30.0, 1.7).settled(np.array([30.0]))[0] == pytest.approx(1 - 1 / math.e)


def test_a_flat_seam_has_equal_radii_and_moves_nowhere_sideways():
    panel = dipping_panel(400, 200, 0, (2.0, 2.0), 0.6)
    assert panel == pytest.approx((100, 200, 1, 0, 0))


def test_a_dipping_seam_has_a_wider_edge_and_its_trough_down_dip():
    panel = dipping_panel(400, 200, 20, (2.0, 1.8), 0.5)
    rise = 100 * math.sin(math.radians(20))
    assert panel.radius_m == pytest.approx((400 - rise) / 2.0)
    assert panel.radius_m * panel.dip_ratio == pytest.approx((400 + rise) / 1.8)
    assert panel.half_width_m == pytest.approx(100 * math.cos(math.radians(20)))
    assert panel.dip_cot == pytest.approx(1 / math.tan(math.radians(90 - 0.5 * 20)))
    assert panel.shift_m == pytest.approx(400 * panel.dip_cot)


@pytest.mark.parametrize(("depth", "dip", "message"), [(400, 40, "dip: found 40"), (30, 20, "depth: found a middle")])
def test_a_panel_the_closed_form_cannot_describe_is_refused(depth, dip, message):
    with pytest.raises(InputError, match=message):
        dipping_panel(depth, 200, dip, (2.0, 2.0), 0.5)


def test_the_papers_gaussian_keeps_its_volume_at_any_width():
    x = np.arange(-2000, 2000, 5.0)
    for sigma in (60.0, 240.0):
        bowl = paper_gaussian_amplitude(3e6, sigma) * np.exp(-0.5 * (x[:, None] ** 2 + x**2) / sigma**2)
        assert bowl.sum() * 25 == pytest.approx(3e6, rel=1e-6)

"""Delays against their closed forms and the signs and units of the field."""

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.simulation import atmosphere
from basinwatch.simulation.geometry import Spacing

HEIGHTS = np.linspace(200, 1400, 60, dtype=np.float32).reshape(6, 10)


@pytest.mark.parametrize(
    ("spectrum", "breaks", "exponents"),
    [
        (atmosphere.delay_spectrum, (1500, 250), (-8 / 3, -11 / 3, -5 / 3)),
        (atmosphere.terrain_spectrum, (8000, 800), (-2, -3, -3.6)),
    ],
)
def test_spectra_bend_at_their_breaks_and_are_flat_beyond_50_kilometres(spectrum, breaks, exponents):
    edges = [50_000, *breaks, 20]
    density = spectrum(1 / np.array([90_000, *edges]))
    ratios = [(short / long) ** -slope for long, short, slope in zip(edges, edges[1:], exponents, strict=False)]
    assert density[1:] / density[:-1] == pytest.approx([1, *ratios])


def test_one_centimetre_of_zenith_delay_is_2_945_radians_at_39_7_degrees():
    assert atmosphere.delay_phase(10.0, 39.7036) == pytest.approx(2.945, abs=1e-3)
    assert atmosphere.delay_phase(-10.0, 39.7036) == pytest.approx(-2.945, abs=1e-3)
    assert atmosphere.delay_phase(np.ones(3, np.float32), 30.0).dtype == np.float32


@pytest.mark.parametrize("incidence", [0.0, 31.0, 45.0])
def test_the_path_grows_with_the_inverse_cosine_of_the_incidence(incidence):
    ratio = atmosphere.delay_phase(1.0, incidence) / atmosphere.delay_phase(1.0, 0.0)
    assert ratio == pytest.approx(1 / np.cos(np.radians(incidence)))


def test_layered_delay_follows_the_height_about_its_mean():
    delay = atmosphere.layered_delay(HEIGHTS, 8.0)
    assert delay.dtype == np.float32
    np.testing.assert_allclose(delay, 0.008 * (HEIGHTS - HEIGHTS.mean()), atol=1e-4)


def test_power_law_delay_is_the_difference_of_two_dates_with_the_same_top():
    top_km, heights_km = 7.0, HEIGHTS.astype(np.float64) / 1000
    slope = 1.4 * (top_km - heights_km.mean()) ** 0.4
    dates = [coefficient * (top_km - heights_km) ** 1.4 for coefficient in (30.0, 30.0 - 8.0 / slope)]
    expected = dates[1] - dates[0]
    delay = atmosphere.power_law_delay(HEIGHTS, 8.0)
    assert delay.dtype == np.float32
    np.testing.assert_allclose(delay, expected - expected.mean(), atol=1e-4)


def test_power_law_delay_has_the_asked_slope_at_the_mean_height_and_bends_below_it():
    heights = np.linspace(0, 3000, 3001, dtype=np.float32)[None]
    delay = atmosphere.power_law_delay(heights, 10.0)[0]
    slope = np.gradient(delay.astype(np.float64)) * 1000
    assert slope[1400:1601].mean() == pytest.approx(10, rel=1e-3)
    assert slope[:100].mean() > 10.9 > 9 > slope[-100:].mean()


def test_power_law_delay_does_not_change_above_the_top():
    heights = np.array([[1000, 3000, 8000, 9000]], np.float32)
    delay = atmosphere.power_law_delay(heights, 10.0)[0]
    assert delay[2] == delay[3] > delay[1] > delay[0]


def test_terrain_above_the_layers_is_refused():
    with pytest.raises(InputError, match="mean height of 8000 m"):
        atmosphere.power_law_delay(np.full((3, 3), 8000, np.float32), 10.0)


def test_a_ramp_rises_by_its_amount_over_25_kilometres():
    plane = atmosphere.ramp((201, 101), Spacing(125.0, 250.0), (1.0, -2.0))
    assert plane[0, 100] - plane[0, 0] == pytest.approx(1, rel=1e-5)
    assert plane[200, 0] - plane[0, 0] == pytest.approx(-2, rel=1e-5)


def test_summer_air_is_twice_as_rough_as_winter_air():
    assert atmosphere.seasonal_strength(15) == pytest.approx(1)
    assert atmosphere.seasonal_strength(15 + 182.5) == pytest.approx(2)


def test_terrain_lies_about_its_mean():
    heights = atmosphere.terrain(np.random.default_rng(2), (64, 64), Spacing(30.0, 30.0), 150.0)
    assert heights.mean(dtype=np.float64) == pytest.approx(0, abs=1e-3)
    assert heights.std() > 5

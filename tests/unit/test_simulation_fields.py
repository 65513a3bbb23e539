"""Random fields against the spectrum, structure function and correlation they are drawn from."""

from itertools import pairwise

import numpy as np
import pytest
from basinwatch.simulation import fields
from basinwatch.simulation.atmosphere import delay_spectrum, fine_turbulence, terrain, terrain_spectrum, turbulence
from basinwatch.simulation.geometry import Spacing
from scipy.integrate import quad
from scipy.special import j0


def _square(metres):
    return Spacing(metres, metres)


def _slopes(draw, spacing, n, bands, count=24, seed=0):
    """Slopes of the mean Hann-windowed power, every octave of a band with the same weight."""
    rng, window = np.random.default_rng(seed), np.outer(np.hanning(n), np.hanning(n))
    tiles = (draw(rng, (n, n), _square(spacing), 10.0) for _ in range(count))
    power = np.mean([np.abs(np.fft.fft2((tile - tile.mean()) * window)) ** 2 for tile in tiles], axis=0)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(n, spacing), np.fft.fftfreq(n, spacing)))
    inside = [(f > 1 / long) & (f < 1 / short) for long, short in bands]
    return [np.polyfit(np.log(f[i]), np.log(power[i]), 1, w=1 / f[i])[0] for i in inside]


def _rms_difference(draw, spacing, lag_m, axis, count, seed=0):
    """√D at a lag, from strips along one axis."""
    step = spacing[axis]
    shape = (round(lag_m / step) + 1, 4) if axis == 0 else (4, round(lag_m / step) + 1)
    rng = np.random.default_rng([seed, axis])
    strips = (draw(rng, shape, spacing, 10.0) for _ in range(count))
    return np.sqrt(np.mean([np.mean((s.take(-1, axis) - s.take(0, axis)) ** 2) for s in strips]))


def _structure(spectrum, lag_m):
    """D(L) = 2 ∫ P [1 - J₀(2πfL)] 2πf df in pieces of an octave."""
    edges = np.geomspace(1e-7, 1 / 20, 24)
    return sum(
        quad(lambda f: 4 * np.pi * f * spectrum(np.array(f)) * (1 - j0(2 * np.pi * f * lag_m)), a, b, limit=4000)[0]
        for a, b in pairwise(edges)
    )


def test_turbulence_has_hanssens_slopes_in_all_three_bands():
    long = _slopes(turbulence, 60, 512, [(9000, 1700), (1300, 300)])
    short = _slopes(turbulence, 20, 384, [(1300, 300), (220, 50)])
    assert long == pytest.approx([-8 / 3, -11 / 3], abs=0.15)
    assert short == pytest.approx([-11 / 3, -5 / 3], abs=0.15)


def test_terrain_has_its_slopes_on_both_sides_of_8_and_of_0_8_kilometres():
    long = _slopes(terrain, 160, 512, [(40_000, 9000), (7000, 1000)])
    short = _slopes(terrain, 30, 256, [(700, 70)])
    assert long == pytest.approx([-2, -3], abs=0.15)
    assert short == pytest.approx([-3.6], abs=0.15)


@pytest.mark.parametrize("spacing", [15, 30, 40])
def test_the_rms_difference_at_ten_kilometres_is_as_asked_whatever_the_pixel_size(spacing):
    found = [_rms_difference(turbulence, _square(spacing), 10_000, axis, 500) for axis in (0, 1)]
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(10, rel=0.05)
    assert found[0] == pytest.approx(found[1], rel=0.10)


@pytest.mark.parametrize(("draw", "spectrum"), [(turbulence, delay_spectrum), (terrain, terrain_spectrum)])
def test_the_unit_scale_is_the_inverse_of_the_structure_function_at_ten_kilometres(draw, spectrum):
    assert fields.unit_scale(spectrum) == pytest.approx(1 / _structure(spectrum, 10_000), rel=1e-3)
    rms_2km = 10 * np.sqrt(_structure(spectrum, 2000) * fields.unit_scale(spectrum))
    assert _rms_difference(draw, _square(40), 2000, 0, 2500) == pytest.approx(rms_2km, rel=0.05)


def test_differences_over_two_kilometres_are_0_59_of_those_over_ten_on_small_and_large_tiles():
    rms = []
    for spacing, n, count in ((12, 200, 80), (60, 400, 12)):
        lag, rng = 2000 // spacing, np.random.default_rng(5)
        tiles = [turbulence(rng, (n, n), _square(spacing), 10.0) for _ in range(count)]
        rms.append(np.sqrt(np.mean([np.mean((t[lag:] - t[:-lag]) ** 2) for t in tiles])))
    assert rms == pytest.approx([5.9, 5.9], rel=0.12)


def test_rectangular_pixels_leave_the_field_isotropic_on_the_ground():
    spacing = Spacing(20.0, 55.0)
    rms = [_rms_difference(turbulence, spacing, 2200, axis, 700, seed=1) for axis in (0, 1)]
    assert rms[0] == pytest.approx(rms[1], rel=0.10)


def test_opposite_edges_differ_as_much_as_their_distance_asks():
    n, spacing = 200, 30.0
    rng = np.random.default_rng(7)
    tiles = [turbulence(rng, (n, n), _square(spacing), 10.0) for _ in range(150)]
    edges = np.sqrt(np.mean([(t[0] - t[-1]) ** 2 for t in tiles]))
    expected = 10 * np.sqrt(_structure(delay_spectrum, (n - 1) * spacing) * fields.unit_scale(delay_spectrum))
    assert edges == pytest.approx(expected, rel=0.10)


def test_short_waves_do_not_join_across_opposite_edges():
    rng = np.random.default_rng(11)
    tiles = [fine_turbulence(rng, (256, 128), _square(15), 10.0) for _ in range(150)]
    for first, last in (
        ([t[0] for t in tiles], [t[-1] for t in tiles]),
        ([t[:, 0] for t in tiles], [t[:, -1] for t in tiles]),
    ):
        assert abs(np.corrcoef(np.ravel(first), np.ravel(last))[0, 1]) < 0.15


def test_fine_turbulence_has_half_of_all_waves_below_1500_metres_and_none_above_3_kilometres():
    n, spacing = 512, 60
    window = np.outer(np.hanning(n), np.hanning(n))
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(n, spacing), np.fft.fftfreq(n, spacing)))
    power = []
    for draw in (fine_turbulence, turbulence):
        rng = np.random.default_rng(3)
        tiles = (draw(rng, (n, n), _square(spacing), 10.0) for _ in range(8))
        power.append(np.mean([np.abs(np.fft.fft2(tile * window)) ** 2 for tile in tiles], axis=0))
    shares = [power[0][i].sum() / power[1][i].sum() for i in ((f > 0) & (f < 1 / 3500), (f > 1 / 1200) & (f < 1 / 200))]
    assert shares[0] < 0.01
    assert shares[1] == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize(("correlation", "spacing"), [(40.0, 20.0), (300.0, 20.0), (1200.0, 20.0), (60.0, 45.0)])
def test_smooth_fields_have_unit_variance_and_gaussian_correlation(correlation, spacing):
    rng = np.random.default_rng(9)
    tiles = [fields.smooth_field(rng, (200, 150), correlation, _square(spacing)) for _ in range(150)]
    lag = round(correlation / spacing)
    variance = np.mean([np.mean(t**2) for t in tiles])
    covariance = np.mean([np.mean(t[lag:] * t[:-lag]) for t in tiles])
    assert variance == pytest.approx(1, abs=0.12)
    assert covariance / variance == pytest.approx(np.exp(-0.5 * (lag * spacing / correlation) ** 2), abs=0.07)


def test_smooth_fields_have_the_same_correlation_in_metres_along_rectangular_pixels():
    rng = np.random.default_rng(13)
    tiles = [fields.smooth_field(rng, (160, 80), 200.0, Spacing(20.0, 50.0)) for _ in range(150)]
    rows = np.mean([np.mean(t[10:] * t[:-10]) for t in tiles])
    columns = np.mean([np.mean(t[:, 4:] * t[:, :-4]) for t in tiles])
    assert [rows, columns] == pytest.approx([np.exp(-0.5)] * 2, abs=0.06)


def test_a_smooth_field_smaller_than_its_correlation_length_is_nearly_constant_yet_of_unit_variance():
    rng = np.random.default_rng(15)
    tiles = [fields.smooth_field(rng, (50, 50), 10_000.0, _square(20)) for _ in range(600)]
    assert np.mean([t.std() for t in tiles]) < 0.1
    assert np.var([t.mean() for t in tiles]) == pytest.approx(1, abs=0.15)


def test_opposite_edges_of_a_smooth_field_are_unrelated():
    rng = np.random.default_rng(17)
    tiles = [fields.smooth_field(rng, (80, 60), 400.0, _square(20)) for _ in range(400)]
    assert abs(np.mean([t[0] * t[-1] for t in tiles])) < 0.15
    assert abs(np.mean([t[:, 0] * t[:, -1] for t in tiles])) < 0.15


def test_equal_random_numbers_give_equal_fields_and_others_do_not():
    first, again, other = (turbulence(np.random.default_rng(s), (64, 48), Spacing(20.0, 30.0), 1.0) for s in (1, 1, 2))
    assert first.dtype == np.float32
    assert first.shape == (64, 48)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)

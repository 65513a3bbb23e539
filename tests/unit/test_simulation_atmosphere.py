"""Random fields against the spectrum and structure function they are drawn from."""

from itertools import pairwise

import numpy as np
import pytest
from basinwatch.simulation import atmosphere


def _fields(spacing, n, count, seed=0):
    rng = np.random.default_rng(seed)
    return [atmosphere.turbulence(rng, (n, n), spacing, 10.0) for _ in range(count)]


def _slopes(fields, spacing, bands):
    n = len(fields[0])
    window = np.outer(np.hanning(n), np.hanning(n))
    power = np.mean([np.abs(np.fft.fft2((f - f.mean()) * window)) ** 2 for f in fields], axis=0)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(n, spacing), np.fft.fftfreq(n, spacing)))
    found = []
    for long, short in bands:
        edges = np.geomspace(1 / long, 1 / short, 7)
        level = [np.log(power[(f >= a) & (f < b)].mean()) for a, b in pairwise(edges)]
        found.append(np.polyfit(np.log(np.sqrt(edges[:-1] * edges[1:])), level, 1)[0])
    return found


def test_turbulence_has_hanssens_slopes_in_all_three_bands():
    long = _slopes(_fields(60, 512, 12), 60, [(9000, 1700), (1300, 300)])
    short = _slopes(_fields(20, 384, 10, 1), 20, [(1300, 300), (220, 50)])
    assert long == pytest.approx([-8 / 3, -11 / 3], abs=0.2)
    assert short == pytest.approx([-11 / 3, -5 / 3], abs=0.2)


@pytest.mark.parametrize("spacing", [40, 60])
def test_the_rms_difference_at_ten_kilometres_is_as_asked_whatever_the_pixel_size(spacing):
    lag, n = 10_000 // spacing, 15_000 // spacing
    rng = np.random.default_rng(3)
    differences = []
    for _ in range(60):
        field = atmosphere.turbulence(rng, (n, n), spacing, 10.0)
        differences += [(field[lag:] - field[:-lag]) ** 2, ((field[:, lag:] - field[:, :-lag]) ** 2).T]
    rows, columns = (np.sqrt(np.mean(differences[i::2])) for i in (0, 1))
    assert np.sqrt((rows**2 + columns**2) / 2) == pytest.approx(10, rel=0.07)
    assert rows == pytest.approx(columns, rel=0.25)


def test_a_small_tile_has_the_same_strength_at_two_kilometres_as_a_large_one():
    rms = []
    for spacing, n, count in ((12, 200, 80), (60, 400, 12)):
        lag = 2000 // spacing
        fields = _fields(spacing, n, count, 5)
        rms.append(np.sqrt(np.mean([np.mean((f[lag:] - f[:-lag]) ** 2) for f in fields])))
    assert rms == pytest.approx([5.9, 5.9], rel=0.12)


def test_opposite_edges_of_a_field_are_not_joined():
    fields = _fields(30, 256, 30, 7)
    edge = np.array([np.mean((f[0] - f[-1]) ** 2) for f in fields]).mean()
    neighbour = np.array([np.mean((f[0] - f[1]) ** 2) for f in fields]).mean()
    assert edge > 50 * neighbour


@pytest.mark.parametrize("correlation", [2.0, 15.0, 60.0])
def test_smooth_fields_have_unit_variance_and_gaussian_correlation(correlation):
    rng = np.random.default_rng(9)
    fields = [atmosphere.smooth_field(rng, (200, 150), correlation) for _ in range(150)]
    lag = round(correlation)
    variance = np.mean([np.mean(f**2) for f in fields])
    covariance = np.mean([np.mean(f[lag:] * f[:-lag]) for f in fields])
    assert variance == pytest.approx(1, abs=0.12)
    assert covariance / variance == pytest.approx(np.exp(-0.5), abs=0.07)


def test_a_ramp_rises_by_its_amount_over_25_kilometres():
    plane = atmosphere.ramp((101, 201), 250.0, (1.0, -2.0))
    assert plane[0, 100] - plane[0, 0] == pytest.approx(1, rel=1e-5)
    assert plane[100, 0] - plane[0, 0] == pytest.approx(-2, rel=1e-5)


def test_summer_air_is_twice_as_rough_as_winter_air():
    assert atmosphere.seasonal_strength(15) == pytest.approx(1)
    assert atmosphere.seasonal_strength(15 + 182.5) == pytest.approx(2)

import os
from datetime import date, datetime, timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import encode_share, write_raster
from basinwatch.sbas.network import Network
from basinwatch.sbas.rate import RateSettings, UnwrappedStack, classify, estimate_rate, fit_rate, reference_set
from scipy.stats import linregress

DATA = Path(os.environ.get("BASINWATCH_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
WAVELENGTH = 0.05546576
GRID = Grid.from_map(48, 40, Affine(30, 0, 400_000, 0, -30, 4_200_000), "EPSG:32650")
NETWORK = Network.of(
    (date(2021, 1, 1) + timedelta(12 * i), date(2021, 1, 1) + timedelta(12 * j))
    for i, j in combinations(range(10), 2)
    if j - i <= 3
)


def true_rate():
    """A bowl that sinks at most 60 mm/yr: towards the satellite negative."""
    y, x = np.mgrid[0:40, 0:48]
    return -60 * np.exp(-((y - 20) ** 2 + (x - 30) ** 2) / (2 * 4**2))


def write_stack(folder, rate, *, plane=0.0, noise=0.0, holes=None, coherence=None, network=NETWORK):
    """Unwrapped pairs of a constant rate (mm/yr) with an arbitrary constant each."""
    rng = np.random.default_rng(0)
    x = np.arange(rate.shape[1]) / rate.shape[1]
    unwrapped, coherent = [], []
    for k, (a, b) in enumerate(network.pairs):
        years = (network.days[b] - network.days[a]) / 365.25
        phase = rate * years / 1000 * (-4 * np.pi / WAVELENGTH) + rng.normal(0, 10) + plane * rng.normal() * x
        phase = (phase + rng.normal(0, noise, rate.shape)).astype(np.float32)
        if holes is not None:
            phase[holes(k, a, b)] = np.nan
        unwrapped.append(folder / f"{k}.tif")
        write_raster(unwrapped[-1], phase, GRID, bands=["unwrapped_phase"], units="radians")
        if coherence is not None:
            coherent.append(folder / f"{k}_coherence.tif")
            write_raster(coherent[-1], encode_share(coherence), GRID, bands=["coherence"])
    return UnwrappedStack(unwrapped, coherent or None, network, GRID, WAVELENGTH)


def bowl_polygon():
    return shapely.Point(400_000 + 30.5 * 30, 4_200_000 - 20.5 * 30).buffer(300)


@pytest.mark.parametrize("surface", ["constant", "plane"])
def test_the_true_rate_and_series_come_back_with_sinking_negative(tmp_path, surface):
    stack = write_stack(tmp_path, true_rate(), plane=3.0 if surface == "plane" else 0.0)
    settings = RateSettings(reference_surface=surface, reference_buffer_m=60, block_px=17)
    series = np.empty((10, *GRID.shape), np.float32)
    products = estimate_rate(stack, settings, detected=[bowl_polygon()], displacement=series)
    assert np.abs(products.rate - true_rate()).max() < 0.3
    assert products.rate[20, 30] < -59
    assert np.abs(series - true_rate() * NETWORK.days[:, None, None] / 365.25).max() < 0.1
    assert products.measured.all()
    assert not products.reference[20, 30]


def test_a_reference_on_the_moving_ground_would_be_wrong_and_detections_keep_it_away(tmp_path):
    rate = np.where(np.arange(48) < 28, -40.0, 0.0) * np.ones((40, 1))
    stack = write_stack(tmp_path, rate)
    moving = shapely.box(400_000, 4_200_000 - 1200, 400_000 + 28 * 30, 4_200_000)
    blind = estimate_rate(stack, RateSettings())
    aware = estimate_rate(stack, RateSettings(reference_buffer_m=30), detected=[moving])
    assert np.abs(blind.rate - rate).max() > 39
    assert np.abs(aware.rate - rate).max() < 0.01


def test_threads_and_block_size_do_not_change_a_single_byte(tmp_path):
    stack = write_stack(
        tmp_path, true_rate(), noise=0.3, holes=lambda k, a, b: np.random.default_rng(k).random((40, 48)) < 0.2
    )
    settings = RateSettings(reference_min_valid_share=0.7, block_px=13)
    one, many = (estimate_rate(stack, settings, workers=n) for n in (1, 4))
    whole = estimate_rate(stack, RateSettings(reference_min_valid_share=0.7, block_px=64))
    for name in ("rate", "sigma", "temporal_coherence", "n_obs", "n_gap", "residual_rms_mm", "classes"):
        assert getattr(one, name).tobytes() == getattr(many, name).tobytes() == getattr(whole, name).tobytes()


def test_where_pairs_are_missing_the_rate_is_not_called_measured(tmp_path):
    def holes(k, a, b):
        hole = np.zeros(GRID.shape, bool)
        hole[:5, :5] = True
        hole[30:, :5] = a <= 4 < b
        return hole

    products = estimate_rate(write_stack(tmp_path, true_rate(), holes=holes), RateSettings())
    assert np.isnan(products.rate[:5, :5]).all()
    assert (products.classes[:5, :5] == 0).all()
    assert (products.n_gap[30:, :5] == 1).all()
    assert not products.measured[:5, :5].any()
    assert not products.measured[30:, :5].any()
    assert products.measured[10:30].all()


def test_incoherent_observations_are_dropped_and_unknown_coherence_is_kept(tmp_path):
    coherence = np.full(GRID.shape, 0.9, np.float32)
    coherence[:, :4] = 0.1
    coherence[:, 4:8] = np.nan
    products = estimate_rate(write_stack(tmp_path, true_rate(), coherence=coherence), RateSettings())
    assert np.isnan(products.rate[:, :4]).all()
    assert (products.n_obs[:, 4:] == len(NETWORK.pairs)).all()
    assert np.allclose(products.mean_coherence[:, 8:], 0.9, atol=0.003)
    assert np.isnan(products.mean_coherence[:, 4:8]).all()


def test_coherence_weights_trust_the_coherent_pairs(tmp_path):
    stack = write_stack(tmp_path, np.zeros(GRID.shape))
    bad = stack.unwrapped[0]
    phase = np.zeros(GRID.shape, np.float32)
    phase[:, 40:] = 1.5
    write_raster(bad, phase, GRID, bands=["unwrapped_phase"])
    coherence = []
    for k in range(len(NETWORK.pairs)):
        coherence.append(tmp_path / f"c{k}.tif")
        values = np.full(GRID.shape, 0.35 if k == 0 else 1.0, np.float32)
        write_raster(coherence[-1], encode_share(values), GRID, bands=["coherence"])
    stack = UnwrappedStack(stack.unwrapped, coherence, NETWORK, GRID, WAVELENGTH)
    uniform, weighted = (
        np.abs(estimate_rate(stack, RateSettings(weighting=w)).rate[:, 40:]).max() for w in ("uniform", "coherence")
    )
    assert 0 < weighted < 0.6 * uniform


def test_a_raster_of_another_size_is_named_in_the_error(tmp_path):
    stack = write_stack(tmp_path, true_rate())
    small = Grid(10, 10, None, None, (30.0, 30.0))
    write_raster(stack.unwrapped[3], np.zeros((10, 10), np.float32), small, bands=["unwrapped_phase"])
    with pytest.raises(InputError, match=r"3\.tif: found 10x10 px, expected 40x48"):
        estimate_rate(stack, RateSettings())


def test_without_stable_ground_nothing_is_measured(tmp_path):
    everywhere = shapely.box(399_000, 4_190_000, 410_000, 4_210_000)
    products = estimate_rate(write_stack(tmp_path, true_rate()), RateSettings(), detected=[everywhere])
    assert np.isnan(products.rate).all()
    assert not products.measured.any()
    assert not products.reference.any()


def test_the_reference_set_falls_back_to_the_most_often_valid_pixels():
    share = np.linspace(0, 0.5, 400, dtype=np.float32).reshape(20, 20)
    coherence = np.ones((20, 20), np.float32)
    chosen = reference_set(share, coherence, np.zeros((20, 20), bool), RateSettings(reference_min_px=50))
    assert np.array_equal(np.flatnonzero(chosen), np.arange(350, 400))


def test_the_reference_set_falls_back_to_the_most_coherent_pixels():
    share = np.ones((20, 20), np.float32)
    coherence = np.linspace(0, 0.6, 400, dtype=np.float32).reshape(20, 20)
    chosen = reference_set(share, coherence, np.zeros((20, 20), bool), RateSettings(reference_min_px=50))
    assert np.array_equal(np.flatnonzero(chosen), np.arange(350, 400))


def test_slope_and_its_error_equal_those_of_scipy():
    rng = np.random.default_rng(0)
    days = np.array([0, 12, 24, 48, 60, 66, 90.0])
    series = rng.normal(0, 5, (7, 20)) + days[:, None] * 0.1
    rate, sigma = fit_rate(days, series)
    for p in range(20):
        line = linregress(days / 365.25, series[:, p])
        assert rate[p] == pytest.approx(line.slope, rel=1e-12)
        assert sigma[p] == pytest.approx(line.stderr, rel=1e-9)


def test_classes_follow_the_threshold_and_no_rate_has_no_class():
    assert classify(np.array([-5.1, -5, 0, 5, 5.1, np.nan]), 5).tolist() == [1, 2, 2, 2, 3, 0]


@pytest.mark.skipif(not (DATA / "pyrate" / "small_test").is_dir(), reason="the PyRate test data are not here")
def test_the_rate_of_the_pyrate_stack_agrees_with_the_rate_pyrate_published(tmp_path):
    folder = DATA / "pyrate" / "small_test"
    grid = Grid.from_map(47, 72, Affine(0.000833333, 0, 150.91, 0, -0.000833333, -34.17), "EPSG:4326")
    paths, pairs = [], []
    for source in sorted((folder / "gamma_obs").glob("*_utm.unw")):
        phase = np.fromfile(source, ">f4").reshape(72, 47).astype(np.float32)
        phase[phase == 0] = np.nan
        paths.append(tmp_path / f"{source.stem}.tif")
        write_raster(paths[-1], phase, grid, bands=["unwrapped_phase"], units="radians")
        pairs.append([datetime.strptime(day, "%Y%m%d").date() for day in source.name[:17].split("-")])
    assert len(paths) == 17
    stack = UnwrappedStack(paths, None, Network.of(pairs), grid, 299_792_458 / 5.334694994e9)
    ours = estimate_rate(stack, RateSettings()).rate
    # PyRate keeps the sign of the phase (away positive); a rate towards the satellite is its negative.
    theirs = -np.load(folder / "linrate" / "linear_rate.npy")
    both = np.isfinite(ours) & np.isfinite(theirs)
    assert both.sum() > 2500
    assert np.corrcoef(ours[both], theirs[both])[0, 1] >= 0.95
    assert np.polyfit(theirs[both], ours[both], 1)[0] == pytest.approx(1, abs=0.1)

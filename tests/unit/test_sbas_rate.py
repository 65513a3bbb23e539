import json
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import encode_share, read_raster, write_raster
from basinwatch.sbas.corrections.chain import Corrections, CorrectionSettings, Scene
from basinwatch.sbas.corrections.closure import ClosureSettings, assess
from basinwatch.sbas.corrections.delay import DelayMaps
from basinwatch.sbas.corrections.ground import Auxiliary, ControlPoint
from basinwatch.sbas.corrections.ramps import RampSettings
from basinwatch.sbas.corrections.reference import ReferenceSettings
from basinwatch.sbas.inversion import invert
from basinwatch.sbas.network import Network
from basinwatch.sbas.observations import UnwrappedStack, blocks
from basinwatch.sbas.pixels import Pixels
from basinwatch.sbas.rate import estimate_rate
from basinwatch.sbas.rate_settings import RateSettings
from basinwatch.sbas.series_file import series_writer
from basinwatch.sbas.trend import TrendSettings

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


def settings_with(**reference):
    """Settings of the rate, with some of the reference changed."""
    return RateSettings(corrections=CorrectionSettings(reference=ReferenceSettings(**reference)))


def series_of(stack, settings, auxiliary=None, **options):
    """Products and the whole series (dates, y, x)."""
    series = np.full((len(stack.network.dates), *stack.grid.shape), np.nan, np.float32)

    def collect(window, values):
        series[(slice(None), *window.toslices())] = values

    return estimate_rate(stack, settings, auxiliary, on_series=collect, **options), series


def bowl_polygon():
    return shapely.Point(400_000 + 30.5 * 30, 4_200_000 - 20.5 * 30).buffer(300)


@pytest.mark.parametrize("surface", ["constant", "plane"])
def test_the_true_rate_and_series_come_back_with_sinking_negative(tmp_path, surface):
    stack = write_stack(tmp_path, true_rate(), plane=3.0 if surface == "plane" else 0.0)
    settings = replace(settings_with(surface=surface, buffer_m=60), block_px=17)
    products, series = series_of(stack, settings, Auxiliary(detected=[bowl_polygon()]))
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
    aware = estimate_rate(stack, settings_with(buffer_m=30), Auxiliary(detected=[moving]))
    assert np.abs(blind.rate - rate).max() > 39
    assert np.abs(aware.rate - rate).max() < 0.01


def test_threads_and_block_size_do_not_change_a_single_byte(tmp_path):
    stack = write_stack(
        tmp_path, true_rate(), noise=0.3, holes=lambda k, a, b: np.random.default_rng(k).random((40, 48)) < 0.2
    )
    settings = replace(settings_with(min_valid_share=0.7), block_px=13)
    one, many = (estimate_rate(stack, settings, workers=n) for n in (1, 4))
    whole = estimate_rate(stack, settings_with(min_valid_share=0.7))
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
    products = estimate_rate(write_stack(tmp_path, true_rate()), RateSettings(), Auxiliary(detected=[everywhere]))
    assert np.isnan(products.rate).all()
    assert not products.measured.any()
    assert not products.reference.any()


def test_a_reference_named_by_the_user_is_zero_and_replaces_the_chosen_one(tmp_path):
    rate = np.where(np.arange(48) < 28, -40.0, 0.0) * np.ones((40, 1))
    stack = write_stack(tmp_path, rate)
    place = shapely.Point(400_000 + 40 * 30, 4_200_000 - 20 * 30)
    products = estimate_rate(stack, RateSettings(), Auxiliary(reference=[place]))
    assert np.abs(products.rate - rate).max() < 0.01
    assert products.reference.sum() == pytest.approx(np.pi * 100**2 / 900, abs=8)
    assert products.reference[20, 40]


def test_a_reference_inside_a_mine_ends_with_a_sentence(tmp_path):
    auxiliary = Auxiliary(detected=[bowl_polygon()], reference=[bowl_polygon().centroid])
    with pytest.raises(InputError, match="reference: found place 1 inside a detected basin"):
        estimate_rate(write_stack(tmp_path, true_rate()), RateSettings(), auxiliary)


def control_points(rate):
    """Four places whose rate is known."""
    x, y = np.array([3, 44, 4, 43]), np.array([2, 4, 37, 36])
    return [
        ControlPoint(shapely.Point(400_000 + (c + 0.5) * 30, 4_200_000 - (r + 0.5) * 30), rate[r, c])
        for r, c in zip(y, x, strict=True)
    ]


def test_points_of_known_rate_set_level_and_slope_of_the_map(tmp_path):
    x = np.arange(48) / 48
    rate = true_rate() + 20 - 30 * x
    stack = write_stack(tmp_path, rate, plane=2.0)
    settings = RateSettings(corrections=CorrectionSettings(ramp=RampSettings("plane")))
    auxiliary = Auxiliary(detected=[bowl_polygon()], control=control_points(rate))
    assert np.abs(estimate_rate(stack, settings, auxiliary).rate - rate).max() < 0.05
    with pytest.raises(InputError, match=r"control points: found 2, too few for a surface \(plane\)"):
        estimate_rate(stack, settings, replace(auxiliary, control=auxiliary.control[:2]))


def test_a_ramp_per_date_is_taken_out_and_the_bowl_stays(tmp_path):
    stack = write_stack(tmp_path, true_rate(), plane=3.0)
    settings = RateSettings(corrections=CorrectionSettings(ReferenceSettings(buffer_m=60), ramp=RampSettings("plane")))
    products = estimate_rate(stack, settings, Auxiliary(detected=[bowl_polygon()]))
    assert np.abs(products.rate - true_rate()).max() < 1


def test_a_pair_without_any_pixel_and_a_date_without_any_pair_are_reported(tmp_path, caplog):
    empty = {k for k, pair in enumerate(NETWORK.pairs) if 9 in pair} | {3}
    stack = write_stack(tmp_path, true_rate(), holes=lambda k, a, b: slice(None) if k in empty else slice(0))
    products = estimate_rate(stack, settings_with(min_valid_share=0.5))
    report = products.corrections.report()
    assert report["dates_without_pair"] == ["2021-04-19"]
    assert report["remarks"][0].startswith("2021-04-19: found no valid pair of this date, expected one;")
    assert "the network falls into 2 subsets" in report["remarks"][1]
    assert [line for line in caplog.messages if line in report["remarks"]] == report["remarks"]
    assert "20210101_20210206" not in report["pairs_left_out"]
    assert len(report["pairs_left_out"]) == len(empty)
    assert (products.n_gap == 1).all()
    assert not products.measured.any()
    assert np.abs(products.rate - true_rate())[:, :20].max() < 1


def test_a_network_in_two_parts_is_solved_flagged_and_not_called_measured(tmp_path):
    days = [date(2021, 1, 1) + timedelta(12 * k) for k in range(10)]
    apart = Network.of((days[i], days[j]) for i, j in combinations(range(10), 2) if j - i == 2)
    products = estimate_rate(
        write_stack(tmp_path, true_rate(), network=apart),
        settings_with(buffer_m=60),
        Auxiliary(detected=[bowl_polygon()]),
    )
    assert (products.n_comp == 2).all()
    assert (products.n_gap == 0).all()
    assert not products.measured.any()
    assert np.isfinite(products.rate).all()
    assert products.rate[20, 30] < -50


def test_zenith_delays_without_an_angle_end_with_a_sentence(tmp_path):
    auxiliary = Auxiliary(delays=DelayMaps({date(2021, 1, 1): tmp_path / "20210101.ztd"}, "zenith"))
    with pytest.raises(InputError, match="incidence: found none, expected an angle or a raster for zenith delays"):
        estimate_rate(write_stack(tmp_path, true_rate()), RateSettings(), auxiliary)


def test_heights_on_another_grid_are_named_in_the_error(tmp_path):
    small = Grid(10, 10, None, None, (30.0, 30.0))
    write_raster(tmp_path / "dem.tif", np.zeros((10, 10), np.float32), small, bands=["height"])
    settings = RateSettings(corrections=CorrectionSettings(ramp=RampSettings(height=True)))
    with pytest.raises(InputError, match=r"dem\.tif: found 10x10 px, expected 40x48 px as in the stack's grid"):
        estimate_rate(write_stack(tmp_path, true_rate()), settings, Auxiliary(heights=tmp_path / "dem.tif"))


def test_fields_come_out_of_the_dates_as_out_of_the_pairs_where_these_connect_all_dates():
    rng = np.random.default_rng(0)
    pixels = Pixels.where(np.ones(GRID.shape, bool), GRID)
    phase = rng.normal(0, 3, (len(NETWORK.pairs), len(pixels)))
    phase[rng.random(phase.shape) < 0.15] = np.nan
    phase[[5 in range(a + 1, b + 1) for a, b in NETWORK.pairs], :40] = np.nan
    fields = rng.normal(0, 5, (10, len(pixels))).astype(np.float32)
    scene = Scene(NETWORK, WAVELENGTH, Auxiliary())
    nothing = assess(phase, NETWORK.index, ClosureSettings())
    corrections = Corrections(scene, CorrectionSettings(), np.zeros((len(NETWORK.pairs), 3)), nothing, pixels)
    first = invert(NETWORK.index, NETWORK.days, corrections.to_pairs(phase, fields, pixels).phase)
    late = corrections.from_dates(invert(NETWORK.index, NETWORK.days, phase).displacement, fields)
    difference = np.abs(first.displacement - late).max(0)
    assert difference[~first.disconnected].max() < 1e-5
    assert difference[first.disconnected].max() > 1


def test_the_report_of_a_plain_run_says_what_was_done_and_is_json(tmp_path):
    report = estimate_rate(write_stack(tmp_path, true_rate()), RateSettings()).corrections.report()
    assert report["remarks"] == []
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["height_error"] == "no baselines are given"
    assert report["delay"] is None
    assert report["closure"]["loops"] == NETWORK.triplets()
    assert len(report["pair_residual_rms_mm"]) == len(NETWORK.pairs)


def test_the_series_file_holds_what_the_blocks_gave_and_the_same_bytes_every_time(tmp_path):
    grid = Grid.from_map(1100, 700, Affine(30, 0, 400_000, 0, -30, 4_200_000), "EPSG:32650")
    series = np.random.default_rng(0).normal(0, 30, (3, *grid.shape)).astype(np.float32)
    series[:, :50, :60] = np.nan
    days = NETWORK.dates[:3]
    for name in ("a.tif", "b.tif"):
        with series_writer(tmp_path / name, grid, days) as write:
            for window in blocks(grid, 512):
                write(window, series[(slice(None), *window.toslices())])
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    with rasterio.open(tmp_path / "a.tif") as source:
        np.testing.assert_allclose(source.read(), series, atol=0.011)
        assert source.descriptions == tuple(day.isoformat() for day in days)
        assert source.tags()["SIGN"] == "towards_positive"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tif", "b.tif"]


def test_a_gap_in_all_pairs_is_bridged_as_configured(tmp_path):
    network = Network.of(
        (date(2021, 1, 1) + timedelta(12 * i), date(2021, 1, 1) + timedelta(12 * j))
        for i, j in combinations(range(10), 2)
        if j - i <= 3 and not i <= 4 < j
    )
    stack = write_stack(tmp_path, true_rate(), network=network)
    settings, auxiliary = settings_with(buffer_m=60), Auxiliary(detected=[bowl_polygon()])
    flat, linear = (estimate_rate(stack, replace(settings, bridge=bridge), auxiliary) for bridge in ("flat", "linear"))
    assert linear.rate[20, 30] == pytest.approx(-60, abs=0.2)
    assert flat.rate[20, 30] > -54
    for products in (flat, linear):
        assert (products.n_gap == 1).all()
        assert not products.measured.any()
    assert estimate_rate(stack, replace(settings, max_gaps=1), auxiliary).measured.all()


def test_each_limit_alone_decides_what_counts_as_measured(tmp_path):
    def holes(k, a, b):
        hole = np.zeros(GRID.shape, bool)
        hole[:10] = k % 3 > 0 and b - a > 1
        return hole

    stack = write_stack(tmp_path, np.zeros(GRID.shape), noise=0.3, holes=holes)
    lenient = replace(settings_with(min_valid_share=0.3), min_temporal_coherence=0, min_observed_share=0)
    everywhere = estimate_rate(stack, lenient)
    assert everywhere.measured.all()
    fewer = everywhere.n_obs[0, 0]
    assert fewer < len(NETWORK.pairs)
    half = float(np.median(everywhere.residual_rms_mm))
    limits = {
        "min_observed_share": (fewer + 1) / len(NETWORK.pairs),
        "min_pairs_per_date": (fewer + 1) / len(NETWORK.dates),
    }
    for key, limit in limits.items():
        measured = estimate_rate(stack, replace(lenient, **{key: limit})).measured
        assert not measured[:10].any()
        assert measured[10:].all()
    measured = estimate_rate(stack, replace(lenient, max_residual_rms_mm=half)).measured
    np.testing.assert_array_equal(measured, everywhere.residual_rms_mm <= half)
    assert 0.4 < measured.mean() < 0.6


def test_a_season_on_top_of_the_rate_is_taken_apart_with_its_day(tmp_path):
    network = Network.of(
        (date(2021, 3, 1) + timedelta(18 * i), date(2021, 3, 1) + timedelta(18 * j))
        for i, j in combinations(range(30), 2)
        if j - i <= 2
    )
    bowl = true_rate() / -60
    peak, stack = 200, write_stack(tmp_path, np.zeros(GRID.shape), network=network)
    day_of_year = network.days + (date(2021, 3, 1) - date(2021, 1, 1)).days
    season = 10 * np.cos(2 * np.pi * (day_of_year - peak) / 365.25)
    for path, (a, b) in zip(stack.unwrapped, network.pairs, strict=True):
        moved = (season[b] - season[a]) * bowl + true_rate() * (network.days[b] - network.days[a]) / 365.25
        write_raster(path, (moved / 1000 * (-4 * np.pi / WAVELENGTH)).astype(np.float32), GRID, bands=["phase"])
    settings, auxiliary = settings_with(buffer_m=60), Auxiliary(detected=[bowl_polygon()])
    plain = estimate_rate(stack, settings, auxiliary)
    apart = estimate_rate(stack, replace(settings, trend=TrendSettings(annual=True)), auxiliary)
    assert np.isnan(plain.annual_mm).all()
    assert abs(plain.rate[20, 30] + 60) > 1
    assert apart.rate[20, 30] == pytest.approx(-60, abs=0.1)
    assert apart.annual_mm[20, 30] == pytest.approx(10, abs=0.1)
    assert apart.annual_day[20, 30] == pytest.approx(peak, abs=1)
    assert apart.sigma[20, 30] < 0.1 * plain.sigma[20, 30]


def test_layers_of_doubt_name_the_ground_where_short_and_long_pairs_or_neighbours_disagree(tmp_path):
    stack = write_stack(tmp_path, np.zeros(GRID.shape), noise=0.1)
    rng = np.random.default_rng(1)
    restless = rng.normal(0, 3, (len(NETWORK.dates), 8, 8))
    for path, (a, b) in zip(stack.unwrapped, NETWORK.pairs, strict=True):
        phase = read_raster(path)
        phase[:8, :8] += (restless[b] - restless[a]).astype(np.float32)
        phase[30:, 40:] += 2 * np.pi * (b - a > 1)
        write_raster(path, phase, GRID, bands=["unwrapped_phase"])
    products = estimate_rate(stack, replace(settings_with(), block_px=13))
    assert np.median(products.consistency_mm[1:7, 1:7]) > 5 * np.median(products.consistency_mm[10:28])
    aliased = products.short_minus_long_mm_yr[30:, 40:]
    assert aliased.min() > 5 * np.abs(products.short_minus_long_mm_yr[10:28, :38]).max()
    whole = estimate_rate(stack, settings_with())
    for name in ("consistency_mm", "short_minus_long_mm_yr", "sure_classes"):
        assert getattr(whole, name).tobytes() == getattr(products, name).tobytes()


def test_classes_without_their_error_are_a_part_of_those_with_it(tmp_path):
    stack = write_stack(tmp_path, true_rate(), noise=1.0)
    products = estimate_rate(stack, settings_with(buffer_m=60), Auxiliary(detected=[bowl_polygon()]))
    moving, sure = products.classes != 2, products.sure_classes != 2
    assert sure.any()
    assert (sure <= moving).all()
    assert sure.sum() < moving.sum()
    np.testing.assert_array_equal(sure, np.abs(products.rate) > 5 + products.sigma)

from datetime import date, timedelta

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.hotspots import (
    HotspotSettings,
    Pattern,
    emerging_patterns,
    find_hotspots,
    map_emerging,
    map_hotspots,
)
from basinwatch.hotspots.emerging import epochs, slope_weights
from basinwatch.hotspots.scan import RateRows, scan_hotspots
from basinwatch.rasters import write_raster
from scipy import ndimage

GRID = Grid.from_map(90, 120, Affine(20, 0, 500_000, 0, -20, 4_000_000), "EPSG:32650")


def scene(seed=0):
    """A bowl in correlated noise, its standard error, and what is measured."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:120, 0:90]
    bowl = -40 * np.exp(-((y - 60) ** 2 + (x - 50) ** 2) / (2 * 6**2))
    rate = bowl + ndimage.gaussian_filter(rng.standard_normal(GRID.shape), 1.5) * 6
    measured = ndimage.gaussian_filter(rng.standard_normal(GRID.shape), 3) < 0.1
    return rate.astype(np.float32), rng.uniform(0.5, 2, GRID.shape).astype(np.float32), measured


@pytest.mark.parametrize("strip", [1, 7, 50, 119])
@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("radius", [20, 90])
def test_a_map_read_in_strips_has_the_hot_spots_of_the_whole(radius, corrected, strip):
    rate, sigma, measured = scene()
    rate = np.where(measured, rate, np.nan)
    settings = HotspotSettings(radius_m=radius, false_discovery_rate=corrected, calibrated=corrected)
    whole = find_hotspots(rate, np.abs(rate) < 5, GRID, settings, sigma)
    parts = []
    inflation, clusters = scan_hotspots(
        lambda rows: RateRows(rate[rows], sigma[rows], np.abs(rate[rows]) < 5),
        GRID, settings, lambda rows, found: parts.append((rows, found)), strip,
    )  # fmt: skip
    assert [(rows.start, rows.stop) for rows, _ in parts] == [(t, min(t + strip, 120)) for t in range(0, 120, strip)]
    for name in ("z", "z_calibrated", "p"):
        joined = np.concatenate([getattr(found, name) for _, found in parts])
        np.testing.assert_allclose(joined, getattr(whole, name), rtol=1e-9, atol=1e-11)
    assert np.array_equal(np.concatenate([found.classes for _, found in parts]), whole.classes)
    assert inflation.full == pytest.approx(whole.inflation, rel=1e-9)
    assert clusters["kind"].tolist() == whole.clusters["kind"].tolist()
    assert clusters.geometry.geom_equals(whole.clusters.geometry).all()
    assert len(clusters) >= 1


def write_maps(folder, rate, sigma, measured):
    write_raster(folder / "rate.tif", np.stack([rate, sigma]), GRID, bands=["rate_mm_yr", "rate_sigma_mm_yr"])
    write_raster(folder / "quality.tif", measured.astype(np.float32), GRID, bands=["measured"])
    return folder / "rate.tif", folder / "quality.tif"


def test_files_hold_what_is_found_in_memory_on_measured_ground_only(tmp_path):
    rate, sigma, measured = scene()
    settings, target = HotspotSettings(radius_m=60), tmp_path / "gi_star.tif"
    clusters = map_hotspots(*write_maps(tmp_path, rate, sigma, measured), GRID, settings, 5.0, target)
    valid = np.where(measured, rate, np.nan)
    expected = find_hotspots(valid, np.abs(valid) <= 5, GRID, settings, sigma)
    with rasterio.open(target) as source:
        assert source.descriptions == ("z", "z_calibrated", "p_value", "class")
        assert source.tags()["NOISE_INFLATION"] == f"{expected.inflation:.3f}"
        z, calibrated, p, classes = source.read()
    np.testing.assert_allclose(z, expected.z, rtol=1e-6)
    np.testing.assert_allclose(calibrated, expected.z_calibrated, rtol=1e-6)
    np.testing.assert_allclose(p, expected.p, rtol=1e-6)
    assert np.array_equal(np.isnan(classes), ~measured)
    assert np.array_equal(classes[measured], expected.classes[measured])
    assert clusters.equals(expected.clusters)
    assert clusters["mean_sigma"].between(0.5, 2).all()


def test_noise_is_not_learnt_inside_detected_polygons(tmp_path):
    rate, sigma, measured = scene()
    place = (slice(40, 80), slice(30, 70))
    rate[place] += 3 * np.sign(np.mgrid[0:40, 0:40][0] - 20)  # within the limit of stable ground, but no noise
    polygon = shapely.box(500_000 + 30 * 20, 4_000_000 - 80 * 20, 500_000 + 70 * 20, 4_000_000 - 40 * 20)
    outside = shapely.box(0, 0, 10, 10)
    valid = np.where(measured, rate, np.nan)
    stable = np.abs(valid) <= 5
    stable[place] = False
    settings, target = HotspotSettings(radius_m=60), tmp_path / "gi_star.tif"
    map_hotspots(*write_maps(tmp_path, rate, sigma, measured), GRID, settings, 5.0, target, [polygon, outside])
    with rasterio.open(target) as source:
        found = float(source.tags()["NOISE_INFLATION"])
    assert found == pytest.approx(find_hotspots(valid, stable, GRID, settings).inflation, abs=6e-4)
    assert abs(found - find_hotspots(valid, np.abs(valid) <= 5, GRID, settings).inflation) > 0.05


def test_a_rate_without_its_bands_is_refused_in_one_sentence_and_leaves_no_file(tmp_path):
    rate, _, measured = scene()
    write_raster(tmp_path / "rate.tif", rate, GRID, bands=["rate"])
    write_raster(tmp_path / "quality.tif", measured.astype(np.float32), GRID, bands=["measured"])
    target = tmp_path / "gi_star.tif"
    with pytest.raises(InputError, match="expected rate_mm_yr too"):
        map_hotspots(tmp_path / "rate.tif", tmp_path / "quality.tif", GRID, HotspotSettings(), 5.0, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["quality.tif", "rate.tif"]


DATES = [date(2020, 1, 5) + timedelta(24 * n) for n in range(91)]


def write_series(folder, dates=DATES):
    """Six years of a bowl that starts to sink after three and another that stops then."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:120, 0:90]
    fresh, old = (np.exp(-((y - row) ** 2 + (x - 45) ** 2) / (2 * 6**2)) for row in (30, 90))
    years = np.array([(day - dates[0]).days / 365.25 for day in dates])
    series = np.stack([
        -40 * (fresh * max(t - 3, 0) + old * min(t, 3)) + rng.normal(0, 1, GRID.shape) for t in years
    ]).astype(np.float32)  # fmt: skip
    write_raster(folder / "displacement.tif", series, GRID, bands=[day.isoformat() for day in dates])
    measured = np.ones(GRID.shape, np.float32)
    measured[:5] = 0
    write_raster(folder / "quality.tif", measured, GRID, bands=["measured"])
    write_overall(folder, series, dates)
    return folder / "displacement.tif", folder / "rate.tif", folder / "quality.tif", series


def write_overall(folder, series, dates):
    """The rate of a whole series."""
    days = np.array([day.toordinal() for day in dates], float)
    rate = np.tensordot(slope_weights(days), series, 1).astype(np.float32)
    write_raster(folder / "rate.tif", rate, GRID, bands=["rate_mm_yr"])


def test_air_that_lasts_no_longer_than_an_epoch_makes_no_pattern(tmp_path):
    rng = np.random.default_rng(4)
    dates = DATES[:40]
    air = ndimage.gaussian_filter(rng.standard_normal((len(dates), *GRID.shape)), (0, 3, 3)) * 30
    write_raster(tmp_path / "displacement.tif", air.astype(np.float32), GRID, bands=[d.isoformat() for d in dates])
    write_raster(tmp_path / "quality.tif", np.ones(GRID.shape, np.float32), GRID, bands=["measured"])
    write_overall(tmp_path, air, dates)
    files = (tmp_path / f"{name}.tif" for name in ("displacement", "rate", "quality"))
    map_emerging(*files, GRID, HotspotSettings(radius_m=60), 5.0, tmp_path / "emerging.tif", 96.0)
    with rasterio.open(tmp_path / "emerging.tif") as source:
        pattern, _, _, count = source.read()
    assert (count == 10).all()
    assert (pattern != 0).mean() < 0.01


def test_a_bowl_that_starts_is_emerging_and_one_that_stopped_is_not(tmp_path):
    *maps, _ = write_series(tmp_path)
    settings = HotspotSettings(radius_m=60)
    areas, spans = map_emerging(*maps, GRID, settings, 5.0, tmp_path / "emerging.tif")
    assert spans[0] == ("2020-01-05", "2020-12-30")
    assert len(spans) == 6
    with rasterio.open(tmp_path / "emerging.tif") as source:
        assert source.descriptions == ("pattern", "trend_score", "trend_p", "epochs")
        assert source.tags()["EPOCHS"].split()[0] == "2020-01-05/2020-12-30"
        pattern, score, p, count = source.read()
    assert pattern[30, 45] == -Pattern.CONSECUTIVE  # cold: subsidence
    assert pattern[90, 45] == Pattern.NONE
    assert score[30, 45] < 0 < score[90, 45]
    assert p[30, 45] < 0.2
    assert (np.abs(pattern[60, 5:85]) > 0).mean() < 0.05
    assert np.isnan(pattern[:5]).all()
    assert (count[5:] == 6).all()
    assert areas.crs == GRID.crs_wkt
    assert (areas.iloc[0]["pattern"], areas.iloc[0]["kind"]) == ("consecutive", "subsidence")
    assert areas.iloc[0].geometry.contains(shapely.Point(500_000 + 20 * 45.5, 4_000_000 - 20 * 30.5))
    assert -1 <= areas.iloc[0]["mean_tau"] < 0
    assert areas["area_m2"].to_numpy() == pytest.approx(areas.geometry.area.to_numpy())


def test_the_score_of_an_epoch_is_that_of_its_rate_map(tmp_path):
    *maps, series = write_series(tmp_path)
    settings = HotspotSettings(radius_m=60, calibrated=False, false_discovery_rate=False)
    map_emerging(*maps, GRID, settings, 5.0, tmp_path / "emerging.tif", 400.0)
    days = np.array([day.toordinal() for day in DATES], float)
    z, classes = [], []
    for part in epochs(days, 400.0):
        rate = np.tensordot(slope_weights(days[part]), series[part], 1)
        rate[:5] = np.nan
        found = find_hotspots(rate, np.abs(rate) <= 5, GRID, settings)
        z.append(found.z)
        classes.append(found.classes)
    with rasterio.open(tmp_path / "emerging.tif") as source:
        assert (source.read(1)[5:] == emerging_patterns(np.stack(z), np.stack(classes))[5:]).mean() > 0.999


def test_a_series_too_short_for_two_epochs_is_refused_and_leaves_no_file(tmp_path):
    *maps, _ = write_series(tmp_path, DATES[:5])
    with pytest.raises(InputError, match="found 1 epochs"):
        map_emerging(*maps, GRID, HotspotSettings(), 5.0, tmp_path / "emerging.tif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["displacement.tif", "quality.tif", "rate.tif"]

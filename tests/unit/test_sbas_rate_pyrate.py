"""Rates of the real stacks PyRate tests itself with, beside what PyRate made of them."""

import os
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from basinwatch.grid import Grid
from basinwatch.phase import to_displacement_mm
from basinwatch.rasters import encode_share, grid_of, read_raster, write_raster
from basinwatch.sbas.baselines import join_differences
from basinwatch.sbas.corrections.ground import Auxiliary
from basinwatch.sbas.network import Network
from basinwatch.sbas.observations import UnwrappedStack
from basinwatch.sbas.rate import estimate_rate
from basinwatch.sbas.rate_settings import RateSettings

DATA = Path(os.environ.get("BASINWATCH_DATA", Path(__file__).parents[2].parent / "shared" / "data")) / "pyrate"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the PyRate test data are not here")


def dates_of(name):
    return tuple(datetime.strptime(day, "%Y%m%d").date() for day in re.findall(r"\d{8}", name)[:2])


def write_pair(folder, name, phase, grid):
    """Write unwrapped phase, whose zeros are no data."""
    path = folder / f"{name}.tif"
    write_raster(path, np.where(phase == 0, np.nan, phase).astype(np.float32), grid, bands=["unwrapped_phase"])
    return path


def test_the_rate_of_the_small_stack_agrees_with_the_one_pyrate_published(tmp_path):
    folder = DATA / "small_test"
    grid = Grid.from_map(47, 72, Affine(0.000833333, 0, 150.91, 0, -0.000833333, -34.17), "EPSG:4326")
    sources = sorted((folder / "gamma_obs").glob("*_utm.unw"))
    paths = [write_pair(tmp_path, f.stem, np.fromfile(f, ">f4").reshape(72, 47), grid) for f in sources]
    assert len(paths) == 17
    network = Network.of(dates_of(f.name) for f in sources)
    ours = estimate_rate(UnwrappedStack(paths, None, network, grid, 299_792_458 / 5.334694994e9), RateSettings()).rate
    # PyRate keeps the sign of the phase (away positive); a rate towards the satellite is its negative.
    theirs = -np.load(folder / "linrate" / "linear_rate.npy")
    both = np.isfinite(ours) & np.isfinite(theirs)
    assert both.sum() > 2500
    assert np.corrcoef(ours[both], theirs[both])[0, 1] >= 0.95
    assert np.polyfit(theirs[both], ours[both], 1)[0] == pytest.approx(1, abs=0.1)


def baseline_m(name):
    """Perpendicular baseline of a pair from its track, cross-track and normal parts, at 35.15° off nadir."""
    text = (DATA / "cropA" / "geometry" / f"{name}_VV_8rlks_base.par").read_text()
    cross, normal = map(float, re.search(r"precision_baseline\(TCN\):\s+\S+\s+(\S+)\s+(\S+)", text).groups())
    return cross * np.cos(np.radians(35.15)) - normal * np.sin(np.radians(35.15))


@pytest.fixture(scope="module")
def mexico(tmp_path_factory):
    """The Sentinel-1 stack over Mexico City, with its baselines."""
    folder = tmp_path_factory.mktemp("mexico")
    paths, coherence, pairs, differences = [], [], [], []
    for source in sorted((DATA / "cropA" / "geotiffs").glob("*_unw.tif")):
        name = re.search(r"\d{8}-\d{8}", source.name)[0]
        with rasterio.open(source) as raster:
            grid, phase = grid_of(raster), raster.read(1)
        paths.append(write_pair(folder, name, phase, grid))
        with rasterio.open(next(source.parent.glob(f"*{name}*_cc.tif"))) as raster:
            values = raster.read(1)
        coherence.append(folder / f"{name}_coherence.tif")
        write_raster(coherence[-1], encode_share(np.where(values == 0, np.nan, values)), grid, bands=["coherence"])
        pairs.append(dates_of(name))
        differences.append((*pairs[-1], baseline_m(name)))
    assert len(paths) == 30
    stack = UnwrappedStack(paths, coherence, Network.of(pairs), grid, 0.05550415767769124)
    return stack, Auxiliary(
        baselines_m=join_differences(differences, "cropA"), incidence_deg=39.7, slant_range_m=878_000
    )


def test_the_rate_of_mexico_city_follows_a_plain_stack_of_its_pairs_and_its_loops_close(mexico):
    stack, _ = mexico
    products = estimate_rate(stack, RateSettings(min_coherence=0.0))
    weighted, total = np.zeros(stack.grid.shape), np.zeros(stack.grid.shape)
    for path, (first, second) in zip(stack.unwrapped, stack.network.pairs, strict=True):
        phase = read_raster(path)
        years = (stack.network.days[second] - stack.network.days[first]) / 365.25
        weighted += np.where(np.isfinite(phase), (phase - np.nanmedian(phase)) * years, 0)
        total += np.isfinite(phase) * years**2
    both = np.isfinite(products.rate) & (total > 0)
    stacked = to_displacement_mm(weighted[both] / total[both], stack.wavelength_m)
    assert both.mean() > 0.95
    assert np.corrcoef(products.rate[both], stacked)[0, 1] > 0.99
    assert np.polyfit(stacked, products.rate[both], 1)[0] == pytest.approx(1, abs=0.15)
    assert np.nanmin(products.rate) - np.median(products.rate[both]) < -150
    assert np.nanmean(products.nonclosing_share) < 0.01
    assert products.corrections.report()["closure"]["bad_pairs"] == []


def test_the_elevation_errors_of_mexico_city_have_the_pattern_pyrate_found(mexico):
    stack, auxiliary = mexico
    ours = estimate_rate(stack, RateSettings(min_coherence=0.0), auxiliary).height_error_m
    with rasterio.open(DATA / "cropA" / "dem_error_result" / "dem_error.tif") as raster:
        theirs = raster.read(1)
    both = np.isfinite(ours) & np.isfinite(theirs)
    # PyRate takes ramps out first and turns the phase around (signal_polarity −1), so sizes and signs differ.
    assert np.corrcoef(ours[both], theirs[both])[0, 1] < -0.8

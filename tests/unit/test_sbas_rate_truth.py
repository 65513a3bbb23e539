"""The rate of simulated stacks, whose motion, air, orbits and elevation errors are known, with every correction."""

from dataclasses import fields, replace
from datetime import timedelta

import numpy as np
import pytest
from basinwatch.rasters import read_raster, write_raster
from basinwatch.sbas.corrections.chain import CorrectionSettings
from basinwatch.sbas.corrections.closure import ClosureSettings
from basinwatch.sbas.corrections.delay import DelayMaps
from basinwatch.sbas.corrections.ground import Auxiliary
from basinwatch.sbas.corrections.principal import PrincipalSettings
from basinwatch.sbas.corrections.ramps import RampSettings
from basinwatch.sbas.corrections.reference import ReferenceSettings
from basinwatch.sbas.network import Network
from basinwatch.sbas.observations import UnwrappedStack
from basinwatch.sbas.rate import estimate_rate
from basinwatch.sbas.rate_settings import RateSettings
from basinwatch.simulation.products.gacos import write_delay
from basinwatch.simulation.products.truth import rate_mm_per_year
from basinwatch.simulation.stack import Pair
from basinwatch.vectors import polygons_of
from scipy import ndimage

from tests.unit.simulated_stack import FIRST, simulated

WAVELENGTH = 0.05546576
DATES = [FIRST + timedelta(days=12 * k) for k in range(20)]
LINKS = [(i, j) for i in range(20) for j in range(i + 1, min(i + 4, 20))]
NETWORK = Network.of((DATES[i], DATES[j]) for i, j in LINKS)
NEAR = CorrectionSettings(reference=ReferenceSettings(buffer_m=150))


class Scene:
    """A simulated track written as unwrapped pairs, what is known beside them, and the truth."""

    def __init__(self, folder, observe):
        self.folder, self.track = folder, simulated(mines=3, elevation=True, size_px=160)
        self.grid = self.track.grid
        self.truth = rate_mm_per_year(self.track, DATES)
        self.moving = np.abs(self.truth) > 10
        paths = []
        for number, (i, j) in enumerate(LINKS):
            paths.append(folder / f"{number}.tif")
            write_raster(paths[-1], observe(self.track, Pair(DATES[i], DATES[j]), number), self.grid, bands=["phase"])
        self.stack = UnwrappedStack(paths, None, NETWORK, self.grid, WAVELENGTH)
        self.auxiliary = Auxiliary(detected=polygons_of(ndimage.label(self.moving)[0], self.grid))

    def rate(self, settings=NEAR, **known):
        """Products with more knowledge."""
        return estimate_rate(self.stack, RateSettings(corrections=settings), replace(self.auxiliary, **known))

    def error(self, products):
        """Error of the rate outside the mines, and in those whose motion unwrapping could follow."""
        error = products.rate - self.truth
        known = np.isfinite(error)
        return error[known & ~self.moving], error[known & self.moving & (self.truth > -300)]

    def delays(self):
        """GACOS files of all dates."""
        folder = self.folder / "gacos"
        if not folder.is_dir():
            for day in DATES:
                write_delay(self.track, day, folder / f"{day:%Y%m%d}.ztd", folder / f"{day:%Y%m%d}.ztd.rsc")
        return DelayMaps.find(folder)

    def baselines(self):
        return {day: self.track.acquisition(day).baseline_m for day in DATES}

    def known(self):
        """Everything besides the pairs."""
        return {
            "delays": self.delays(),
            "baselines_m": self.baselines(),
            "heights": self.heights(),
            "incidence_deg": 39.0,
        }

    def heights(self):
        path = self.folder / "heights.tif"
        write_raster(path, self.track.ground.heights_m, self.grid, bands=["height_m"])
        return path


def perfectly_unwrapped(track, pair, number):
    rng = np.random.default_rng(number)
    phase = track.pair_phase(pair) + rng.normal(0, 0.3, track.grid.shape) + rng.normal(0, 10)
    return phase.astype(np.float32)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return Scene(tmp_path_factory.mktemp("perfect"), perfectly_unwrapped)


@pytest.fixture(scope="module")
def unwrapped(tmp_path_factory):
    """As a processor delivers it: speckle, filter, phase unwrapping."""
    return Scene(tmp_path_factory.mktemp("unwrapped"), lambda track, pair, number: track.observe(pair).unwrapped())


ALL_ON = replace(
    NEAR,
    reference=ReferenceSettings("plane", buffer_m=150),
    ramp=RampSettings("plane", height=True),
    principal=PrincipalSettings(enabled=True),
    closure=ClosureSettings(repair=True, drop_bad_pairs=True),
)
ALONE = {
    "reference": replace(NEAR, reference=ALL_ON.reference),
    "closure": replace(NEAR, closure=ALL_ON.closure),
    "delay": NEAR,
    "ramp": replace(NEAR, ramp=ALL_ON.ramp),
    "height_error": NEAR,
    "principal": replace(NEAR, principal=ALL_ON.principal),
}


@pytest.mark.parametrize("everything", [False, True])
def test_the_true_rate_comes_back_in_and_outside_the_mines(scene, everything):
    products = scene.rate(ALL_ON, **scene.known()) if everything else scene.rate()
    outside, inside = scene.error(products)
    assert len(inside) > 300
    assert abs(np.median(outside)) < 0.3
    assert outside.std() < 4
    assert abs(np.median(inside)) < 1
    assert inside.std() < 5
    core = scene.truth < -100
    kept = products.rate[core] / scene.truth[core]
    assert kept.min() > 0.9
    assert kept.mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("correction", ALONE)
def test_each_correction_alone_keeps_the_bowls_and_shifts_no_ground(scene, correction):
    assert set(ALONE) == {field.name for field in fields(CorrectionSettings)}
    wanted = {"delay": ("delays", "incidence_deg"), "height_error": ("baselines_m",), "ramp": ("heights",)}
    products = scene.rate(ALONE[correction], **{key: scene.known()[key] for key in wanted.get(correction, ())})
    outside, _ = scene.error(products)
    core = scene.truth < -100
    kept = products.rate[core] / scene.truth[core]
    assert kept.min() > 0.9
    assert kept.mean() == pytest.approx(1, abs=0.02)
    assert abs(np.median(outside)) < 0.5
    assert outside.std() < 5


def test_delays_calm_every_date_and_make_the_rate_better(scene):
    without, with_delays = scene.rate(), scene.rate(delays=scene.delays(), incidence_deg=39.0)
    table = with_delays.corrections.report()["delay"]
    assert np.mean([row["applied"] for row in table]) > 0.9
    gain = [row["after_mm"] / row["before_mm"] for row in table if row["applied"]]
    assert np.median(gain) < 0.9
    assert scene.error(with_delays)[0].std() < 0.98 * scene.error(without)[0].std()


def test_the_elevation_error_of_every_pixel_comes_back(scene):
    products = scene.rate(baselines_m=scene.baselines(), incidence_deg=39.0)
    truth = scene.track.ground.height_error_m - np.median(scene.track.ground.height_error_m[products.reference])
    found = products.height_error_m
    outside = ~scene.moving
    assert products.corrections.report()["height_error"] == "removed"
    assert np.corrcoef(found[outside], truth[outside])[0, 1] > 0.75
    assert np.polyfit(truth[outside], found[outside], 1)[0] == pytest.approx(1, abs=0.1)


def test_baselines_that_drift_leave_the_elevation_error_out_with_a_reason(scene):
    drift = {day: 10.0 * number for number, day in enumerate(DATES)}
    products = scene.rate(baselines_m=drift)
    assert "baselines correlate with time" in products.corrections.report()["height_error"]
    assert np.isnan(products.height_error_m).all()
    assert products.rate.tobytes() == scene.rate().rate.tobytes()


def test_unwrapped_as_in_practice_the_rate_is_right_outside_and_too_small_where_it_is_steep(unwrapped):
    products = unwrapped.rate()
    outside, inside = unwrapped.error(products)
    assert abs(np.median(outside)) < 0.5
    assert outside.std() < 6
    steep = (unwrapped.truth < -40) & np.isfinite(products.rate)
    assert products.rate[steep].mean() / unwrapped.truth[steep].mean() < 0.9
    assert np.median(inside) > 0


def test_the_result_is_the_same_in_blocks_and_threads_with_everything_on(scene):
    settings, auxiliary = RateSettings(corrections=ALL_ON), replace(scene.auxiliary, **scene.known())
    whole = estimate_rate(scene.stack, settings, auxiliary)
    parts = estimate_rate(scene.stack, replace(settings, block_px=64), auxiliary, workers=2)
    for name in ("rate", "sigma", "temporal_coherence", "nonclosing_share", "repaired", "height_error_m", "measured"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-4, atol=2e-4)


def test_cycles_added_to_pairs_are_repaired(scene, tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for path in scene.stack.unwrapped:
        cycles = np.where(rng.random(scene.grid.shape) < 0.03, rng.choice([-1, 1], scene.grid.shape), 0)
        paths.append(tmp_path / path.name)
        write_raster(
            paths[-1], (read_raster(path) + 2 * np.pi * cycles).astype(np.float32), scene.grid, bands=["phase"]
        )
    stack = replace(scene.stack, unwrapped=paths)
    wrong, mended = (
        estimate_rate(
            stack, RateSettings(corrections=replace(NEAR, closure=ClosureSettings(repair=on))), scene.auxiliary
        )
        for on in (False, True)
    )
    clean = scene.rate()
    assert np.std(wrong.rate - clean.rate) > 5 * np.std(mended.rate - clean.rate)
    assert wrong.nonclosing_share.mean() > 0.05
    assert mended.nonclosing_share.mean() < 0.01
    assert mended.repaired.mean() == pytest.approx(0.03 * len(LINKS), rel=0.1)

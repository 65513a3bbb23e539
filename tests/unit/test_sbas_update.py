import os
import shutil
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations

import numpy as np
import pytest
import shapely
from affine import Affine
from basinwatch.grid import Grid
from basinwatch.rasters import encode_share, write_raster
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
from basinwatch.sbas.settled import WINDOW_WIDTHS
from basinwatch.sbas.update import Memory, remember, update_rate

WAVELENGTH = 0.05546576
GRID = Grid.from_map(36, 28, Affine(30, 0, 400_000, 0, -30, 4_200_000), "EPSG:32650")
SCENES = [date(2021, 1, 1) + timedelta(12 * k) for k in range(24)]
LINKS = 2
# So many scenes that some of them settle.
MANY = len(SCENES)
# Single precision of series of some hundred millimetres.
SINGLE_MM = 1e-4
PLACE = Auxiliary(reference=[shapely.box(400_000, 4_200_000 - 300, 400_000 + 300, 4_200_000)])
# The stable ground of any number of scenes is the same: all that is ever valid.
GROUND = ReferenceSettings(min_valid_share=0.01, min_coherence=0)
SETTINGS = RateSettings(
    corrections=CorrectionSettings(GROUND), min_temporal_coherence=0.5, stable_mm_per_year=500, block_px=28
)


def write_pairs(folder, *, missing=0.1, noise=0.3, seed=0):
    """All pairs of all scenes: a bowl, a ramp and an arbitrary constant per pair, noise, gaps, changing coherence."""
    y, x = np.mgrid[: GRID.height, : GRID.width]
    rate = -60 * np.exp(-((y - 14) ** 2 + (x - 20) ** 2) / (2 * 4**2))
    air = np.random.default_rng(seed).normal(0, 1, len(SCENES))
    for i, j in combinations(range(len(SCENES)), 2):
        if j - i > LINKS:
            continue
        rng = np.random.default_rng([seed, i, j])
        phase = rate * (SCENES[j] - SCENES[i]).days / 365.25 / 1000 * (-4 * np.pi / WAVELENGTH)
        phase = phase + rng.normal(0, 10) + (air[j] - air[i]) * x / 36 + rng.normal(0, noise, GRID.shape)
        phase[rng.random(GRID.shape) < missing] = np.nan
        phase[20:24, 4:8] = np.nan if j - i > 1 and 9 <= i <= 12 else phase[20:24, 4:8]
        phase[24:, 30:] = np.nan
        name = f"{SCENES[i]}_{SCENES[j]}"
        write_raster(folder / f"{name}.tif", phase.astype(np.float32), GRID, bands=["unwrapped_phase"])
        coherence = encode_share(rng.uniform(0.3, 1, GRID.shape).astype(np.float32))
        write_raster(folder / f"{name}.cc.tif", coherence, GRID, bands=["coherence"])
        labels = np.where(np.isnan(phase), 0, 1 + (x > 33) * (i % 2)).astype(np.uint8)
        write_raster(folder / f"{name}.components.tif", labels, GRID, bands=["component"])


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    write_pairs(folder)
    return folder


def stack_of(folder, scenes):
    """Stack of the first scenes."""
    names = [(a, b) for b in range(scenes) for a in range(max(0, b - LINKS), b)]
    paths = [folder / f"{SCENES[a]}_{SCENES[b]}" for a, b in names]
    kinds = ([p.with_name(f"{p.name}{end}.tif") for p in paths] for end in ("", ".cc", ".components"))
    unwrapped, coherence, components = kinds
    network = Network.of((SCENES[a], SCENES[b]) for a, b in names)
    return UnwrappedStack(unwrapped, coherence, network, GRID, WAVELENGTH, components)


def collected(stack, estimate):
    """What an estimate returns, and the whole series (dates, y, x)."""
    series = np.full((len(stack.network.dates), *GRID.shape), np.nan, np.float32)

    def collect(window, values):
        series[(slice(None), *window.toslices())] = values

    return estimate(collect), series


def at_once(folder, scenes, settings=SETTINGS, auxiliary=PLACE):
    stack = stack_of(folder, scenes)
    return collected(stack, lambda collect: estimate_rate(stack, settings, auxiliary, on_series=collect))


def updated(folder, scenes, place, settings=SETTINGS, auxiliary=PLACE, *, keep=True, code="1", workers=1):
    """Update the memory at a place; the report, products and series."""
    stack, memory = stack_of(folder, scenes), Memory(place, code)
    found, series = collected(
        stack, lambda collect: update_rate(stack, settings, auxiliary, memory, on_series=collect, workers=workers)
    )
    if keep:
        remember(memory, found)
    return found.report, found.products, series


def spoil(folder, scenes):
    """Replace the files of the first scenes by noise that looks the same from outside."""
    stack = stack_of(folder, scenes)
    for path in [*stack.unwrapped, *stack.coherence, *stack.components]:
        before = path.stat()
        path.write_bytes(os.urandom(before.st_size))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def own_pairs(pairs, tmp_path):
    """A copy of the pairs that a test may change."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for path in pairs.iterdir():
        shutil.copy2(path, folder / path.name)
    return folder


def assert_equal(found, wanted, series, whole, limit_mm):
    """Every layer equals that of a full run."""
    assert np.array_equal(np.isnan(series), np.isnan(whole))
    assert np.nanmax(np.abs(series - whole)) <= limit_mm
    for name, values in vars(wanted).items():
        if name != "corrections":
            other = getattr(found, name)
            if limit_mm == 0:
                assert np.array_equal(other, values, equal_nan=values.dtype.kind == "f"), name
            elif values.dtype.kind == "f":
                assert other == pytest.approx(values, abs=1e-3 if name == "annual_day" else SINGLE_MM, nan_ok=True), (
                    name
                )
            else:
                assert np.array_equal(other, values), name


CORRECTED = CorrectionSettings(
    replace(GROUND, surface="plane"), ramp=RampSettings("plane"), principal=PrincipalSettings(True)
)
VARIANTS = {
    "plain": SETTINGS,
    "weighted": replace(SETTINGS, weighting="coherence"),
    "corrected": replace(SETTINGS, corrections=CORRECTED),
    "repaired": replace(
        SETTINGS, corrections=CorrectionSettings(GROUND, closure=ClosureSettings(repair=True, drop_bad_pairs=True))
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_scenes_one_by_one_give_the_bytes_of_all_at_once_and_old_files_are_not_read(own_pairs, tmp_path, variant):
    settings, scenes = VARIANTS[variant], 9
    wanted, whole = at_once(own_pairs, scenes, settings)
    report, _, _ = updated(own_pairs, 6, tmp_path / "state", settings)
    assert (report["mode"], report["dates"], report["pairs"]) == ("full", 6, 9)
    for count in range(7, scenes + 1):
        spoil(own_pairs, count - 1)
        report, found, series = updated(own_pairs, count, tmp_path / "state", settings)
        assert (report["mode"], report["dates"], report["pairs"]) == ("appended", 1, 2)
    assert report["blocks_in_full"] == 0
    assert report["reference_since"] == SCENES[5].isoformat()
    assert_equal(found, wanted, series, whole, limit_mm=0)
    assert found.corrections.report() == wanted.corrections.report()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_long_series_whose_first_dates_have_settled_equals_a_full_run(own_pairs, tmp_path, variant):
    settings, first = VARIANTS[variant], MANY - 3
    wanted, whole = at_once(own_pairs, MANY, settings)
    updated(own_pairs, first, tmp_path / "state", settings)
    assert len(list((tmp_path / "state").rglob("*.dates.safetensors"))) == (0 if variant == "repaired" else 2)
    for count in range(first + 1, MANY + 1):
        spoil(own_pairs, count - 1)
        report, found, series = updated(own_pairs, count, tmp_path / "state", settings, workers=2)
    assert (report["mode"], report["blocks_in_full"]) == ("appended", 0)
    assert_equal(found, wanted, series, whole, limit_mm=0 if variant == "repaired" else SINGLE_MM)


def test_the_state_holds_the_pairs_of_a_bounded_number_of_dates(pairs, tmp_path):
    sizes = []
    for count in (MANY - 2, MANY):
        updated(pairs, count, tmp_path / "state")
        files = sorted((tmp_path / "state").rglob("*.pairs.safetensors"))
        sizes.append(sum(path.stat().st_size for path in files))
        held = LINKS * (WINDOW_WIDTHS * LINKS + 2 * LINKS)
        frozen = 8 * 3 * MANY
        assert sizes[-1] < GRID.width * GRID.height * (4 * held + frozen)


def test_settled_dates_that_would_move_are_solved_in_full_again(pairs, tmp_path, monkeypatch):
    updated(pairs, MANY - 1, tmp_path / "state")
    monkeypatch.setattr("basinwatch.sbas.settled.TOLERANCE_RAD", 0.0)
    report, found, series = updated(pairs, MANY, tmp_path / "state")
    assert (report["mode"], report["blocks_in_full"]) == ("appended", 2)
    wanted, whole = at_once(pairs, MANY)
    assert_equal(found, wanted, series, whole, limit_mm=0)


def test_a_reference_chosen_by_itself_stays_that_of_the_last_full_run(pairs, tmp_path):
    settings = replace(SETTINGS, corrections=CorrectionSettings(ReferenceSettings(buffer_m=60, min_valid_share=0.6)))
    bowl = shapely.Point(400_000 + 20.5 * 30, 4_200_000 - 14.5 * 30)
    _, before, _ = updated(pairs, 8, tmp_path / "state", settings, Auxiliary(detected=[bowl.buffer(200)]))
    grown = Auxiliary(detected=[bowl.buffer(215)])
    report, after, _ = updated(pairs, 9, tmp_path / "state", settings, grown)
    assert report["mode"] == "appended"
    assert np.array_equal(after.reference, before.reference)
    report, fresh, _ = updated(pairs, 10, tmp_path / "state", settings, Auxiliary(detected=[bowl.buffer(330)]))
    assert report["mode"] == "full"
    assert "of it near basins by now" in report["why"]
    assert fresh.reference.sum() < before.reference.sum()


def test_a_run_that_was_killed_before_the_end_leaves_the_state_before(pairs, tmp_path):
    updated(pairs, 7, tmp_path / "state")
    updated(pairs, 8, tmp_path / "state", keep=False)
    report, found, series = updated(pairs, 8, tmp_path / "state")
    assert (report["mode"], report["dates"]) == ("appended", 1)
    assert_equal(found, *[(whole := at_once(pairs, 8))[0], series, whole[1]], limit_mm=0)
    assert len([path for path in (tmp_path / "state").iterdir() if path.is_dir()]) == 1


def test_the_same_stack_again_reads_no_pair_and_gives_the_same_bytes(own_pairs, tmp_path):
    _, wanted, whole = updated(own_pairs, 7, tmp_path / "state")
    spoil(own_pairs, 7)
    report, found, series = updated(own_pairs, 7, tmp_path / "state")
    assert (report["mode"], report["dates"], report["pairs"]) == ("appended", 0, 0)
    assert_equal(found, wanted, series, whole, limit_mm=0)


def test_a_block_that_cannot_be_read_is_done_in_full(pairs, tmp_path):
    updated(pairs, 7, tmp_path / "state")
    block = next((tmp_path / "state").rglob("0_28.pairs.safetensors"))
    block.write_bytes(block.read_bytes()[:1000])
    report, found, series = updated(pairs, 8, tmp_path / "state")
    assert (report["mode"], report["blocks_in_full"]) == ("appended", 1)
    wanted, whole = at_once(pairs, 8)
    assert_equal(found, wanted, series, whole, limit_mm=0)


def rewritten(folder):
    """Another content of an old pair."""
    path = stack_of(folder, 2).unwrapped[0]
    write_raster(path, np.ones(GRID.shape, np.float32), GRID, bands=["unwrapped_phase"])
    return {}


def broken(folder):
    next((folder.parent / "state").rglob("sample.safetensors")).write_bytes(b"no tensors")
    return {}


def unreadable(folder):
    (folder.parent / "state" / "manifest.json").write_text('{"identity": "half a ma')
    return {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (rewritten, "another content"),
        (broken, "cannot be read as a state"),
        (unreadable, "cannot be read"),
        (lambda folder: {"code": "2"}, "settings, geometry or code"),
        (lambda folder: {"settings": replace(SETTINGS, weighting="fisher")}, "settings, geometry or code"),
        (lambda folder: {"auxiliary": Auxiliary(reference=[shapely.Point(400_300, 4_199_700)])}, "settings, geometry"),
        (
            lambda folder: {"auxiliary": replace(PLACE, incidence_deg=folder / f"{SCENES[0]}_{SCENES[1]}.tif")},
            "geometry",
        ),
    ],
    ids=["old pair", "sample", "manifest", "code", "weights", "reference", "incidence"],
)
def test_what_the_state_depends_on_must_not_change(own_pairs, tmp_path, change, why):
    updated(own_pairs, 6, tmp_path / "state")
    options = change(own_pairs)
    report, found, series = updated(own_pairs, 7, tmp_path / "state", **options)
    assert report["mode"] == "full"
    assert why in report["why"]
    options.pop("code", None)
    wanted, whole = at_once(own_pairs, 7, **options)
    assert_equal(found, wanted, series, whole, limit_mm=0)


def test_a_pair_that_is_gone_asks_for_a_full_run(pairs, tmp_path):
    updated(pairs, 6, tmp_path / "state")
    stack = stack_of(pairs, 7)
    found = update_rate(stack.part(np.delete(np.arange(11), 3)), SETTINGS, PLACE, Memory(tmp_path / "state", "1"))
    assert found.report["mode"] == "full"
    assert "20210113_20210206: found it gone" in found.report["why"]


def test_touched_files_with_the_same_bytes_are_no_change(own_pairs, tmp_path):
    updated(own_pairs, 6, tmp_path / "state")
    for path in stack_of(own_pairs, 6).unwrapped:
        os.utime(path)
    assert updated(own_pairs, 7, tmp_path / "state")[0]["mode"] == "appended"


def write_delays(folder, scenes):
    """GACOS files of a smooth delay around the scene."""
    folder.mkdir(exist_ok=True)
    rows, columns = np.mgrid[:50, :50]
    for number, day in enumerate(scenes):
        path = folder / f"{day:%Y%m%d}.ztd"
        if not path.exists():
            (2.3 + 0.01 * np.sin(rows / 9 + number) * np.cos(columns / 11)).astype("<f4").tofile(path)
            path.with_name(f"{path.name}.rsc").write_text(
                "WIDTH 50\nFILE_LENGTH 50\nX_FIRST 115.7\nX_STEP 0.01\nY_FIRST 38.2\nY_STEP -0.01\n"
            )
    return Auxiliary(reference=PLACE.reference, delays=DelayMaps.find(folder), incidence_deg=39.0)


def test_delays_of_new_scenes_are_appended_and_late_ones_ask_for_a_full_run(pairs, tmp_path):
    auxiliary = write_delays(tmp_path / "gacos", SCENES[1:6])
    updated(pairs, 6, tmp_path / "state", auxiliary=auxiliary)
    auxiliary = write_delays(tmp_path / "gacos", SCENES[1:7])
    report, found, series = updated(pairs, 7, tmp_path / "state", auxiliary=auxiliary)
    assert report["mode"] == "appended"
    wanted, whole = at_once(pairs, 7, auxiliary=auxiliary)
    assert_equal(found, wanted, series, whole, limit_mm=0)
    report, _, _ = updated(pairs, 7, tmp_path / "state", auxiliary=write_delays(tmp_path / "gacos", SCENES[:1]))
    assert "delay of 2021-01-01: found a new one" in report["why"]

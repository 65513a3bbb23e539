"""Files of simulated stacks, read back as a producer's."""

import json
from itertools import pairwise

import numpy as np
import pytest
from basinwatch import gacos
from basinwatch.grid import Grid
from basinwatch.phase import SENTINEL1_WAVELENGTH_M, to_displacement_mm
from basinwatch.rasters import grid_of, open_raster, read_raster
from basinwatch.readers import PairFiles, read_interferogram, read_unwrapped, sniff
from basinwatch.sbas.inversion import invert
from basinwatch.simulation.forms import FILES
from basinwatch.simulation.products import gamma, licsar, plain
from basinwatch.simulation.products.gacos import write_delay
from basinwatch.simulation.products.truth import displacement_mm, rate_mm_per_year, write_ground, write_rate
from basinwatch.simulation.stack import Pair
from pyproj import Transformer
from scipy.ndimage import map_coordinates, uniform_filter

from tests.unit.simulated_stack import DATES, pair, simulated

WRITERS = {"gamma": gamma.write_pair, "licsar": licsar.write_pair, "plain": plain.write_pair}
READER = {"gamma": "gamma", "licsar": "licsar", "plain": "geotiff"}
PAIR = pair(0, 1)


def write(stack, form, folder, pair=PAIR):
    """Write a pair and what belongs to it under the names a configuration gives."""
    names = {role: folder / name.format(pair=pair.name) for role, name in FILES[form].items()}
    files = {role: str(path) for role, path in names.items()}
    if form == "gamma":
        gamma.write_grid(stack, names["header"])
        for day in pair:
            gamma.write_scene(stack, day, folder / f"{day:%Y%m%d}.mli.par")
        files["header"] = str(folder / f"{pair.name}.off")
    if form == "licsar":
        roles = {"facts": "metadata.txt", "heights": "x.geo.hgt.tif", "east": "x.geo.E.tif", "north": "x.geo.N.tif",
                 "up": "x.geo.U.tif"}  # fmt: skip
        licsar.write_frame(stack, {role: str(folder / "metadata" / name) for role, name in roles.items()})
    WRITERS[form](stack, pair, files)
    return PairFiles(*pair, names["phase"], names["coherence"], names.get("header")), names["unwrapped"]


@pytest.fixture(scope="module", params=sorted(FILES))
def written(request, tmp_path_factory):
    stack = simulated(form=request.param)
    files, unwrapped = write(stack, request.param, tmp_path_factory.mktemp(request.param))
    return stack, READER[request.param], files, unwrapped


def test_a_reader_finds_the_form_and_gives_back_phase_and_coherence(written):
    stack, format, files, _ = written
    assert sniff(files.phase) == format
    read, observed = read_interferogram(files), stack.observe(PAIR)
    np.testing.assert_allclose(np.exp(1j * read.phase), np.exp(1j * np.angle(observed.interferogram)), atol=2e-6)
    np.testing.assert_allclose(read.coherence, observed.coherence, atol=0.002)
    assert (read.date1, read.date2) == PAIR
    assert read.grid.aligned_with(stack.grid)
    assert read.grid.shape == stack.grid.shape
    assert read.grid.offset_of(stack.grid) == pytest.approx((0, 0), abs=1e-6)


def test_the_phase_is_the_truth_but_for_a_constant_and_noise(written):
    stack, _, files, _ = written
    read = read_interferogram(files)
    quiet = read.coherence > 0.8
    left = np.exp(1j * (read.phase - stack.pair_phase(PAIR)))[quiet]
    left *= np.conj(left.mean()) / abs(left.mean())
    assert quiet.mean() > 0.3
    assert np.angle(left).std() < 0.25


def test_a_reader_finds_wavelength_and_the_geometry_the_form_can_tell(written):
    _, format, files, _ = written
    metadata = read_interferogram(files).metadata
    assert metadata["wavelength_m"] == pytest.approx(SENTINEL1_WAVELENGTH_M, rel=1e-6)
    assert metadata["incidence_deg"] == 39.0
    assert metadata["heading_deg"] == (None if format == "geotiff" else -12.3)
    assert metadata["warnings"] == []


def test_unwrapped_phase_is_read_back_with_gaps_where_unwrapping_was_not_trusted(written):
    stack, _, files, path = written
    values, grid = read_unwrapped(path, files)
    expected = stack.observe(PAIR).unwrapped()
    np.testing.assert_array_equal(np.isfinite(values), np.isfinite(expected))
    np.testing.assert_allclose(values, expected, atol=1e-6)
    assert grid.aligned_with(stack.grid)


def test_a_later_date_changes_no_byte_of_earlier_files(written, tmp_path):
    _, format, files, _ = written
    form = next(form for form, reader in READER.items() if reader == format)
    stack = simulated(form=form)
    write(stack, form, tmp_path, pair(1, 2))
    again, _ = write(stack, form, tmp_path, PAIR)
    old = files.phase.parents[2] if form == "licsar" else files.phase.parent
    names = [path.relative_to(old) for path in old.rglob("*") if path.is_file()]
    assert len(names) >= 3
    for name in names:
        assert (tmp_path / name).read_bytes() == (old / name).read_bytes(), name
    assert again.phase.is_file()


def test_gamma_files_have_the_size_and_order_their_headers_tell(tmp_path):
    write(simulated(size_px=64, mines=0, **{"pass": "descending"}), "gamma", tmp_path)
    lines = [line.split(":", 1) for path in sorted(tmp_path.glob("*par")) for line in path.read_text().splitlines()]
    keys = {key[0].strip(): key[1].split() for key in lines if len(key) == 2}
    assert (keys["width"], keys["nlines"], keys["projection_zone"]) == (["64"], ["64"], ["34"])
    assert [float(keys[key][0]) for key in ("corner_east", "corner_north", "post_north")] == [345015, 5570985, -30]
    assert float(keys["heading"][0]) == 192.3
    sizes = {path.suffix: path.stat().st_size for path in tmp_path.iterdir()}
    assert [sizes[suffix] / 64**2 for suffix in (".diff", ".cc", ".unw")] == [8, 4, 4]
    coherence = np.fromfile(tmp_path / f"{PAIR.name}.cc", ">f4")
    assert 0 < coherence.min() < coherence.max() <= 1


def test_licsar_files_are_undeclared_zeros_bytes_and_unit_vectors(tmp_path):
    stack = simulated(form="licsar", size_px=128, mines=0)
    files, unwrapped = write(stack, "licsar", tmp_path)
    with open_raster(files.coherence) as source:
        assert (source.dtypes[0], source.nodata, source.crs.to_epsg()) == ("uint8", None, 4326)
        assert source.transform.a == -source.transform.e == pytest.approx(30 / 111_320)
    with open_raster(unwrapped) as source:
        assert (source.dtypes[0], source.nodata) == ("float32", None)
        assert np.isfinite(source.read(1)).all()
    vector = np.stack([read_raster(tmp_path / "metadata" / f"x.geo.{part}.tif") for part in "ENU"])
    np.testing.assert_allclose(np.linalg.norm(vector, axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(vector[2], np.cos(np.radians(39)), atol=1e-6)


@pytest.mark.parametrize("form", ["gamma", "licsar"])
def test_a_delay_file_holds_the_long_waves_of_its_date_and_what_follows_the_heights(tmp_path, form):
    stack = simulated(form=form, mines=0, elevation=True, size_px=400)
    fields = []
    for day in DATES[:2]:
        path = tmp_path / f"{day:%Y%m%d}.ztd"
        write_delay(stack, day, path, tmp_path / f"{path.name}.rsc")
        fields.append(gacos.read_zenith_delay(path))
    assert list(gacos.scan(tmp_path)) == DATES[:2]
    assert fields[0].hour_utc == 16.58
    assert 2.2 < np.median(fields[0].values) < 2.5
    difference_mm = (fields[1].values - fields[0].values) * 1000
    sampled = map_coordinates(difference_mm, _rows_and_columns(fields[0].grid, stack.grid), order=1)
    before, after = (stack.acquisition(day) for day in DATES[:2])
    truth = (after.turbulence_mm + after.stratified_mm) - (before.turbulence_mm + before.stratified_mm)
    left = truth - sampled
    assert left.std() < 0.5 * truth.std()
    assert uniform_filter(left, 100)[50:-50, 50:-50].std() < 0.1 * truth.std()
    rough = np.diff(truth - (after.stratified_mm - before.stratified_mm), axis=1)
    assert np.corrcoef(np.diff(left, axis=1).ravel(), rough.ravel())[0, 1] > 0.9


def _rows_and_columns(delays: Grid, scene: Grid) -> np.ndarray:
    """Places of a scene's pixel centres on the grid of the delays."""
    rows, columns = np.mgrid[: scene.height, : scene.width] + 0.5
    x, y = scene.affine.c + scene.affine.a * columns, scene.affine.f + scene.affine.e * rows
    longitude, latitude = Transformer.from_crs(scene.crs_wkt, "EPSG:4326", always_xy=True).transform(x, y)
    a, _, west, _, e, north = delays.affine[:6]
    places = np.stack([(latitude - north) / e - 0.5, (longitude - west) / a - 0.5])
    assert places.min() >= 0
    assert (places.max(axis=(1, 2)) <= np.array(delays.shape) - 1).all()
    return places


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truth")
    stack = simulated(size_px=300)
    write_ground(stack, folder / "truth.json", folder / "heights.tif")
    return stack, {mine["name"]: mine for mine in json.loads((folder / "truth.json").read_text())}


def test_the_truth_tells_place_size_and_history_of_every_mine(example):
    stack, truth = example
    assert list(truth) == ["m1", "m2", "m3", "m4", "m5"]
    assert (truth["m3"]["active_from"], truth["m4"]["active_to"]) == ("2023-03-27", "2023-03-22")
    assert [round(truth[f"m{n}"]["los_mm_per_12_days"], -1) for n in (1, 2, 3, 4, 5)] == [10, 30, 30, 30, 220]
    places = sorted(truth.values(), key=lambda mine: mine["row"])
    for mine in places:
        assert mine["radius_px"] < min(mine["row"], mine["col"])
        assert max(mine["row"], mine["col"]) < 300 - mine["radius_px"]
        sinking = displacement_mm(stack, DATES[11])[round(mine["row"]), round(mine["col"])]
        assert sinking < -0.5 * mine["los_mm_per_12_days"], mine["name"]
    for first, second in pairwise(places):
        gap = np.hypot(first["row"] - second["row"], first["col"] - second["col"])
        assert gap > first["radius_px"] + second["radius_px"]


def test_the_displacement_is_that_of_the_phase_and_grows_from_0(example):
    stack, _ = example
    assert not displacement_mm(stack, DATES[0]).any()
    later = displacement_mm(stack, DATES[6])
    np.testing.assert_allclose(later, -55.46576 / (4 * np.pi) * stack.moved_phase(pair(0, 6)), atol=1e-3)
    assert later.min() < -100


def test_the_true_rate_is_what_sbas_finds_without_noise(example, tmp_path):
    stack, _ = example
    network = np.array([(first, second) for second in range(6) for first in range(max(0, second - 3), second)])
    days = np.array([(day - DATES[0]).days for day in DATES[:6]], float)
    phases = [stack.moved_phase(pair(first, second)).ravel() for first, second in network]
    observed = to_displacement_mm(np.stack(phases), SENTINEL1_WAVELENGTH_M)
    series = invert(network, days, observed).displacement
    slope = np.polyfit(days / 365.25, series, 1)[0].reshape(stack.grid.shape)
    np.testing.assert_allclose(rate_mm_per_year(stack, DATES[:6]), slope, atol=0.5)
    write_rate(stack, Pair(DATES[0], DATES[1]), tmp_path / "rate.tif")
    with open_raster(tmp_path / "rate.tif") as source:
        assert grid_of(source).aligned_with(stack.grid)
        assert source.tags()["SIGN"] == "towards_positive"
        mean = source.read(1)
    np.testing.assert_allclose(mean, displacement_mm(stack, DATES[1]) * 365.25 / 12, atol=0.01)

"""Readers against files the producers and other projects made."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import yaml
from basinwatch import configuration, stacks
from basinwatch.commands import main
from basinwatch.errors import InputError
from basinwatch.phase import SENTINEL1_WAVELENGTH_M, wrap
from basinwatch.readers import PairFiles, read_grid, read_interferogram, read_unwrapped, sniff
from basinwatch.readers.gamma_facts import perpendicular_baseline_m
from basinwatch.readers.gamma_headers import read_header
from PIL import Image
from scipy import ndimage

DATA = Path(os.environ.get("BASINWATCH_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="real interferograms are not on this machine")
GAMMA = DATA / "pyrate" / "small_test"
FRAME = DATA / "licsar_galapagos" / "106A_09048_000909"
TILES = DATA / "mining_tiles"


def pair_files(phase: Path, name: str, separator: str, **options: object) -> PairFiles:
    date1, date2 = (datetime.strptime(day, "%Y%m%d").date() for day in name.split(separator))
    return PairFiles(date1, date2, phase, options=options)


def test_gamma_files_equal_their_geotiff_twins_made_by_another_project() -> None:
    binaries = sorted((DATA / "pyrate" / "system" / "gamma").glob("*.unw"))
    assert len(binaries) == 17
    for path in binaries:
        files = pair_files(path, path.name[:17], "-")
        values, grid = read_unwrapped(path, files)
        with rasterio.open(path.with_name(f"{path.stem}_unw.tif")) as twin:
            np.testing.assert_array_equal(np.nan_to_num(values), twin.read(1))
            corner = twin.transform.c, twin.transform.f
        # the twins take the header's corner for an edge; it is the first pixel's centre
        np.testing.assert_allclose((grid.affine.c + grid.affine.a / 2, grid.affine.f + grid.affine.e / 2), corner)


def test_gamma_pairs_with_coherence_elsewhere_give_wrapped_pairs_with_radar_facts() -> None:
    path = GAMMA / "gamma_obs" / "20060828-20061211_utm.unw"
    files = pair_files(path, "20060828-20061211", "-")
    coherence = GAMMA / "coherence" / "20060828-20061211_utm.unw.cc"
    pair = read_interferogram(PairFiles(files.date1, files.date2, path, coherence))
    unwrapped, _ = read_unwrapped(path, files)
    stored = np.fromfile(path, ">f4").reshape(72, 47)
    valid = np.isfinite(pair.phase)
    np.testing.assert_array_equal(valid, (stored != 0) & (np.fromfile(coherence, ">f4").reshape(72, 47) > 0))
    cycles = (unwrapped - pair.phase)[valid] / (2 * np.pi)
    np.testing.assert_allclose(cycles, np.rint(cycles), atol=1e-5)
    assert pair.metadata["wavelength_m"] == pytest.approx(299792458 / 5.334694994e9)
    assert pair.metadata["incidence_deg"] == pytest.approx(22.9671, abs=1e-4)
    assert pair.metadata["pass"] == "descending"  # noqa: S105


def test_the_perpendicular_baseline_agrees_with_what_gamma_printed() -> None:
    folder = DATA / "pyrate" / "cropA"
    tables = sorted((folder / "geometry").glob("*_bperp.par"))
    image = read_header(folder / "headers" / "r20180106_VV_8rlks_mli.par")
    for path in tables:
        dates = [datetime.strptime(day, "%Y%m%d").date() for day in path.name[:17].split("-")]
        printed = perpendicular_baseline_m(path, dates, image)
        lines = [line.split() for line in path.read_text().splitlines()]
        everywhere = [float(line[7]) for line in lines if len(line) == 9 and line[0].isdigit()]
        assert printed == pytest.approx(np.median(everywhere), abs=1.5)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("basinwatch.readers.gamma_facts.BASELINE_TABLES", ("there is none",))
            assert perpendicular_baseline_m(path, dates, image) == pytest.approx(printed, abs=0.5)
    assert len(tables) == 30


def test_the_look_vector_of_a_gamma_scene_agrees_with_its_incidence_raster() -> None:
    path = GAMMA / "gamma_obs" / "20060619-20061002_utm.unw"
    pair = read_interferogram(pair_files(path, "20060619-20061002", "-"))
    incidence = np.fromfile(path.with_name("20060619_utm.inc"), ">f4").reshape(pair.grid.shape)
    assert pair.metadata["incidence_deg"] == pytest.approx(incidence[36, 23], abs=1e-3)
    assert pair.metadata["bperp_m"] is not None


def test_no_real_binary_is_taken_for_a_sheared_one() -> None:
    for path in sorted((GAMMA / "gamma_obs").glob("*.unw")):
        assert not any(
            "E15" in w for w in read_interferogram(pair_files(path, path.name[:17], "-")).metadata["warnings"]
        )


def test_gamma_geotiffs_of_another_project_carry_wavelength_and_rewrap() -> None:
    name = "20180106-20180130"
    folder = DATA / "pyrate" / "cropA" / "geotiffs"
    files = pair_files(folder / f"cropA_{name}_VV_8rlks_eqa_unw.tif", name, "-", kind="unwrapped")
    files = PairFiles(
        files.date1, files.date2, files.phase, folder / f"cropA_{name}_VV_8rlks_flat_eqa_cc.tif", options=files.options
    )
    pair = read_interferogram(files)
    assert pair.metadata["rewrapped"] is True
    assert pair.metadata["wavelength_m"] == pytest.approx(0.0555042, abs=1e-6)
    assert pair.metadata["incidence_deg"] == pytest.approx(39.7026)
    with rasterio.open(files.phase) as source:
        stored = source.read(1)
    np.testing.assert_allclose(
        np.exp(1j * pair.phase[np.isfinite(pair.phase)]), np.exp(1j * stored[np.isfinite(pair.phase)]), atol=1e-5
    )


def test_unwrapped_geotiffs_are_refused_without_the_users_word() -> None:
    name = "20180106-20180319"
    path = DATA / "pyrate" / "cropA" / "geotiffs" / f"cropA_{name}_VV_8rlks_eqa_unw.tif"
    with pytest.raises(InputError, match="E06"):
        read_interferogram(pair_files(path, name, "-"))


def test_a_licsar_pair_keeps_every_value_where_phase_and_coherence_exist() -> None:
    name = "20240130_20240211"
    folder = FRAME / "interferograms" / name
    files = pair_files(folder / f"{name}.geo.diff_pha.tif", name, "_")
    files = PairFiles(files.date1, files.date2, files.phase, folder / f"{name}.geo.cc.tif")
    assert sniff(files.phase) == "licsar"
    pair = read_interferogram(files)
    with rasterio.open(files.phase) as phase, rasterio.open(files.coherence) as coherence:
        stored, bytes_ = phase.read(1), coherence.read(1)
        assert pair.grid.transform == tuple(phase.transform)[:6]
    valid = (stored != 0) & (bytes_ > 0)
    np.testing.assert_array_equal(np.isfinite(pair.phase), valid)
    np.testing.assert_allclose(np.exp(1j * pair.phase[valid]), np.exp(1j * stored[valid]), atol=1e-6)
    np.testing.assert_allclose(pair.coherence[valid], bytes_[valid] / 255, atol=1e-6)
    assert pair.metadata["heading_deg"] == -12.019061
    assert pair.metadata["pass"] == "ascending"  # noqa: S105
    # the frame's table places both dates at 123 and -93 m from its first
    assert (pair.metadata["rel_orbit"], pair.metadata["bperp_m"]) == (106, -216)
    assert pair.metadata["utc_seconds"] == pytest.approx(26 * 60 + 14.88494)
    assert (pair.metadata["product"], pair.metadata["filtered"]) == ("diff_pha", True)
    assert read_grid(files) == pair.grid


def test_a_binary_of_another_project_equals_its_unwrapped_range_change_modulo_a_cycle() -> None:
    path = DATA / "thessaly_2021" / "greece.diff"
    pair = read_interferogram(pair_files(path, "20210303_20210309", "_"))
    range_change_m = np.fromfile(path.with_suffix(".unw"), "<f4").reshape(801, 801)
    valid = np.isfinite(pair.phase) & (range_change_m != 0) & np.isfinite(range_change_m)
    unwrapped = 4 * np.pi / SENTINEL1_WAVELENGTH_M * range_change_m
    agreement = {sign: np.abs(np.exp(1j * (pair.phase - sign * unwrapped)[valid]).mean()) for sign in (1, -1)}
    assert agreement[1] > 0.7  # of 1 without noise
    assert agreement[-1] < 0.2
    assert pair.grid.pixel_spacing_m == (100, 100)
    assert any("E05" in warning for warning in pair.metadata["warnings"])


def test_inspecting_any_folder_ends_well_and_finds_the_stacks_in_it(capsys) -> None:
    expected = {
        "licsar_galapagos": (10, {"coherence", "delays", "baselines"}),
        "pyrate": (30, {"coherence", "kind", "unwrapped", "heights"}),
        "pyrate/cropA": (30, {"coherence", "kind", "unwrapped", "heights"}),
        "pyrate/cropB": (1, {"kind", "unwrapped"}),
        "pyrate/gamma": (1, {"kind", "unwrapped"}),
        "pyrate/prepifg": (2, {"kind", "unwrapped"}),
        "pyrate/small_test": (17, {"coherence", "kind", "unwrapped", "heights", "incidence"}),
        "pyrate/system/gamma": (17, {"kind", "unwrapped", "heights"}),
        "pyrate/system/roipac": (17, {"kind", "unwrapped", "heights"}),
    }
    for folder in ("campi_flegrei", "etna_incremental", "gacos_bhutan", "mining_tiles", "thessaly_2021", *expected):
        status = main(["inspect", str(DATA / folder)])
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        if folder in expected:
            assert status == 0
            (settings,) = yaml.safe_load(shown.out.partition("For config.yaml\n")[2])["stacks"].values()
            pairs = stacks.resolve(folder, validated(settings), "results/simulated").pairs
            count, keys = expected[folder]
            assert len(pairs) == count
            assert keys <= set(settings)


def validated(settings: dict) -> dict:
    """Settings of a stack with all defaults."""
    schema = yaml.safe_load((Path(__file__).parents[2] / "workflow" / "schemas" / "config.schema.yaml").read_text())
    return configuration.validate({"stacks": {"s": settings}}, schema)["stacks"]["s"]


def inward_share(phase: np.ndarray, basin: np.ndarray) -> float:
    """Mean wrapped phase step along the direction into a basin, in rad per pixel."""
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(basin), 1)
    inwards = np.gradient(depth)
    steps = [wrap(np.roll(phase, -1, axis) - phase) for axis in (0, 1)]
    return float(sum((s * d)[basin].sum() for s, d in zip(steps, inwards, strict=True)) / basin.sum())


def test_clean_picture_tiles_invert_exactly_and_phase_rises_into_their_basins() -> None:
    rises, clean = [], 0
    for path in sorted((TILES / "image").glob("*.png")):
        colors = np.asarray(Image.open(path))
        if len(np.unique(colors.reshape(-1, 3), axis=0)) > 300:
            with pytest.raises(InputError, match="E21"):  # noise added to the colours
                read_interferogram(pair_files(path, "20200101_20200113", "_"))
            continue
        clean += 1
        pair = read_interferogram(pair_files(path, "20200101_20200113", "_"))
        assert pair.metadata["colour"]["median_distance"] < 0.003
        basins, count = ndimage.label(np.asarray(Image.open(TILES / "label" / path.name)) > 0)
        rises += [
            inward_share(pair.phase, basins == k) for k in range(1, count + 1) if np.count_nonzero(basins == k) > 30
        ]
    assert clean == 20
    assert len(rises) >= 20
    assert np.mean(np.array(rises) > 0) > 0.95

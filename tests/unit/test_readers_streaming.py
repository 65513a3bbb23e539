"""Files go through the readers block by block: the same numbers whatever the block, and no raster in memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.provenance import write_json
from basinwatch.rasters import read_raster
from basinwatch.readers import PairFiles, read_grid, read_interferogram, read_unwrapped, sniff
from basinwatch.readers.survey import survey
from basinwatch.rows import Rows
from ingest_interferogram import ingest_interferogram
from products_scene import WRITERS
from readers_scene import (
    EARLIER,
    LATER,
    LINES,
    WIDTH,
    circular_error,
    complex_truth,
    is_map_grid,
    truth,
    wrapped_truth,
    write_gamma,
    write_tiff,
)

RSC = (
    f"WIDTH         {WIDTH}\nFILE_LENGTH   {LINES}\nX_FIRST 18.5\nX_STEP 0.001\nY_FIRST 50.3\nY_STEP -0.001\n"
    "WAVELENGTH\t0.0562356424\nHEADING_DEG -166.4283\nRLOOKS 1\nALOOKS 5\nHEIGHT 0.7974412729E+06\n"
    "EARTH_RADIUS 6357663.19\nLOOK_REF1 16.24\nLOOK_REF2 23.40\nLOOK_REF3 16.15\nLOOK_REF4 23.35\n"
)
ENVI = (
    "ENVI\nsamples = {width}\nlines = {lines}\nbands = 1\nheader offset = 0\ndata type = {kind}\n"
    "interleave = bsq\nbyte order = 1\n"
)


def write_south_up(folder: Path) -> PairFiles:
    place = Affine(0.001, 0, 18.5, 0, 0.001, 50.3 - 0.001 * LINES)
    path = write_tiff(folder / "20200101_20200113.tif", np.nan_to_num(wrapped_truth())[::-1], transform=place)
    return PairFiles(EARLIER, LATER, path)


def write_roi_pac(folder: Path, rsc: str = RSC) -> PairFiles:
    """Interferogram, coherence and unwrapped phase of ROI_PAC on a map."""
    phase = folder / "geo_200101-200113.int"
    complex_truth().astype("<c8").tofile(phase)
    amplitude = np.abs(complex_truth())
    for suffix, values in ((".cor", truth()[1]), (".unw", np.nan_to_num(truth()[0]))):
        np.stack([amplitude, values], axis=1).astype("<f4").tofile(phase.with_suffix(suffix))
    for suffix in (".int", ".cor", ".unw"):
        (folder / f"geo_200101-200113{suffix}.rsc").write_text(rsc)
    return PairFiles(EARLIER, LATER, phase, phase.with_suffix(".cor"))


PRODUCERS = {"gamma": write_gamma, "roi_pac": write_roi_pac, "south up": write_south_up} | WRITERS


@pytest.mark.parametrize("producer", PRODUCERS)
@pytest.mark.parametrize("rows", [1, 7, 60])
def test_the_size_of_the_blocks_changes_nothing(tmp_path, monkeypatch, producer: str, rows: int) -> None:
    files = PRODUCERS[producer](tmp_path)
    whole = read_interferogram(files)
    monkeypatch.setattr("basinwatch.rows.BLOCK_ROWS", rows)
    by_blocks = read_interferogram(files)
    np.testing.assert_array_equal(by_blocks.phase, whole.phase)
    if whole.coherence is not None:
        np.testing.assert_array_equal(by_blocks.coherence, whole.coherence)
    assert by_blocks.metadata == whole.metadata


def test_an_ingest_never_holds_the_raster(tmp_path) -> None:
    lines, width = 30_000, 300
    y = np.arange(lines, dtype=np.float32)[:, None]
    with (tmp_path / "20200101_20200113.diff").open("wb") as target:
        for top in range(0, lines, 5000):
            phase = y[top : top + 5000] / 3000 + np.arange(width, dtype=np.float32) / 50
            np.exp(1j * phase).astype(">c8").tofile(target)
    size = f"interferogram_width: {width}\ninterferogram_azimuth_lines: {lines}\n"
    spacing = "interferogram_range_pixel_spacing: 9\ninterferogram_azimuth_pixel_spacing: 14\n"
    (tmp_path / "20200101_20200113.off").write_text(size + spacing)
    files = PairFiles(EARLIER, LATER, tmp_path / "20200101_20200113.diff")
    write_json(tmp_path / "grid.json", read_grid(files).to_dict())
    paths = [tmp_path / name for name in ("grid.json", "phase.tif", "coherence.tif", "meta.json")]
    tracemalloc.start()
    ingest_interferogram(files, "auto", *paths)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < lines * width * 4  # bytes of the phase alone, half of those of the file
    found, expected = read_raster(paths[1])[::100], y[::100] / 3000 + np.arange(width, dtype=np.float32) / 50
    assert np.abs(np.angle(np.exp(1j * (found - expected)))).max() < 1e-3


def test_a_survey_counts_what_numpy_counts() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 3, (1100, 1300)).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[rng.random(values.shape) < 0.1] = 0
    values[rng.random(values.shape) < 0.1] = -np.pi
    found = survey(Rows.of(values))
    assert (found.pixels, found.finite) == (values.size, np.isfinite(values).sum())
    assert (found.zeros, found.fills) == ((values == 0).sum(), (values == np.float32(-np.pi)).sum())
    assert (found.low, found.high) == (np.nanmin(values), np.nanmax(values))
    assert found.beyond == (np.abs(values) > np.pi + 1e-3).sum()
    np.testing.assert_array_equal(found.sample, values.ravel()[np.isfinite(values.ravel())])
    assert not found.is_whole
    cut = found.without(0).without(np.float32(-np.pi))
    assert cut.finite == found.finite - found.zeros - found.fills
    assert not (cut.sample == 0).any()


def test_whole_numbers_are_known_as_such_and_an_empty_raster_has_none() -> None:
    grey = np.arange(600 * 256, dtype=np.float32).reshape(600, 256) % 256
    assert survey(Rows.of(grey)).is_whole
    nothing = survey(Rows.of(np.full((3, 4), np.nan, np.float32)))
    assert (nothing.finite, nothing.sample.size) == (0, 0)
    spread = survey(Rows.of(np.ones((2500, 1000), np.float32)))
    assert spread.sample.size == 1_250_000


def test_roi_pac_images_are_read_with_their_place_and_facts(tmp_path) -> None:
    files = write_roi_pac(tmp_path)
    assert sniff(files.phase) == "roi_pac"
    pair = read_interferogram(files)
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    np.testing.assert_allclose(np.nan_to_num(pair.coherence), truth()[1], atol=1e-6)
    np.testing.assert_array_equal(read_unwrapped(files.phase.with_suffix(".unw"), files)[0], truth()[0])
    assert is_map_grid(pair.grid)
    assert pair.metadata["wavelength_m"] == 0.0562356424
    assert pair.metadata["looks"] == [1, 5]
    # look angle 19.79 degrees, law of sines by hand
    assert pair.metadata["incidence_deg"] == pytest.approx(22.40, abs=0.02)
    radar = RSC.replace("X_FIRST", "OLD_FIRST") + "RANGE_PIXEL_SIZE 7.9\nAZIMUTH_PIXEL_SIZE 20.1\n"
    assert read_interferogram(write_roi_pac(tmp_path, radar)).grid.pixel_spacing_m == (7.9, 20.1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (f"WIDTH         {WIDTH}", "WIDTH x", "expected two positive whole numbers"),
        (f"WIDTH         {WIDTH}", "WIDTH 96", "E02"),
        ("X_STEP 0.001", "X_STEP 20", "expected degrees"),
    ],
)
def test_damaged_headers_of_roi_pac_are_refused(tmp_path, old: str, new: str, said: str) -> None:
    files = write_roi_pac(tmp_path, RSC.replace(old, new))
    with pytest.raises(InputError, match=said):
        read_interferogram(files)


def test_a_binary_with_an_envi_header_is_read_as_it_says(tmp_path) -> None:
    phase, coherence = tmp_path / "20200101_20200113.bin", tmp_path / "20200101_20200113_cc.bin"
    complex_truth().astype(">c8").tofile(phase)
    truth()[1].astype(">f4").tofile(coherence)
    for path, kind in ((phase, 6), (coherence, 4)):
        path.with_suffix(".hdr").write_text(ENVI.format(width=WIDTH, lines=LINES, kind=kind))
    assert sniff(phase) == "geotiff"
    pair = read_interferogram(PairFiles(EARLIER, LATER, phase, coherence))
    assert circular_error(pair.phase, wrapped_truth()) < 1e-6
    np.testing.assert_allclose(np.nan_to_num(pair.coherence), truth()[1], atol=1e-6)

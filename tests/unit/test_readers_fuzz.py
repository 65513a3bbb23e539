"""Damaged, hostile and random files: one sentence, never a traceback, a hang or memory that no file can fill.

Header parsers and raster codecs of all producers, as `damaged_files` writes them; GACOS in the same way.
"""

from __future__ import annotations

import importlib
import re
import time
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from basinwatch import gacos
from basinwatch.errors import InputError
from basinwatch.rasters import quiet_radar_geometry
from basinwatch.readers import PairFiles, read_grid, read_interferogram, read_unwrapped, sniff
from damaged_files import CONTAINERS, TEXT_HEADERS, Written
from hypothesis import example, given, settings
from hypothesis import strategies as st
from products_scene import write_dimap, write_gmtsar, write_isce
from readers_scene import (
    EARLIER,
    GEOTRANSFORM,
    LATER,
    LINES,
    WIDTH,
    complex_truth,
    wrapped_truth,
    write_gamma,
    write_tiff,
)
from test_gacos import write as write_gacos

FILES = TEXT_HEADERS | CONTAINERS
EXTREMES = (
    "0", "-1", "0.5", "1e999", "-1e999", "nan", "inf", "1000000000000", "1e308", "-1e308", "1e-320", "4294967297", "",
    "x", "1_0", "\u0663", "9" * 400,
)  # fmt: skip
_MAX_CPU_S = 5
_MAX_BYTES = 40e6  # of a scene that takes 0.1 MB


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[PairFiles, Path, bytes]]:
    """Files by kind, written once: the pair, the file to be damaged and its bytes."""
    written: dict[str, tuple[Written, bytes]] = {}

    def of(kind: str) -> tuple[PairFiles, Path, bytes]:
        if kind not in written:
            folder = tmp_path_factory.mktemp("kind") / "track"
            pair = FILES[kind](folder)
            written[kind] = pair, pair[1].read_bytes()
        (files, path), content = written[kind]
        return files, path, content

    return of


def attempt(*steps: Callable[[], object]) -> int:
    """Run steps of which any may end with one sentence and none with anything else; the number that did."""
    refused = 0
    for step in steps:
        start = time.process_time()
        try:
            step()
        except InputError as error:
            assert "\n" not in str(error).strip()  # noqa: PT017
            refused += 1
        assert time.process_time() - start < _MAX_CPU_S
    return refused


def read_all(files: PairFiles) -> int:
    """Read as the workflow does."""
    return attempt(
        lambda: sniff(files.phase),
        lambda: read_grid(files),
        lambda: read_interferogram(files),
        lambda: read_unwrapped(files.phase, files),
    )


def header_places(size: int) -> Iterable[int]:
    """Every byte of what may be a header at either end, and some between."""
    return sorted({*range(min(size, 200)), *range(0, size, size // 20 + 1), *range(max(size - 40, 0), size)})


@pytest.mark.parametrize("kind", FILES)
def test_the_undamaged_file_is_read(whole, kind: str) -> None:
    files, path, content = whole(kind)
    path.write_bytes(content)
    assert np.isfinite(read_interferogram(files).phase).any()


@pytest.mark.parametrize("kind", TEXT_HEADERS)
def test_a_text_header_cut_at_any_byte_ends_in_a_sentence_or_is_enough(whole, kind: str) -> None:
    files, path, content = whole(kind)
    path.write_bytes(content)
    reader = importlib.import_module(f"basinwatch.readers.{sniff(files.phase)}")
    for place in range(len(content)):
        path.write_bytes(content[:place])
        attempt(lambda: reader.read(files))


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_container_cut_at_any_byte_of_its_header_ends_in_a_sentence(whole, kind: str) -> None:
    files, path, content = whole(kind)
    for place in header_places(len(content)):
        path.write_bytes(content[:place])
        refused = attempt(lambda: read_interferogram(files))
        # the directories of TIFF and zip lie at the end and may lack what is not needed
        assert refused or place > len(content) - 400


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_bytes_changed_left_out_or_put_in_never_end_in_a_traceback(whole, kind: str, data: st.DataObject) -> None:
    files, path, content = whole(kind)
    place = data.draw(st.integers(0, min(len(content), 4000) - 1))
    dropped = data.draw(st.integers(0, 8))
    noise = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(8)])))
    path.write_bytes(content[:place] + noise + content[place + dropped :])
    read_all(files)


@pytest.mark.parametrize("kind", TEXT_HEADERS)
@settings(max_examples=15, deadline=None)
@given(which=st.integers(0, 10_000), number=st.sampled_from(EXTREMES))
@example(which=4, number="-1e308")
def test_a_number_in_a_header_may_be_anything(whole, kind: str, which: int, number: str) -> None:
    files, path, content = whole(kind)
    numbers = list(re.finditer(rb"(?<![\w.])-?\d+(\.\d+)?(e[-+]\d+)?", content))
    chosen = numbers[which % len(numbers)]
    path.write_bytes(content[: chosen.start()] + number.encode() + content[chosen.end() :])
    read_all(files)


def test_numbers_that_are_nearly_no_numbers_are_no_data(tmp_path) -> None:
    z = complex_truth()
    z[:, 60:] = np.array([0x7FA00001, 0x7FA00001], np.uint32).view(np.complex64)  # signalling NaN
    path = write_tiff(tmp_path / "20200101_20200113.int.tif", z)
    assert np.isnan(read_interferogram(PairFiles(EARLIER, LATER, path)).phase[:, 60:]).all()
    huge = np.where(np.isnan(wrapped_truth()), 1e300, wrapped_truth()).astype(np.float64)
    path = write_tiff(tmp_path / "a.tif", huge)
    assert np.isnan(read_interferogram(PairFiles(EARLIER, LATER, path)).phase[:, 0]).all()


@pytest.mark.parametrize(
    "name",
    [
        "a.dim", "a.grd", "a.nc", "a.zip", "a.int", "20200101_20200113.int.vrt", "a.ras", "a.bmp", "a.png", "a.jpg",
        "a.tif", "20200101_20200113.diff", "a.unw", "20200101_20200113.geo.diff_pha.tif",
    ],
)  # fmt: skip
@settings(max_examples=8, deadline=None)
@given(
    start=st.sampled_from(
        [
            b"", b"PK\x03\x04", b"CDF\x01", b"CDF\x05", b"\x89HDF\r\n\x1a\n", b"MM\0*", b"II*\0\x08\0\0\0", b"II+\0",
            b"<Dimap_Document", b"\x59\xa6\x6a\x95", b"BM", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0",
        ]
    ),
    rest=st.binary(max_size=200),
)  # fmt: skip
@example(start=b"", rest=b"")
def test_random_bytes_under_any_name_never_end_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, name: str, start: bytes, rest: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(start + rest)
    files = PairFiles(EARLIER, LATER, path)
    read_all(files)
    assert attempt(lambda: read_interferogram(files)) == 1
    path.unlink()


def large_gamma(folder: Path) -> PairFiles:
    files = write_gamma(folder)
    header = folder / "20200101_20200113.off"
    text = header.read_text().replace(f" {WIDTH}\n", " 1000000\n").replace(f" {LINES}\n", " 1000000\n")
    header.write_text(text)
    return files


def large_text(write: Callable[[Path], PairFiles], name: str) -> Callable[[Path], PairFiles]:
    def written(folder: Path) -> PairFiles:
        files = write(folder)
        header = files.phase.parent / name
        text = header.read_text()
        assert f">{WIDTH}<" in text
        header.write_text(text.replace(f">{WIDTH}<", ">1000000<").replace(f">{LINES}<", ">1000000<"))
        return files

    return written


def large_bytes(kind: str, sizes: dict[int, bytes]) -> Callable[[Path], PairFiles]:
    """A container whose header has other bytes at some places."""

    def written(folder: Path) -> PairFiles:
        files, path = CONTAINERS[kind](folder)
        content = bytearray(path.read_bytes())
        for place, size in sizes.items():
            content[place : place + len(size)] = size
        path.write_bytes(content)
        return files

    return written


def large_geotiff(dtype: str) -> Callable[[Path], PairFiles]:
    """A sparse TIFF of a trillion pixels in some kilobytes."""

    def written(folder: Path) -> PairFiles:
        folder.mkdir()
        path = folder / ("20200101_20200113.int.tif" if dtype == "complex64" else "20200101_20200113.tif")
        options = {"tiled": True, "blockxsize": 16384, "blockysize": 16384, "SPARSE_OK": True, "BIGTIFF": "YES"}
        count = 3 if dtype == "uint8" else 1
        size = {"width": 1_000_000, "height": 1_000_000, "count": count, "dtype": dtype}
        place = {"crs": "EPSG:4326", "transform": GEOTRANSFORM}
        with quiet_radar_geometry(), rasterio.open(path, "w", driver="GTiff", **size, **place, **options):
            pass
        return PairFiles(EARLIER, LATER, path)

    return written


def large_netcdf(folder: Path) -> PairFiles:
    """A grid whose dimensions are a million each."""
    files = write_gmtsar(folder)
    content = files.phase.read_bytes()
    for size in (WIDTH, LINES):
        content = content.replace(size.to_bytes(4, "big"), (1_000_000).to_bytes(4, "big"), 1)
    files.phase.write_bytes(content)
    return files


MILLION = (1_000_000).to_bytes(4, "big")
LARGE: dict[str, Callable[[Path], PairFiles]] = {
    "gamma": large_gamma,
    "isce": large_text(write_isce, "filt_fine.int.xml"),
    "snap": large_text(write_dimap, "20200101_20200113_ifg.dim"),
    "geotiff float": large_geotiff("float32"),
    "geotiff complex": large_geotiff("complex64"),
    "geotiff colours": large_geotiff("uint8"),
    "netcdf": large_netcdf,
    "sun plain": large_bytes("sun plain", {4: MILLION + MILLION}),
    "sun run lengths": large_bytes("sun run lengths", {4: MILLION + MILLION}),
    "bmp": large_bytes("bmp", {18: MILLION[::-1] + MILLION[::-1]}),
    "png": large_bytes("png", {16: MILLION + MILLION}),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_trillion_pixels_are_refused_before_memory_is_asked_for(tmp_path, kind: str) -> None:
    files = LARGE[kind](tmp_path / "track")
    tracemalloc.start()
    refused = attempt(lambda: read_interferogram(files), lambda: read_unwrapped(files.phase, files))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused == 2
    assert peak < _MAX_BYTES


def test_a_gacos_header_cut_at_any_byte_ends_in_a_sentence_or_is_enough(tmp_path) -> None:
    path = write_gacos(tmp_path)
    header = path.with_name(f"{path.name}.rsc")
    content = header.read_bytes()
    for place in range(len(content)):
        header.write_bytes(content[:place])
        attempt(lambda: gacos.read_zenith_delay(path))


@settings(max_examples=100, deadline=None)
@given(which=st.integers(0, 10_000), number=st.sampled_from(EXTREMES), noise=st.binary(max_size=6))
def test_a_damaged_gacos_header_never_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, which: int, number: str, noise: bytes
) -> None:
    path = write_gacos(tmp_path_factory.getbasetemp())
    header = path.with_name(f"{path.name}.rsc")
    content = header.read_bytes()
    numbers = list(re.finditer(rb"-?\d+(\.\d+)?", content))
    chosen = numbers[which % len(numbers)]
    damaged = content[: chosen.start()] + number.encode() + content[chosen.end() :]
    place = which % len(damaged)
    header.write_bytes(damaged[:place] + noise + damaged[place:])
    attempt(lambda: gacos.scan(path.parent), lambda: gacos.read_zenith_delay(path))

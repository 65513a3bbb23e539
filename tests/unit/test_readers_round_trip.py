"""Whatever the numbers and the size: what a producer's writer is given, its reader gives back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from basinwatch.readers import PairFiles, read_interferogram
from hypothesis import given, settings
from hypothesis import strategies as st
from products_scene import isce_header, write_grd
from readers_scene import EARLIER, LATER, off_text, write_tiff


def write_binary(folder: Path, z: np.ndarray, order: str) -> Path:
    path = folder / "20200101_20200113.diff"
    z.astype(f"{order}c8").tofile(path)
    (folder / "20200101_20200113.off").write_text(off_text(z.shape[1], z.shape[0]))
    return path


def write_isce_binary(folder: Path, z: np.ndarray) -> Path:
    path = folder / "filt_fine.int"
    z.astype("<c8").tofile(path)
    (folder / "filt_fine.int.xml").write_text(isce_header("CFLOAT", 1, False, z.shape[1], z.shape[0]))
    return path


def write_roi_pac(folder: Path, z: np.ndarray) -> Path:
    path = folder / "20200101-20200113.int"
    z.astype("<c8").tofile(path)
    (folder / "20200101-20200113.int.rsc").write_text(f"WIDTH {z.shape[1]}\nFILE_LENGTH {z.shape[0]}\n")
    return path


def angles(z: np.ndarray) -> np.ndarray:
    """Angle of complex numbers, NaN where 0."""
    return np.where(z != 0, np.angle(z), np.nan).astype(np.float32)


WRITERS: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "gamma": lambda folder, z: write_binary(folder, z, ">"),
    "gamma little-endian": lambda folder, z: write_binary(folder, z, "<"),
    "isce": write_isce_binary,
    "roi_pac": write_roi_pac,
    "dolphin": lambda folder, z: write_tiff(folder / "20200101_20200113.int.tif", z),
    "geotiff complex": lambda folder, z: write_tiff(folder / "a.tif", z),
    "geotiff": lambda folder, z: write_tiff(folder / "a.tif", angles(z), nodata=np.nan),
    "gmtsar radar": lambda folder, z: write_grd(folder / "phase.grd", angles(z), is_map=False),
    "gmtsar map": lambda folder, z: write_grd(folder / "phase_ll.grd", angles(z), is_map=True),
}


@st.composite
def interferograms(draw: st.DrawFn) -> np.ndarray:
    """Complex numbers of any size, amplitude and angle, with pixels without data and others near ±π."""
    shape = draw(st.integers(2, 40)), draw(st.integers(2, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    phase = rng.uniform(-np.pi, np.pi, shape)
    phase[rng.random(shape) < draw(st.sampled_from([0, 0.3]))] = draw(st.sampled_from([3.1415, -3.1415, 1e-3]))
    amplitude = 10 ** rng.uniform(*draw(st.sampled_from([(0, 0), (-6, 6)])), shape)
    z = (amplitude * np.exp(1j * phase)).astype(np.complex64)
    z[rng.random(shape) < draw(st.sampled_from([0, 0.5]))] = 0
    z[0, 0] = 1 - 1j  # no pair is without any data
    return z


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=20, deadline=None)
@given(z=interferograms())
def test_a_reader_gives_back_what_its_writer_was_given(tmp_path_factory, form: str, z: np.ndarray) -> None:
    path = WRITERS[form](tmp_path_factory.mktemp("form"), z)
    options = {"kind": "wrapped"}  # of numbers as few as these the range says little
    found = read_interferogram(PairFiles(EARLIER, LATER, path, options=options)).phase
    np.testing.assert_array_equal(np.isfinite(found), z != 0)
    error = np.exp(1j * found[z != 0]) - z[z != 0] / np.abs(z[z != 0])
    assert np.abs(error).max() < 1e-6

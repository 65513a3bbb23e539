"""LiCSAR frames: products by their names, radar facts from metadata or look vectors, and what may be wrong."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.readers import PairFiles, read_interferogram, sniff
from readers_scene import EARLIER, LATER, circular_error, truth, wrapped_truth, write_tiff

PAIR = "20200101_20200113"


def write_frame(folder: Path, metadata: str | None = None, kind: str = "diff_pha") -> PairFiles:
    """A frame of one pair, its coherence in bytes."""
    pair = folder / "GEOC" / PAIR
    phase = write_tiff(pair / f"{PAIR}.geo.{kind}.tif", np.nan_to_num(wrapped_truth()))
    coherence = write_tiff(pair / f"{PAIR}.geo.cc.tif", np.rint(255 * truth()[1]).astype(np.uint8))
    (folder / "metadata").mkdir()
    if metadata is not None:
        (folder / "metadata" / "metadata.txt").write_text(metadata)
    return PairFiles(EARLIER, LATER, phase, coherence)


def write_looks(folder: Path, heading_deg: float, incidence_deg: float, length: float = 1.0) -> None:
    """Unit vectors from the ground to a satellite that looks to the right."""
    towards, incidence = math.radians(heading_deg - 90), math.radians(incidence_deg)
    parts = {
        "E": math.sin(incidence) * math.sin(towards), "N": math.sin(incidence) * math.cos(towards),
        "U": math.cos(incidence),
    }  # fmt: skip
    for name, value in parts.items():
        numbers = np.full(wrapped_truth().shape, length * value, np.float32)
        write_tiff(folder / "metadata" / f"022D_04826_121209.geo.{name}.tif", numbers)


@pytest.mark.parametrize("kind", ["diff_pha", "diff_unfiltered_pha"])
def test_filtered_and_unfiltered_phase_are_read_with_sentinels_wavelength(tmp_path, kind: str) -> None:
    files = write_frame(tmp_path, kind=kind)
    assert sniff(files.phase) == "licsar"
    found = read_interferogram(files)
    assert circular_error(found.phase, wrapped_truth()) < 1e-6
    assert found.metadata["wavelength_m"] == 0.05546576
    assert (found.metadata["heading_deg"], found.metadata["incidence_deg"]) == (None, None)


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_coherence_of_older_products_is_float_in_either_range(tmp_path, scale: float) -> None:
    files = write_frame(tmp_path)
    stored = np.rint(255 * truth()[1]) / 255 * scale
    older = write_tiff(files.phase.with_name(f"{PAIR}.geo.mag_cc.tif"), np.rint(stored * 1e6).astype("f4") / 1e6)
    found = read_interferogram(PairFiles(EARLIER, LATER, files.phase, older))
    np.testing.assert_allclose(np.nan_to_num(found.coherence), truth()[1], atol=0.003)


@pytest.mark.parametrize(("heading_deg", "incidence_deg"), [(-12.3, 39.7), (-167.2, 33.1)])
def test_look_vectors_tell_heading_and_incidence_where_the_metadata_does_not(
    tmp_path, heading_deg: float, incidence_deg: float
) -> None:
    files = write_frame(tmp_path, "master=20190101\navg_height=61.8\n")
    write_looks(tmp_path, heading_deg, incidence_deg)
    metadata = read_interferogram(files).metadata
    assert metadata["heading_deg"] == pytest.approx(heading_deg, abs=1e-3)
    assert metadata["incidence_deg"] == pytest.approx(incidence_deg, abs=1e-3)
    assert metadata["pass"] == ("ascending" if abs(heading_deg) < 90 else "descending")


def test_the_metadata_comes_before_the_look_vectors(tmp_path) -> None:
    files = write_frame(tmp_path, "heading=-12.019061\navg_incidence_angle=41.6437\n")
    write_looks(tmp_path, -167, 30)
    metadata = read_interferogram(files).metadata
    assert (metadata["heading_deg"], metadata["incidence_deg"]) == (-12.019061, 41.6437)


@pytest.mark.parametrize(
    "text", ["heading=\n", "heading=north\navg_incidence_angle=nan\n", "heading", "=\n", "heading=1e999"]
)
def test_metadata_that_tell_no_number_are_unknown(tmp_path, text: str) -> None:
    metadata = read_interferogram(write_frame(tmp_path, text)).metadata
    assert (metadata["heading_deg"], metadata["incidence_deg"], metadata["pass"]) == (None, None, None)


def test_vectors_that_are_no_unit_vectors_tell_nothing(tmp_path) -> None:
    files = write_frame(tmp_path)
    write_looks(tmp_path, -12, 40, length=0.5)
    assert read_interferogram(files).metadata["heading_deg"] is None


def test_pairs_of_another_size_keep_their_own_grid(tmp_path) -> None:
    files = write_frame(tmp_path)
    smaller = files.phase.parents[1] / "20200113_20200125" / "20200113_20200125.geo.diff_pha.tif"
    write_tiff(smaller, np.nan_to_num(wrapped_truth())[:-1])
    found = read_interferogram(PairFiles(LATER, EARLIER, smaller))
    assert read_interferogram(files).grid.aligned_with(found.grid)
    assert found.grid.height == wrapped_truth().shape[0] - 1


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><html>404</html>"])
def test_failed_downloads_of_a_frame_are_named_as_such(tmp_path, content: bytes) -> None:
    files = write_frame(tmp_path)
    for path in (files.phase, files.coherence):
        whole = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"{path.name}: .*the download failed, fetch it again \(E01\)"):
            read_interferogram(files)
        path.write_bytes(whole)

"""Headers and containers that end early or hold anything: one sentence, never a traceback."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from basinwatch.errors import InputError
from basinwatch.readers import PairFiles, read_grid, read_interferogram, sniff
from hypothesis import given, settings
from hypothesis import strategies as st
from products_scene import write_dimap, write_gmtsar, write_hyp3, write_isce, write_opera, write_snap_tiff, zip_folder
from readers_scene import EARLIER, LATER, truth

Write = Callable[[Path], tuple[PairFiles, Path]]


def beside(files: PairFiles, name: str) -> tuple[PairFiles, Path]:
    return files, files.phase.parent / name


def zipped(folder: Path) -> tuple[PairFiles, Path]:
    path = zip_folder(write_hyp3(folder).phase.parent)
    return PairFiles(EARLIER, LATER, path), path


def opera(folder: Path) -> tuple[PairFiles, Path]:
    path = write_opera(folder / "a.nc", truth()[0])
    return PairFiles(EARLIER, LATER, path, options={"kind": "unwrapped"}), path


def snap_tiff(folder: Path) -> tuple[PairFiles, Path]:
    files = write_snap_tiff(folder / "20200101_20200113.tif")
    return files, files.phase


WRITERS: dict[str, Write] = {
    "isce xml": lambda folder: beside(write_isce(folder), "filt_fine.int.xml"),
    "isce burst xml": lambda folder: beside(write_isce(folder), "../../../reference/IW1.xml"),
    "snap dim": lambda folder: beside(write_dimap(folder), "20200101_20200113_ifg.dim"),
    "snap tiff": snap_tiff,
    "hyp3 txt": lambda folder: (lambda f: beside(f, f"{f.phase.parent.name}.txt"))(write_hyp3(folder)),
    "hyp3 zip": zipped,
    "gmtsar prm": lambda folder: beside(write_gmtsar(folder), "S1_20200101_ALL_F1.PRM"),
    "gmtsar grd": lambda folder: beside(write_gmtsar(folder), "phasefilt.grd"),
    "opera nc": opera,
}


def read_all(files: PairFiles) -> None:
    """Read as the workflow does; only the one-sentence error may come out."""
    for step in (lambda: sniff(files.phase), lambda: read_grid(files), lambda: read_interferogram(files)):
        try:
            step()
        except InputError as error:
            assert "\n" not in str(error).strip()  # noqa: PT017


@pytest.mark.parametrize("kind", WRITERS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_file_cut_or_changed_anywhere_never_ends_in_a_traceback(kind: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files, path = WRITERS[kind](Path(folder))
        content = path.read_bytes()
        place = data.draw(st.integers(0, min(len(content), 6000) - 1))
        if data.draw(st.booleans()):
            path.write_bytes(content[:place])
        else:
            noise = data.draw(st.binary(min_size=1, max_size=40))
            path.write_bytes(content[:place] + noise + content[place + len(noise) :])
        read_all(files)


@pytest.mark.parametrize("name", ["a.dim", "a.grd", "a.nc", "a.zip", "a.int", "20200101_20200113.int.vrt"])
@settings(max_examples=10, deadline=None)
@given(
    start=st.sampled_from([b"", b"PK\x03\x04", b"CDF\x01", b"\x89HDF\r\n\x1a\n", b"MM\0*", b"<Dimap_Document"]),
    rest=st.binary(max_size=200),
)
def test_random_bytes_under_a_producers_name_never_end_in_a_traceback(name: str, start: bytes, rest: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(start + rest)
        read_all(PairFiles(EARLIER, LATER, path))


def test_xml_that_expands_itself_is_refused(tmp_path) -> None:
    files = write_dimap(tmp_path)
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Dimap_Document>&b;</Dimap_Document>'
    files.phase.write_text(bomb)
    with pytest.raises(InputError, match="found entities"):
        read_interferogram(files)


@pytest.mark.parametrize(("place", "found"), [(12, "things in"), (8, "tag"), (16, "things in")])
def test_netcdf_counts_that_crash_the_c_library_are_refused_before_it(tmp_path, place: int, found: str) -> None:
    files = write_gmtsar(tmp_path)
    content = files.phase.read_bytes()
    files.phase.write_bytes(content[:place] + b"\x6b\x5e\x24\x8a" + content[place + 4 :])
    with pytest.raises(InputError, match=f"damaged netCDF header .*({found})"):
        sniff(files.phase)

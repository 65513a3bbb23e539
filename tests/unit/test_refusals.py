"""What stands in for a pair that cannot be used, and what is told of it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import read_metadata
from basinwatch.provenance import write_json
from basinwatch.rasters import read_raster, write_raster
from basinwatch.readers import PairFiles
from basinwatch.refusals import are_given_out, describe_pairs, require_usable
from ingest_interferogram import ingest_interferogram
from unwrap_interferogram import unwrap_pair

SIZE = 120
DATES = date(2024, 1, 29), date(2024, 2, 10)
GRID = Grid(SIZE, SIZE, None, None, (9.0, 14.0))
SPACING = "interferogram_range_pixel_spacing: 9\ninterferogram_azimuth_pixel_spacing: 14\n"
HEADER = f"interferogram_width: {SIZE}\ninterferogram_azimuth_lines: {SIZE}\n{SPACING}"
META = {"pair": "20240129_20240210", "coherence_present": False}


@pytest.fixture
def pair(tmp_path: Path) -> PairFiles:
    """A ramp as GAMMA file, and the stack's grid."""
    columns = np.broadcast_to(np.arange(SIZE) / 9, (SIZE, SIZE))
    phase, header = tmp_path / "20240129_20240210.diff", tmp_path / "20240129_20240210.off"
    np.exp(1j * columns).astype(">c8").tofile(phase)
    header.write_text(HEADER)
    write_json(tmp_path / "grid.json", GRID.to_dict())
    return PairFiles(*DATES, phase, header=header)


def ingest(pair: PairFiles) -> Path:
    """Ingest a pair and return the folder of its products."""
    folder = pair.phase.parent
    ingest_interferogram(pair, "gamma", *(folder / n for n in ("grid.json", "phase.tif", "coherence.tif", "meta.json")))
    return folder


def of(content: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Replace what a file holds."""
    return lambda path: path.write_bytes(content(path.read_bytes())) and None


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (of(lambda held: held[: SIZE * 8 * 50]), "allow_truncated"),
        (of(lambda held: held[:-7]), "damaged"),
        (of(lambda held: np.random.default_rng(0).bytes(len(held))), "big"),
        (of(lambda held: bytes(len(held))), "0"),
        (of(lambda held: b""), "empty"),
        (of(lambda held: b"<!DOCTYPE html><html>Sign in</html>"), "download"),
    ],
)
def test_a_file_that_holds_no_interferogram_makes_one_without_data_and_a_sentence(
    pair: PairFiles, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None], words: str
) -> None:
    damage(pair.phase)
    folder = ingest(pair)
    meta = read_metadata(folder / "meta.json")
    assert (meta["pair"], meta["valid_fraction"], meta["coherence_present"]) == ("20240129_20240210", 0, False)
    assert Grid.from_dict(meta) == GRID
    assert np.isnan(read_raster(folder / "phase.tif")).all()
    assert not read_raster(folder / "coherence.tif").any()
    (record,) = caplog.records
    assert (record.name, record.message) == ("error", meta["refused"])
    assert str(pair.phase) in meta["refused"]
    assert words in meta["refused"]


def test_a_file_that_the_system_does_not_give_out_is_no_verdict_on_the_pair(pair: PairFiles) -> None:
    pair.phase.unlink()
    with pytest.raises(InputError, match="no such file"):
        ingest(pair)
    assert not (pair.phase.parent / "meta.json").exists()
    pair.phase.symlink_to("/proc/self/mem")
    with pytest.raises(InputError, match="cannot be read"):
        ingest(pair)
    assert not are_given_out([pair.header, pair.phase])
    assert are_given_out([pair.header, None, pair.phase.parent])


def test_a_fault_of_the_program_is_no_verdict_on_the_pair(pair: PairFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest_interferogram.onto", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ingest(pair)


def test_a_refused_pair_has_no_unwrapped_phase_though_some_was_given(pair: PairFiles) -> None:
    meta = pair.phase.with_name("meta.json")
    meta.write_text('{"refused": "raw/a.diff: the file is empty."}')
    (phase, components), reason = unwrap_pair({"meta": meta, "unwrapped": "raw/a.unw"}, {}, GRID)
    assert (np.isnan(phase).all(), components.any(), reason) == (True, False, None)


def test_a_stack_is_described_by_its_refused_pairs_and_the_first_of_the_others(tmp_path: Path) -> None:
    names = ["20240101_20240113", "20240113_20240125", "20240125_20240206"]
    metadata = [{"pair": name, "wavelength_m": 0.05} for name in names]
    metadata[0]["refused"] = "raw/a.diff: the file is empty."
    for name, tags in zip(names, ({}, {"REFUSED": "raw/b.unw: damaged."}, {}), strict=True):
        write_raster(tmp_path / f"{name}.tif", np.zeros((4, 5), np.float32), Grid(5, 4, None, None, (1.0, 1.0)),
                     bands=["unwrapped_phase"], tags=tags)  # fmt: skip
    found = describe_pairs("mine", metadata, {name: tmp_path / f"{name}.tif" for name in names})
    assert found == {
        "pairs": 3,
        "refused": {names[0]: "raw/a.diff: the file is empty."},
        "refused_unwrapped": {names[1]: "raw/b.unw: damaged."},
        "metadata": {"pair": names[1], "wavelength_m": 0.05},
    }


def test_a_stack_of_refused_pairs_is_one_sentence() -> None:
    metadata = [{"pair": name, "refused": "raw/a.diff: the file is empty."} for name in ("a", "b")]
    with pytest.raises(
        InputError, match=r"stacks\.mine: found none of 2 pairs that can be used.*as a has it: raw/a\.diff"
    ):
        describe_pairs("mine", metadata, {})


def test_work_that_was_asked_of_one_pair_stops_with_why_it_was_refused() -> None:
    require_usable(META)
    with pytest.raises(InputError, match="the file is empty"):
        require_usable(META | {"refused": "raw/a.diff: the file is empty."})

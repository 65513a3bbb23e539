"""What `inspect` finds, says and proposes; what it proposes must be what the workflow takes."""

from __future__ import annotations

import io
import shutil
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import yaml
from affine import Affine
from basinwatch import configuration, stacks
from basinwatch.commands import main
from basinwatch.commands.terminal import printable
from basinwatch.companions import companions
from basinwatch.inspection.files import survey
from basinwatch.inspection.names import dated, role_of
from basinwatch.inspection.proposal import entry, proposals
from basinwatch.phase_color import from_rgb
from PIL import Image
from products_scene import (
    BURST,
    BURSTS,
    HYP3,
    WRITERS,
    write_dimap,
    write_gmtsar,
    write_hyp3,
    zip_folder,
)
from readers_scene import circular_error, truth, wrapped_truth, write_gamma, write_tiff

SCHEMA = yaml.safe_load((Path(__file__).parents[2] / "workflow" / "schemas" / "config.schema.yaml").read_text())
PRODUCERS = {"gamma": write_gamma} | WRITERS


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("x/20180106-20180130_VV_8rlks_eqa_unw", "x/{pair}_VV_8rlks_eqa_unw"),
        (f"{HYP3}_corr.tif", "S1*_{date1}T*_{date2}T*_VV*_INT80_G_ueF_*_corr.tif"),
        (f"{BURST}.zip", "S1_213524_IW1_{pair}_VV_INT80_*.zip"),
        ("ifg_18Aug2018_30Aug2018.dim", "ifg_{pair}.dim"),
        ("intf/2015020_2015044/phasefilt.grd", "intf/{pair}/phasefilt.grd"),
        ("130118-130129_4rlks.off", "{pair}_4rlks.off"),
        ("S1-A-R-064-tops-20200113_20200101-010203-x-PP-v2.nc", "S1-A-R-064-tops-{pair}-*.nc"),
        (
            "OPERA_L3_DISP-S1_IW_F11116_VV_20160705T140755Z_20160729T140756Z_v0.9_20240101T000000Z.nc",
            "OPERA_L3_DISP-S1_IW_F11116_VV_{date1}T*Z_{date2}T*Z_v*.nc",
        ),
    ],
)
def test_dates_in_names_become_placeholders(name: str, pattern: str) -> None:
    found = dated(PurePosixPath(name))
    assert found is not None
    assert found.pattern == pattern


@pytest.mark.parametrize(
    "name", ["136231_136232.tif", "20200101.ztd", "20209901_20200113.tif", "20200101_20200101.tif"]
)
def test_numbers_that_are_no_two_dates_are_none(name: str) -> None:
    assert dated(PurePosixPath(name)) is None


def test_a_gmtsar_day_of_the_year_counts_from_zero() -> None:
    found = dated(PurePosixPath("2015020_2015044/corr.grd"))
    assert found is not None
    assert found.pair == "20150121_20150214"


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("a.geo.cc.tif", "coherence"),
        ("20060828-20061211_utm.unw.cc", "coherence"),
        ("x_unw_phase.tif", "unwrapped"),
        ("filt_fine.unw.conncomp", "other"),
        ("20060619_utm_dem.par", "header"),
        ("20240106.sltd.geo.tif", "delay"),
        ("phasefilt.grd", "phase"),
    ],
)
def test_names_tell_the_kind_of_file(name: str, role: str) -> None:
    assert role_of(name) == role


def resolved(folder: Path) -> tuple[stacks.Stack, dict]:
    """The stack a user gets who copies the proposal into a configuration."""
    proposal = proposals(survey(folder))[0]
    proposed = entry(proposal, has_coherence=True)
    config = configuration.validate(proposed, SCHEMA)
    return stacks.resolve(proposal.name, config["stacks"][proposal.name], "results/simulated"), proposed


@pytest.mark.parametrize("producer", PRODUCERS)
def test_a_proposed_stack_is_one_the_workflow_takes(tmp_path, producer: str) -> None:
    files = PRODUCERS[producer](tmp_path)
    stack, proposed = resolved(tmp_path)
    assert list(stack.pairs) == ["20200101_20200113"]
    assert stack.file("phase", "20200101_20200113") == str(files.phase)
    settings = next(iter(proposed["stacks"].values()))
    has_own = producer != "snap"
    assert ("coherence" in settings) is has_own
    if has_own:
        assert stack.file("coherence", "20200101_20200113") == str(files.coherence)


def test_hyp3_archives_in_a_folder_are_one_stack(tmp_path) -> None:
    first = write_hyp3(tmp_path).phase.parent
    path = zip_folder(first)
    shutil.rmtree(first)
    other = HYP3.replace("20200101", "20200113", 1).replace("0113T050001", "0125T050001").replace("0A1B", "FFFF")
    shutil.copy(path, tmp_path / f"{other}.zip")
    stack, proposed = resolved(tmp_path)
    assert list(stack.pairs) == ["20200101_20200113", "20200113_20200125"]
    assert set(next(iter(proposed["stacks"].values()))) == {"phase"}


def test_the_command_prints_facts_draws_and_proposes(tmp_path, capsys) -> None:
    write_gmtsar(tmp_path / "track 7")
    picture = tmp_path / "look.png"
    assert main(["inspect", str(tmp_path / "track 7"), "--quicklook", str(picture)]) == 0
    said = capsys.readouterr().out
    mean = truth()[1][truth()[1] > 0].mean()
    facts = ("gmtsar", "2020-01-01 to 2020-01-13, 12 days", "97 x 61 px", "radar", "55.47 mm", f"mean {mean:.2f}")
    for text in facts:
        assert text in said
    assert "5.2% of the pixels" in said  # the strip of 5 columns of 97
    assert "\033" not in said
    proposed = yaml.safe_load(said.partition("For config.yaml\n")[2])
    assert list(proposed["stacks"]) == ["track-7"]
    phase, _ = from_rgb(np.asarray(Image.open(picture)))
    assert circular_error(phase, wrapped_truth()) < 0.02


def test_nothing_is_drawn_unless_a_file_for_it_is_named(tmp_path, monkeypatch, capsys) -> None:
    write_gamma(tmp_path / "data")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = sorted((tmp_path / "data").iterdir())
    assert main(["inspect", str(tmp_path / "data")]) == 0
    assert "Quicklook" not in capsys.readouterr().out
    assert list((tmp_path / "here").iterdir()) == []
    assert sorted((tmp_path / "data").iterdir()) == before


def proposed_by(said: str) -> dict:
    (settings,) = yaml.safe_load(said.partition("For config.yaml\n")[2])["stacks"].values()
    return settings


def test_unwrapped_phase_is_proposed_as_such_whatever_its_name(tmp_path, capsys) -> None:
    path = write_tiff(tmp_path / "20200101_20200113_ifg.tif", np.nan_to_num(truth()[0]))
    assert main(["inspect", str(tmp_path)]) == 0
    settings = proposed_by(capsys.readouterr().out)
    assert settings["kind"] == "unwrapped"
    assert settings["unwrapped"] == settings["phase"]
    write_tiff(path, np.nan_to_num(np.degrees(wrapped_truth())), nodata=0)
    assert main(["inspect", str(tmp_path)]) == 1
    assert "degrees" in capsys.readouterr().err


def test_what_describes_the_scene_is_proposed_where_it_fits(tmp_path, capsys) -> None:
    write_tiff(tmp_path / "20200101_20200113.tif", np.nan_to_num(wrapped_truth()))
    write_tiff(tmp_path / "scene_dem.tif", np.full((20, 30), 250, np.float32))
    write_tiff(tmp_path / "inc_map.tif", np.full((20, 30), 0.7, np.float32))
    (tmp_path / "baselines").write_text("20200101 0.0\n20200113 54.2\n")
    assert main(["inspect", str(tmp_path)]) == 0
    settings = proposed_by(capsys.readouterr().out)
    assert {key: Path(settings[key]).name for key in ("heights", "incidence", "baselines")} == {
        "heights": "scene_dem.tif", "incidence": "inc_map.tif", "baselines": "baselines"
    }  # fmt: skip
    far = Affine(0.001, 0, 40, 0, -0.001, 10)
    write_tiff(tmp_path / "scene_dem.tif", np.full((20, 30), 250, np.float32), transform=far)
    (tmp_path / "baselines").write_text("20200101 0.0\n20200125 54.2\n")
    assert main(["inspect", str(tmp_path)]) == 0
    assert {"heights", "baselines"}.isdisjoint(proposed_by(capsys.readouterr().out))


def test_two_files_of_one_pair_are_said(tmp_path, capsys) -> None:
    first = write_hyp3(tmp_path).phase.parent
    other = tmp_path / HYP3.replace("0A1B", "FFFF")
    shutil.copytree(first, other)
    for path in other.iterdir():
        path.rename(path.with_name(path.name.replace("0A1B", "FFFF")))
    assert main(["inspect", str(tmp_path)]) == 0
    assert "hold one pair; narrow the pattern" in capsys.readouterr().out


def test_a_folder_of_delays_alone_is_no_failure(tmp_path, capsys) -> None:
    (tmp_path / "20200101.ztd").write_bytes(bytes(8))
    assert main(["inspect", str(tmp_path)]) == 0
    assert f"delays: {tmp_path}" in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_alone_and_wiped_at_the_end(tmp_path, monkeypatch) -> None:
    write_gamma(tmp_path)
    for stream, expected in ((Terminal(), ["1 files", "\033[K"]), (io.StringIO(), [""])):
        monkeypatch.setattr("sys.stderr", stream)
        main(["inspect", str(tmp_path)])
        written = stream.getvalue().lstrip("\r").split("\r")
        assert [written[0], *written[-1:]][: len(expected)] == expected


def test_headings_are_bold_on_a_terminal_alone(tmp_path, monkeypatch) -> None:
    write_gamma(tmp_path)
    for no_color, expected in (("1", False), (None, True)):
        shown = Terminal()
        monkeypatch.setattr("sys.stdout", shown)
        monkeypatch.delenv("NO_COLOR", raising=False)
        if no_color is not None:
            monkeypatch.setenv("NO_COLOR", no_color)
        main(["inspect", str(tmp_path)])
        assert ("\033[1m" in shown.getvalue()) is expected


def test_coherence_that_does_not_fit_is_left_out_and_said(tmp_path, capsys) -> None:
    phase = np.nan_to_num(wrapped_truth())
    write_tiff(tmp_path / "20200101_20200113.tif", phase)
    write_tiff(tmp_path / "20200101_20200113.cc.tif", np.ones((5, 5), np.float32))
    assert main(["inspect", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "coherence left out" in said
    assert "coherence:" not in said.partition("For config.yaml")[2]


def test_what_cannot_be_used_ends_with_a_sentence_and_status_1(tmp_path, capsys) -> None:
    assert main(["inspect", str(tmp_path / "nowhere")]) == 1
    assert "no such file or folder" in capsys.readouterr().err
    (tmp_path / "20200101_20200113.diff").write_bytes(b"12345678")
    assert main(["inspect", str(tmp_path)]) == 1
    assert "E02" in capsys.readouterr().err


def test_a_file_without_dates_is_shown_but_not_proposed(tmp_path, capsys) -> None:
    path = write_tiff(tmp_path / "phase.tif", np.nan_to_num(wrapped_truth()))
    assert main(["inspect", str(path)]) == 0
    said = capsys.readouterr().out
    assert "none in the name" in said
    assert "config.yaml" not in said


def test_help_shows_examples(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["inspect", "--help"])
    assert end.value.code == 0
    assert "examples:" in capsys.readouterr().out


def test_file_names_cannot_move_the_cursor() -> None:
    assert printable("a\033[2Jb\nß") == "a\\x1b[2Jb\\nß"


@pytest.mark.parametrize(
    ("producer", "expected"),
    [
        ("isce", ["filt_fine.int.xml"]),
        ("gmtsar", ["S1_20200101_ALL_F1.PRM"]),
        ("hyp3", [f"{HYP3}.txt"]),
        ("gamma", ["20200101_20200113.off"]),
        ("dolphin", []),
    ],
)
def test_headers_beside_a_phase_file_are_found_by_name(tmp_path, producer: str, expected: list[str]) -> None:
    found = companions(PRODUCERS[producer](tmp_path).phase)
    assert [path.name for path in found] == expected


@pytest.mark.parametrize(
    ("phase", "beside"),
    [
        ("20200101_20200113.img", "20200101_20200113.hdr"),
        ("20200101_20200113.img", "20200101_20200113.img.hdr"),
        ("20200101_20200113.diff", "20200101_20200113.base"),
        ("20200101_20200113.diff", "20200101_20200113.base_perp"),
        ("20200101_20200113.diff", "20200101_20200113_bperp.par"),
        ("phasefilt.grd", "baseline.txt"),
        ("a_color_phase.png", "a_color_phase.png.aux.xml"),
        ("20200101_20200113.diff.bmp", "20200101_20200113.diff"),
    ],
)
def test_what_a_reader_opens_under_another_name_is_found_too(tmp_path, phase: str, beside: str) -> None:
    for name in (phase, beside, beside.replace("13", "25")):
        (tmp_path / name).touch()
    assert companions(tmp_path / phase) == [tmp_path / beside]


def test_a_snap_product_comes_with_all_of_its_bands(tmp_path) -> None:
    found = companions(write_dimap(tmp_path).phase)
    assert sum(path.suffix == ".img" for path in found) == 4
    assert len(found) == 8


@pytest.mark.parametrize("name", [HYP3, BURST, BURSTS])
def test_parameters_of_every_hyp3_job_are_found(tmp_path, name: str) -> None:
    found = companions(write_hyp3(tmp_path, name, "_clipped").phase)
    assert [path.name for path in found] == [f"{name}.txt"]

"""A broken file stops its own pair, with one sentence; nothing else is lost."""

from pathlib import Path

import numpy as np
import pytest

from tests.workflow.conftest import SIZE, Workspace

BAD = "20240129_20240210"
GOOD = ["20240105_20240117", "20240117_20240129"]


def truncate(raw: Path) -> None:
    path = raw / f"{BAD}.diff"
    path.write_bytes(path.read_bytes()[: SIZE * 8 * 50])


def width_does_not_divide(raw: Path) -> None:
    path = raw / f"{BAD}.diff"
    path.write_bytes(path.read_bytes()[:-7])


def scramble(raw: Path) -> None:
    (raw / f"{BAD}.diff").write_bytes(np.random.default_rng(0).bytes(SIZE * SIZE * 8))


def zero(raw: Path) -> None:
    (raw / f"{BAD}.diff").write_bytes(bytes(SIZE * SIZE * 8))


def empty(raw: Path) -> None:
    (raw / f"{BAD}.diff").write_bytes(b"")


def web_page(raw: Path) -> None:
    (raw / f"{BAD}.diff").write_text("<!DOCTYPE html><html>Sign in</html>")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncate, "allow_truncated"),
        (width_does_not_divide, "damaged"),
        (scramble, "big"),
        (zero, "0"),
        (empty, "empty"),
        (web_page, "download"),
    ],
)
def test_a_broken_interferogram_is_one_sentence_and_stops_its_pair_only(
    empty_workspace: Workspace, tmp_path: Path, damage, words
):
    workspace = empty_workspace.copy(tmp_path / "run")
    damage(workspace.folder / "raw")
    names = [f"results/mine/interferograms/{pair}/meta.json" for pair in [BAD, *GOOD]]
    done = workspace.snakemake(*names)
    assert done.returncode != 0
    log = (workspace.folder / f"logs/mine/ingest_interferogram/{BAD}.log").read_text()
    sentences = [line for line in log.splitlines() if line]
    assert len(sentences) == 1, log
    assert f"raw/{BAD}.diff" in sentences[0]
    assert words in sentences[0]
    assert sentences[0] in done.stdout + done.stderr
    assert "Traceback" not in log
    assert [(workspace.folder / name).exists() for name in names] == [False, True, True]


def test_the_other_byte_order_is_read_with_a_warning(empty_workspace: Workspace, tmp_path: Path):
    workspace = empty_workspace.copy(tmp_path / "run")
    path = workspace.folder / f"raw/{BAD}.diff"
    np.fromfile(path, ">c8").astype("<c8").tofile(path)
    meta = f"results/mine/interferograms/{BAD}/meta.json"
    workspace.run(meta)
    assert "little-endian" in (workspace.folder / meta).read_text()


def test_missing_coherence_is_said_and_the_pair_goes_on(empty_workspace: Workspace, tmp_path: Path):
    workspace = empty_workspace.copy(tmp_path / "run")
    (workspace.folder / f"raw/{BAD}.cc").unlink()
    meta = f"results/mine/interferograms/{BAD}/meta.json"
    workspace.run(meta)
    assert "coherence missing" in (workspace.folder / meta).read_text()


def test_unreadable_weights_are_one_sentence(workspace: Workspace):
    path = workspace.folder / "resources/models/basinnet/weights.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    done = workspace.snakemake("results/mine/detections/basinnet/20240105_20240117/instances.parquet")
    assert done.returncode != 0
    log = (workspace.folder / "logs/mine/predict_probability/basinnet/20240105_20240117.log").read_text()
    assert "weights.safetensors: found SHA-256" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"detektion": {}}, "config: top level: unknown key 'detektion'; did you mean 'detection'?"),
        ({"stacks": {"mine": {"phase": "raw/none/{pair}.diff"}}}, "no file matches 'raw/none/{pair}.diff'"),
        ({"detection": {"model": "other"}}, "'other' is not defined; expected one of basinnet"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(empty_workspace: Workspace, tmp_path: Path, change, sentence):
    workspace = empty_workspace.copy(tmp_path / "run")
    workspace.configure(**change)
    done = workspace.snakemake("--dry-run")
    assert done.returncode != 0
    assert sentence in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_scene_out_of_order_is_one_sentence(empty_workspace: Workspace, tmp_path: Path):
    workspace = empty_workspace.copy(tmp_path / "run")
    (workspace.folder / "scenes.csv").write_text("date\n2024-01-17\n2024-01-05\n")
    done = workspace.snakemake("--dry-run")
    assert "2024-01-05 follows 2024-01-17" in done.stderr + done.stdout


def test_a_pair_on_another_grid_is_resampled_and_one_elsewhere_refused(empty_workspace: Workspace, tmp_path: Path):
    workspace = empty_workspace.copy(tmp_path / "run")
    raw = workspace.folder / "raw"
    header = (raw / "grid.dem_par").read_text()
    for scene in (f"{p}" for p in [*GOOD, BAD]):
        (raw / f"{scene}.dem_par").write_text(header)
    (raw / f"{GOOD[1]}.dem_par").write_text(header.replace("350000.000", "350011.000"))
    (raw / f"{BAD}.dem_par").write_text(header.replace("350000.000", "450000.000"))
    stack = {"format": "gamma", "phase": "raw/{pair}.diff", "header": "raw/{pair}.dem_par"}
    workspace.configure(stacks={"mine": stack})
    done = workspace.snakemake(*[f"results/mine/interferograms/{pair}/meta.json" for pair in [*GOOD, BAD]])
    assert done.returncode != 0
    log = (workspace.folder / f"logs/mine/ingest_interferogram/{BAD}.log").read_text()
    assert "does not overlap its stack's grid" in log
    moved = (workspace.folder / f"results/mine/interferograms/{GOOD[1]}/meta.json").read_text()
    assert "resampled as complex numbers (E14)" in moved


def test_a_killed_run_ends_with_the_bytes_of_an_undisturbed_one(
    empty_workspace: Workspace, finished_workspace: Workspace, tmp_path: Path
):
    import os
    import signal
    import subprocess
    import sys
    import time

    workspace = empty_workspace.copy(tmp_path / "run")
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=workspace.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    waited = 0.0
    while len(list(workspace.folder.glob("results/mine/interferograms/*/meta.json"))) < 3 and waited < 300:
        time.sleep(0.2)
        waited += 0.2
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    workspace.run("--unlock")
    workspace.run()
    compared = 0
    for path in sorted(finished_workspace.folder.glob("results/**/*")):
        if path.is_file() and path.suffix in {".tif", ".json", ".parquet", ".gpkg", ".csv", ".html"}:
            twin = workspace.folder / path.relative_to(finished_workspace.folder)
            # The status tells of a run and not of its products: the last one had fewer jobs.
            if path.name != "status.json":
                assert twin.read_bytes() == path.read_bytes(), path
                compared += 1
    assert compared > 30

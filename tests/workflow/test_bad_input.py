"""A broken file stops its own pair, with one sentence; nothing else is lost."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.workflow.conftest import SIZE, Workspace
from tests.workflow.kills import digests

BAD = "20240129_20240210"
GOOD = ["20240105_20240117", "20240117_20240129"]


def keep_time(path: Path, content: bytes) -> None:
    """Replace a file by one whose time is that of the other, as copies that keep time stamps do."""
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture(scope="module")
def spoilt(empty_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """A complete run over a stack with a truncated interferogram and an empty unwrapped one, and what it said."""
    workspace = empty_workspace.copy(tmp_path_factory.mktemp("spoilt") / "run")
    path = workspace.folder / f"raw/{BAD}.diff"
    keep_time(path, path.read_bytes()[: SIZE * 8 * 50])
    keep_time(workspace.folder / f"raw/{GOOD[0]}.unw", b"")
    done = workspace.snakemake()
    assert done.returncode == 1
    return workspace, done.stdout + done.stderr


def test_one_bad_pair_costs_itself_a_non_zero_exit_and_a_line_in_the_list(
    spoilt: tuple[Workspace, str], finished_workspace: Workspace
):
    workspace, said = spoilt
    with (workspace.folder / "results/failed.csv").open() as stream:
        reasons = [row["reason"] for row in csv.DictReader(stream)]
    assert len(reasons) == 2
    assert reasons[0].startswith(f"Pair {BAD} of stack mine: raw/{BAD}.diff: found 50 of the 120 lines")
    assert reasons[1].startswith(f"Pair {GOOD[0]} of stack mine: raw/{GOOD[0]}.unw: the file is empty")
    assert all(reason in said for reason in reasons)
    log = (workspace.folder / f"logs/mine/ingest_interferogram/{BAD}.log").read_text()
    assert len(log.splitlines()) == 1
    wanted, kept = digests(finished_workspace.folder), digests(workspace.folder)
    assert {name for name in set(wanted) - set(kept) if "/figures/" not in name} == {"every_pair.json"}
    spoilt_pairs = (BAD, f"unwrapped/{GOOD[0]}")
    per_pair = {name for name in wanted if "20240" in name and not any(pair in name for pair in spoilt_pairs)}
    assert len(per_pair) > 20
    assert {name: kept[name] for name in per_pair} == {name: wanted[name] for name in per_pair}


def test_what_adds_up_over_pairs_leaves_a_bad_one_out_and_the_report_says_so(spoilt: tuple[Workspace, str]):
    results = spoilt[0].folder / "results"
    assert json.loads((results / "mine/sbas/network.json").read_text())["pairs"] == 3
    page = (results / "areas/mine/basinnet/report.html").read_text()
    assert f"Pair {BAD} of stack mine is left out. raw/{BAD}.diff: found 50" in page
    assert f"Pair {GOOD[0]} of stack mine is left out of the rate map. raw/{GOOD[0]}.unw: the file is empty" in page
    rows = pd.read_csv(results / "areas/mine/basinnet/timeline.csv")
    assert not rows.loc[rows["pair"] == BAD, "observed"].any()


def test_a_bad_pair_is_not_tried_again_before_its_file_is_another_one(
    spoilt: tuple[Workspace, str], finished_workspace: Workspace, tmp_path: Path
):
    workspace = spoilt[0].copy(tmp_path / "run")
    assert workspace.planned() == {"Require every pair of every stack"}
    for name in (f"{BAD}.diff", f"{GOOD[0]}.unw"):
        keep_time(workspace.folder / "raw" / name, (finished_workspace.folder / "raw" / name).read_bytes())
    again = {message for message in workspace.planned() if message.startswith(("Ingest", "Unwrap"))}
    assert again == {f"{verb} pair {pair} of stack mine" for verb, pair in
                     [("Ingest", BAD), ("Unwrap", BAD), ("Unwrap", GOOD[0])]}  # fmt: skip
    workspace.run()
    assert not (workspace.folder / "results/failed.csv").exists()
    told = pd.read_csv(workspace.folder / "results/areas/mine/basinnet/changes.csv")
    assert set(told.loc[told["change"] == "added", "name"]) == {f"mine {BAD}"}
    wanted, found = digests(finished_workspace.folder), digests(workspace.folder)
    # They tell of what changed since the last run.
    history = {name for name in wanted if name.endswith(("changes.csv", "runs.gpkg", "report.html"))}
    assert {name for name in wanted if found.get(name) != wanted[name]} <= history


def test_an_excluded_bad_pair_is_forgiven(spoilt: tuple[Workspace, str], tmp_path: Path):
    workspace = spoilt[0].copy(tmp_path / "run")
    stack = yaml.safe_load((workspace.folder / "config/config.yaml").read_text())["stacks"]["mine"]
    workspace.configure(stacks={"mine": stack | {"exclude_pairs": [BAD, GOOD[0]]}})
    workspace.run("results/every_pair.json", "--allowed-rules", "describe_stack", "require_every_pair")
    assert json.loads((workspace.folder / "results/every_pair.json").read_text()) == {"mine": 3}


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
    workspace.run(*[f"results/mine/interferograms/{pair}/meta.json" for pair in [*GOOD, BAD]])
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

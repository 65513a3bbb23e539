"""Faults of machine, disk, files and people: nothing half-written is taken for finished, and nothing else is lost."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.workflow.conftest import Workspace
from tests.workflow.kills import digests, killed_runs, start

BAD = "20240129_20240210"
SLOW = "BASINWATCH_SLOW_TESTS"
# Python runs it at its start: less than the job's libraries take, so that no machine can do with it.
UNWRAP_IN_100_MB = """
import resource
import sys

if "unwrap_interferogram" in " ".join(sys.orig_argv):
    resource.setrlimit(resource.RLIMIT_AS, (100_000_000, 100_000_000))
"""
# When the stack's grid is defined, a file of another pair goes away.
HIDE = """
import sys
from pathlib import Path

if "define_grid" in " ".join(sys.orig_argv):
    Path({path!r}).rename(Path({path!r}).with_suffix(".hidden"))
"""


@pytest.fixture
def fresh(empty_workspace: Workspace, tmp_path: Path) -> Workspace:
    return empty_workspace.copy(tmp_path / "run")


def failures(workspace: Workspace) -> dict[str, str]:
    """Jobs that failed and why."""
    with (workspace.folder / "results/failed.csv").open() as stream:
        return {row["job"]: row["reason"] for row in csv.DictReader(stream)}


def status(workspace: Workspace) -> dict:
    return json.loads((workspace.folder / "results/status.json").read_text())


@pytest.fixture
def read_only_inputs(fresh: Workspace) -> Iterator[Path]:
    """Inputs that nobody can write to, one of which cannot be read either."""
    raw = fresh.folder / "raw"
    (raw / f"{BAD}.diff").unlink()
    (raw / f"{BAD}.diff").symlink_to("/proc/self/mem")
    if subprocess.run(["mount", "--bind", raw, raw], capture_output=True).returncode:
        pytest.skip("no folder can be mounted read-only")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", raw], check=True)
        yield raw
    finally:
        subprocess.run(["umount", "-l", raw], check=True)


def test_a_file_that_cannot_be_read_stops_its_pair_and_the_run_says_so(
    fresh: Workspace, read_only_inputs: Path, finished_workspace: Workspace
):
    pairs = sorted(path.name for path in (finished_workspace.folder / "results/mine/interferograms").iterdir())
    done = fresh.snakemake(*(f"results/mine/interferograms/{pair}/meta.json" for pair in pairs))
    assert done.returncode == 1
    found = failures(fresh)
    assert set(found) == {f"Ingest pair {BAD} of stack mine"}
    assert f"raw/{BAD}.diff" in found[f"Ingest pair {BAD} of stack mine"]
    assert f"Failed: Ingest pair {BAD} of stack mine" in done.stdout + done.stderr
    assert (status(fresh)["state"], status(fresh)["jobs"]["failed"]) == ("failed", 1)
    wanted, kept = digests(finished_workspace.folder), digests(fresh.folder)
    others = {name for name in wanted if name.startswith("mine/interferograms") and BAD not in name}
    assert len(others) == 12
    assert {name: kept.get(name) for name in others} == {name: wanted[name] for name in others}
    assert not [name for name in kept if BAD in name]


def test_a_file_that_vanishes_while_a_run_is_at_work_is_waited_for_by_the_next_one(
    fresh: Workspace, finished_workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wanted, path = f"mine/interferograms/{BAD}/meta.json", fresh.folder / f"raw/{BAD}.diff"
    (tmp_path / "sitecustomize.py").write_text(HIDE.format(path=str(path)))
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        assert fresh.snakemake(f"results/{wanted}").returncode == 1
    assert not (fresh.folder / "results" / wanted).exists()
    path.with_suffix(".hidden").rename(path)
    fresh.run(f"results/{wanted}")
    assert digests(fresh.folder)[wanted] == digests(finished_workspace.folder)[wanted]


def test_a_finished_run_says_so(finished_workspace: Workspace):
    found = status(finished_workspace)
    assert found["state"] == "finished"
    assert found["jobs"]["done"] == found["jobs"]["total"]
    assert found["jobs"]["failed"] == 0
    assert found["stages"]["ingest_interferogram"]["done"] == 5
    assert not (finished_workspace.folder / "results/failed.csv").exists()


def test_a_second_run_in_the_folder_is_refused_and_disturbs_nothing(fresh: Workspace):
    wanted = f"results/mine/interferograms/{BAD}/meta.json"
    first = start(fresh.folder, wanted)
    locks = fresh.folder / ".snakemake/locks"
    while first.poll() is None and not any(lock.read_text() for lock in locks.glob("*.output.lock")):
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGSTOP)
    try:
        second = fresh.snakemake(wanted)
    finally:
        os.killpg(first.pid, signal.SIGCONT)
    assert second.returncode == 1
    assert "cannot be locked" in second.stdout + second.stderr
    assert first.wait() == 0
    assert (fresh.folder / wanted).is_file()


@pytest.fixture
def small_disk(fresh: Workspace) -> Iterator[Path]:
    """Results on a disk of 64 kB."""
    folder = fresh.folder / "results"
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_stops_the_run_and_with_room_the_next_one_ends_with_the_same_bytes(
    fresh: Workspace, small_disk: Path, finished_workspace: Workspace
):
    targets = sorted(f"results/mine/unwrapped/{name}.tif" for name in ("20240105_20240117", BAD, "20240117_20240129"))
    assert fresh.snakemake(*targets).returncode != 0
    said = "".join(path.read_text() for path in (fresh.folder / "logs").rglob("*.log"))
    assert "No space" in said or "could not be stored whole" in said
    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    fresh.run(*targets)
    wanted, found = digests(finished_workspace.folder), digests(fresh.folder)
    assert {name: found[name] for name in found} == {name: wanted[name] for name in found}


def test_too_little_memory_is_a_failure_with_a_reason_and_enough_gives_the_same_bytes(
    fresh: Workspace, finished_workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wanted = f"results/mine/unwrapped/{BAD}.tif"
    (tmp_path / "sitecustomize.py").write_text(UNWRAP_IN_100_MB)
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        assert fresh.snakemake(wanted).returncode == 1
    found = failures(fresh)
    assert set(found) == {f"Unwrap pair {BAD} of stack mine"}
    assert "memory or time ran out" in found[f"Unwrap pair {BAD} of stack mine"]
    assert not (fresh.folder / wanted).exists()
    fresh.run(wanted)
    name = wanted.removeprefix("results/")
    assert digests(fresh.folder)[name] == digests(finished_workspace.folder)[name]


def test_a_clock_that_was_wrong_repeats_nothing(workspace: Workspace):
    for path in (workspace.folder / "raw").iterdir():
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 10 * 86400))
    assert workspace.planned() == set()


@pytest.mark.skipif(not os.environ.get(SLOW), reason=f"takes half an hour: set {SLOW}=1")
def test_fifty_kills_at_random_moments_leave_the_bytes_of_an_undisturbed_run(
    fresh: Workspace, finished_workspace: Workspace
):
    begun, ended = (datetime.fromisoformat(status(finished_workspace)[key]) for key in ("begun", "updated"))
    hit = killed_runs(fresh.folder, kills=50, seed=9, longest_s=(ended - begun).total_seconds() / 3)
    assert len(hit) > 8, hit
    fresh.run()
    assert digests(fresh.folder) == digests(finished_workspace.folder)


def test_results_that_lost_a_file_are_completed_and_not_trusted(workspace: Workspace, finished_workspace: Workspace):
    shutil.rmtree(workspace.folder / "results/mine/sbas")
    shutil.rmtree(workspace.folder / "results/mine/activity")
    workspace.run("--forcerun", "estimate_rate", "accumulate_activity")
    assert digests(workspace.folder) == digests(finished_workspace.folder)

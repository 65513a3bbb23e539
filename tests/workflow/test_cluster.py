"""The cluster profiles on a real Slurm of two nodes and through a scheduler without a daemon; `--use-conda`."""

import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.workflow.conftest import CORES, Workspace

PAIR = "20240105_20240117"
FOUND = f"results/mine/detections/basinnet/{PAIR}/probability.tif"
INGESTED = f"results/mine/interferograms/{PAIR}/meta.json"
STANDIN = ROOT / "tests" / "conda_standin" / "bin"
CONDA = {"PATH": f"{STANDIN}:{os.environ['PATH']}", "STANDIN_PYTHON": sys.executable}


def run(workspace: Workspace, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake with more in its environment, five minutes at most."""
    command = ["timeout", "-k", "5", "500", sys.executable, "-m", "snakemake", "--cores", CORES, *arguments]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")} | environment
    return subprocess.run(command, cwd=workspace.folder, env=clean, capture_output=True, text=True, check=False)


@pytest.fixture
def fresh(empty_workspace: Workspace, tmp_path: Path) -> Workspace:
    return empty_workspace.copy(tmp_path / "run")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Slurm of two nodes for the tests of this module."""
    lacking = [name for name in ("sbatch", "slurmctld", "slurmd", "munged") if not shutil.which(name)]
    if lacking or os.geteuid() != 0:
        pytest.skip(f"no Slurm can be started: {', '.join(lacking) or 'root'} is missing (Debian: slurm-wlm, munge)")
    if not find_spec("snakemake_executor_plugin_slurm"):
        pytest.skip("the Python package snakemake-executor-plugin-slurm is not installed")
    # A socket's path may have no more than 107 characters.
    folder = tmp_path_factory.getbasetemp().parent / f"slurm{os.getpid()}"
    environment = os.environ | {"LOCAL_SLURM_DIR": str(folder)}
    script = ROOT / "tests" / "local_slurm.sh"
    try:
        subprocess.run([script, "start"], env=environment, check=True)
        yield
    finally:
        subprocess.run([script, "stop"], env=environment, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def submitted() -> list[dict[str, str]]:
    """Every job Slurm knows, oldest first."""
    shown = subprocess.run(["scontrol", "show", "job", "-o"], capture_output=True, text=True, check=True).stdout
    jobs = [dict(re.findall(r"(\w[\w/]*)=(\S*)", line)) for line in shown.splitlines() if "JobId=" in line]
    return sorted(jobs, key=lambda job: int(job["JobId"]))


def of_rule(rule: str) -> list[dict[str, str]]:
    """Jobs of a rule: the plugin says it in the job's comment."""
    return [job for job in submitted() if f"rule_{rule}" in job["Comment"]]


SLURM = ("--workflow-profile", "profiles/slurm", "--slurm-status-command", "squeue", "--latency-wait", "20",
         "--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "3")  # fmt: skip


def test_the_slurm_profile_sends_jobs_where_they_belong_and_a_killed_job_comes_again_with_more_memory(
    slurm: None, fresh: Workspace
):
    fresh.configure(detection={"gpus": 1, "threads": 1})
    command = [sys.executable, "-m", "snakemake", "--use-conda", *SLURM, FOUND]
    with (fresh.folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            ["timeout", "-k", "5", "500", *command],
            cwd=fresh.folder, env=os.environ | CONDA, stdout=output, stderr=output,
        )  # fmt: skip
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and not (first := [j for j in submitted() if j["JobState"] == "RUNNING"]):
            time.sleep(0.5)
        subprocess.run(["scancel", "--signal=KILL", "--full", first[0]["JobId"]], check=True)
        status = process.wait()
    said = (fresh.folder / "output.txt").read_text()
    assert status == 0, said[-6000:]
    assert (fresh.folder / FOUND).is_file()
    ingested, predicted = of_rule("ingest_interferogram"), of_rule("predict_probability")
    assert [re.search(r"mem=(\d+)M", job["TRES"])[1] for job in ingested] == ["4000", "8000"]
    assert {job["Partition"] for job in ingested} == {"cpu"}
    assert {job["Partition"] for job in predicted} == {"gpu"}
    assert {job["TresPerJob"] for job in predicted} == {"gres:gpu:1"}
    assert not of_rule("define_grid")
    assert not of_rule("grid_tiles")
    assert len(list((fresh.folder / ".snakemake/conda").glob("*.yaml"))) == 2


SUBMIT = """#!/usr/bin/env bash
# A queue that starts every job at once; the first job of a queue is killed as by a failing node.
(bash "$1" > /dev/null 2>&1; echo $? > "$PWD/queue/$BASHPID") & job=$!
echo "$job" >> "$PWD/queue/jobs"
if [ -e "$PWD/queue/kill" ]; then rm "$PWD/queue/kill"; sleep 1; pkill -9 -P "$job"; fi
echo "$job"
"""
STATUS = """#!/usr/bin/env bash
case $(cat "$PWD/queue/$1" 2> /dev/null) in "") echo running ;; 0) echo success ;; *) echo failed ;; esac
"""


def test_the_generic_profile_takes_any_submit_command_and_repeats_a_killed_job(fresh: Workspace):
    if not find_spec("snakemake_executor_plugin_cluster_generic"):
        pytest.skip("the Python package snakemake-executor-plugin-cluster-generic is not installed")
    queue = fresh.folder / "queue"
    queue.mkdir()
    (queue / "kill").touch()
    for name, text in {"submit": SUBMIT, "status": STATUS}.items():
        (fresh.folder / name).write_text(text)
        (fresh.folder / name).chmod(stat.S_IRWXU)
    done = run(
        fresh, "--workflow-profile", "profiles/cluster", "--cluster-generic-submit-cmd", "./submit",
        "--cluster-generic-status-cmd", "./status", "--latency-wait", "10", "--seconds-between-status-checks", "1",
        INGESTED,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert (fresh.folder / INGESTED).is_file()
    jobs = (queue / "jobs").read_text().split()
    assert [(queue / job).read_text().strip() != "0" for job in jobs] == [True, False]


def test_use_conda_runs_every_script_in_the_environment_of_its_rule_and_a_second_run_does_nothing(fresh: Workspace):
    script = fresh.folder / "workflow/scripts/define_grid.py"
    script.write_text(script.read_text() + "    import sys; print(sys.prefix, flush=True)\n")
    done = run(fresh, "--use-conda", "--show-failed-logs", "results/mine/grid.json", **CONDA)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert str(fresh.folder / ".snakemake/conda") in done.stdout
    again = run(fresh, "--use-conda", "results/mine/grid.json", **CONDA)
    assert "Nothing to be done" in again.stdout + again.stderr


RULE = re.compile(r"^rule (\w+):(.*?)(?=^rule |\Z)", re.M | re.S)
FRAME_MB = 4000


@pytest.mark.parametrize("profile", ["slurm", "cluster"])
def test_every_rule_that_holds_frames_asks_for_more_memory_with_every_attempt(profile: str):
    listed = yaml.safe_load((ROOT / "profiles" / profile / "config.yaml").read_text())["set-resources"]
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for name, body in RULE.findall(path.read_text()):
            asked = re.search(r"mem_mb=(\d+)", body)
            if asked and int(asked[1]) >= FRAME_MB:
                assert listed.get(name) == {"mem_mb": f"attempt * {asked[1]}"}, f"profiles/{profile}: {name}"
    assert not any("retries:" in path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))


@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_every_key_of_a_profile_is_explained(profile: str):
    lines = (ROOT / "profiles" / profile / "config.yaml").read_text().splitlines()
    keys = [number for number, line in enumerate(lines) if re.match("[a-z]", line)]
    assert keys
    assert not [lines[number] for number in keys if not lines[number - 1].startswith("#")]

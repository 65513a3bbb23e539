"""The file that says how far a run is."""

import csv
import json
import stat
from pathlib import Path

import pytest
from basinwatch import run_status
from basinwatch.run_status import NOTIFY, Job, RunStatus, notify, reasons_of, stages_of


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(run_status.time, "monotonic", clock)
    return clock


def job(rule: str, clock: Clock, *logs: Path) -> Job:
    return Job(rule, f"Do {rule}", logs, clock())


def started(folder: Path, clock: Clock, **counts: int) -> RunStatus:
    return RunStatus(folder / "status.json", stages_of(counts), clock=clock())


def read(status: RunStatus) -> dict:
    return json.loads(status.path.read_text())


def test_the_time_left_is_that_of_the_jobs_left_at_the_speed_so_far(tmp_path, clock):
    status = started(tmp_path, clock, ingest=4, detect=2, total=6)
    assert status.left_s() is None
    for number in (0, 1):
        status.start(number, job("ingest", clock))
    clock.now += 10
    status.finish(0)
    status.finish(1)
    # Two jobs of 10 s went at once; two more of them and two of unknown, so mean, length are left.
    assert status.left_s() == pytest.approx(20)
    assert read(status)["stages"]["ingest"] == {"total": 4, "done": 1, "mean_s": 10.0}


def test_the_last_word_counts_everything_and_lists_what_failed_with_its_reason(tmp_path, clock):
    log = tmp_path / "ingest.log"
    log.write_text("2026-01-01 10:00:00,000 error: raw/a.diff: found 3 bytes, expected 8; download it again.\n")
    status = started(tmp_path, clock, ingest=3)
    for number, path in enumerate([log, tmp_path / "none.log", log]):
        status.start(number, job("ingest", clock, path))
    status.fail(0)
    status.fail(1)
    status.finish(2)
    status.end("failed")
    found = read(status)
    assert found["state"] == "failed"
    assert found["jobs"] == {"total": 3, "done": 1, "running": 0, "failed": 2}
    with (tmp_path / "failed.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["reason"] == "raw/a.diff: found 3 bytes, expected 8; download it again."
    assert "was killed" in rows[1]["reason"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("12:00:01,000 basinwatch.compute: computing on 2 cores\n", "basinwatch.compute: computing on 2 cores"),
        ("12:00:01,000 root: half of it is done\n", "root: half of it is done"),
        ("12:00:01,000 py.warnings: a.py:7: UserWarning: flat\n  warnings.warn(text)\n\n", "a.py:7: UserWarning: flat"),
    ],
)
def test_a_job_that_was_killed_is_not_explained_by_what_it_happened_to_say_last(tmp_path, text, words):
    log = tmp_path / "unwrap.log"
    log.write_text(f"2026-01-01 12:00:00,000 basinwatch.readers: read\n2026-01-01 {text}")
    (found,) = reasons_of([log])
    assert found.startswith(reasons_of([])[0])
    assert found.endswith(words)


def test_a_fault_of_the_program_is_told_by_the_end_of_its_traceback(tmp_path):
    log = tmp_path / "unwrap.log"
    log.write_text(
        "2026-01-01 12:00:00,000 basinwatch.readers: read\n"
        "2026-01-01 12:00:01,000 root: unexpected ValueError\nTraceback (most recent call last):\nValueError: no\n"
    )
    assert reasons_of([log]) == ["ValueError: no"]


def test_a_job_that_names_several_faults_gives_a_row_for_each(tmp_path, clock):
    log = tmp_path / "require.log"
    log.write_text("".join(f"2026-01-01 12:00:0{n},000 error: Pair {n} is empty.\n" for n in range(3)))
    status = started(tmp_path, clock, require=1)
    status.start(0, job("require", clock, log))
    status.fail(0)
    status.end("failed")
    with (tmp_path / "failed.csv").open() as stream:
        assert [row["reason"] for row in csv.DictReader(stream)] == [f"Pair {n} is empty." for n in range(3)]
    assert len(read(status)["failed"]) == 3


def test_a_job_that_failed_and_then_ended_well_did_not_fail(tmp_path, clock):
    status = started(tmp_path, clock, ingest=1)
    (tmp_path / "failed.csv").write_text("of the run before")
    status.start(0, job("ingest", clock))
    status.fail(0)
    status.start(0, job("ingest", clock))
    status.finish(0)
    status.end("finished")
    assert read(status)["jobs"]["failed"] == 0
    assert not (tmp_path / "failed.csv").exists()


def test_many_events_at_once_write_one_file(tmp_path, clock, monkeypatch):
    status = started(tmp_path, clock, ingest=1000)
    written = []
    monkeypatch.setattr(RunStatus, "summary", lambda self, state: written.append(state) or {})
    for number in range(1000):
        status.start(number, job("ingest", clock))
        status.finish(number)
    assert len(written) == 1
    clock.now += 2
    status.finish(0)
    assert len(written) == 2


def test_a_status_that_cannot_be_written_stops_nothing_and_is_told(tmp_path, clock):
    status = started(tmp_path, clock, cut=1)
    status.start(1, job("cut", clock))
    status.path.mkdir()
    status.fail(1)
    status.end("failed")
    assert "could not be written" in status.complaint
    assert list(status.failed) == [1]


def test_the_program_to_be_told_gets_state_and_file_and_no_shell(tmp_path, monkeypatch):
    program, said = tmp_path / "tell it; touch pwned", tmp_path / "said"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > "{said}"\n')
    program.chmod(stat.S_IRWXU)
    monkeypatch.chdir(tmp_path)
    assert notify("failed", Path("status.json")) is None
    monkeypatch.setenv(NOTIFY, str(program))
    assert notify("failed", Path("$(touch pwned).json")) is None
    assert said.read_text() == "failed|$(touch pwned).json|"
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(("content", "words"), [("#!/bin/sh\nexit 3\n", "ended with 3"), (None, "could not be run")])
def test_a_program_that_cannot_be_told_is_one_sentence(tmp_path, monkeypatch, content, words):
    program = tmp_path / "tell"
    if content:
        program.write_text(content)
        program.chmod(stat.S_IRWXU)
    monkeypatch.setenv(NOTIFY, str(program))
    assert words in notify("finished", tmp_path / "status.json")

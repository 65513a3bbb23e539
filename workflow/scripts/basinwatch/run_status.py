"""How far a run is, by stage and with the time left, as a file that programs read; and what failed, with reasons."""

from __future__ import annotations

import csv
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from basinwatch.provenance import atomic_path

NOTIFY = "BASINWATCH_NOTIFY"
_NOTIFY_SECONDS = 60
_WRITE_SECONDS = 2.0
_KILLED = "The job left no message of an error: it was killed, or its memory or time ran out."
_RECORD = re.compile(r"^\d{4}-[\d-]+ [\d:,]+ ")
_SENTENCE = re.compile(_RECORD.pattern + "error: ")
_TRACEBACK = re.compile(_RECORD.pattern + "root: unexpected ")


@dataclass
class Stage:
    """Jobs of one rule: how many there are, how many ended well, and the seconds of those."""

    total: int
    done: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Job:
    """A job that runs or failed: its rule, what it is for, its log files, and when it began (monotonic seconds)."""

    rule: str
    purpose: str
    logs: tuple[Path, ...]
    begun: float


@dataclass
class RunStatus:
    """The state of a run while it goes on.

    Parameters
    ----------
    path
        JSON file that is written at the beginning, at most every two seconds, and at the end.
    stages
        By rule, in the order of the work.
    """

    path: Path
    stages: dict[str, Stage]
    running: dict[int, Job] = field(default_factory=dict)
    failed: dict[int, Job] = field(default_factory=dict)
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.monotonic)
    written: float = float("-inf")
    complaint: str | None = None

    def start(self, number: int, job: Job) -> None:
        """Note that a job runs, perhaps once more."""
        self.failed.pop(number, None)
        self.running[number] = job

    def finish(self, number: int) -> None:
        """Note that a job ended well."""
        job = self.running.pop(number, None)
        if job is not None:
            stage = self.stages.setdefault(job.rule, Stage(0))
            stage.done += 1
            stage.seconds += time.monotonic() - job.begun
        self.write("running")

    def fail(self, number: int) -> None:
        """Note that a job failed."""
        if number in self.running:
            self.failed[number] = self.running.pop(number)
        self.write("running")

    def end(self, state: str) -> None:
        """Write the last word: ``finished`` or ``failed``, and the table of what failed beside it."""
        self.written = float("-inf")
        self.running.clear()
        self.write(state)
        self._try(lambda: write_failures(self.path.with_name("failed.csv"), list(self.failed.values())))

    def left_s(self) -> float | None:
        """Seconds left, from the mean job of each stage and the jobs at once so far; None before any job ended."""
        done = sum(stage.done for stage in self.stages.values())
        if not done:
            return None
        seconds = sum(stage.seconds for stage in self.stages.values())
        usual = seconds / done
        todo = sum(
            max(0, stage.total - stage.done) * (stage.seconds / stage.done if stage.done else usual)
            for stage in self.stages.values()
        )
        at_once = max(1.0, seconds / max(time.monotonic() - self.clock, 1e-9))
        return todo / at_once

    def summary(self, state: str) -> dict[str, Any]:
        """Everything the file says."""
        left = self.left_s() if state == "running" else 0.0
        jobs = [stage.total for stage in self.stages.values()], [stage.done for stage in self.stages.values()]
        return {
            "state": state,
            "process": f"{socket.gethostname()} {os.getpid()}",
            "begun": self.begun.isoformat(timespec="seconds"),
            "updated": datetime.now(UTC).isoformat(timespec="seconds"),
            "jobs": {"total": sum(jobs[0]), "done": sum(jobs[1]), "running": len(self.running),
                     "failed": len(self.failed)},
            "left_s": None if left is None else round(left),
            "stages": {
                rule: {"total": stage.total, "done": stage.done,
                       "mean_s": round(stage.seconds / stage.done, 1) if stage.done else None}
                for rule, stage in self.stages.items()
            },
            "failed": [
                {"job": job.purpose, "reason": reason}
                for job in self.failed.values()
                for reason in reasons_of(job.logs)
            ],
        }  # fmt: skip

    def write(self, state: str) -> None:
        """Write the file unless it was written a moment ago."""
        if time.monotonic() - self.written < _WRITE_SECONDS:
            return
        self._try(lambda: self._write(state))
        self.written = time.monotonic()

    def _write(self, state: str) -> None:
        with atomic_path(self.path) as part:
            part.write_text(json.dumps(self.summary(state), indent=1) + "\n", encoding="utf-8")

    def _try(self, write: Callable[[], None]) -> None:
        """Keep what hinders writing as a complaint: Snakemake would wait for ever after an error in a log handler."""
        try:
            write()
        except OSError as error:
            self.complaint = f"{self.path}: the status could not be written ({error.strerror}); the run goes on."


def stages_of(counts: Mapping[str, int]) -> dict[str, Stage]:
    """Stages from the number of jobs by rule."""
    return {rule: Stage(count) for rule, count in counts.items() if rule != "total"}


def reasons_of(logs: Sequence[Path]) -> list[str]:
    """Sentences of the errors in a job's log, or the end of its traceback; without an error, what it said last."""
    for path in logs:
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.is_file() else []
        if any(_TRACEBACK.match(line) for line in lines):
            return [lines[-1]]
        if sentences := [_SENTENCE.sub("", line) for line in lines if _SENTENCE.match(line)]:
            return sentences
        if lines:
            records = [line for line in lines if _RECORD.match(line)] or lines
            return [f"{_KILLED} Its last words: {_RECORD.sub('', records[-1])}"]
    return [_KILLED]


def write_failures(path: Path, failed: Sequence[Job]) -> None:
    """Write a table of the jobs that failed (job, reason, log; a row per reason); no table where none did."""
    if not failed:
        path.unlink(missing_ok=True)
        return
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["job", "reason", "log"])
        table.writerows(
            [job.purpose, reason, " ".join(map(str, job.logs))] for job in failed for reason in reasons_of(job.logs)
        )


def notify(state: str, status: Path) -> str | None:
    """Start the program that the environment variable BASINWATCH_NOTIFY names, with the state and the status file.

    No shell is involved: the variable is the program's path and nothing else.

    Returns
    -------
    str or None
        A sentence if the program could not be run or failed.
    """
    program = os.environ.get(NOTIFY)
    if not program:
        return None
    try:
        done = subprocess.run([program, state, str(status)], timeout=_NOTIFY_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{NOTIFY}: '{program}' could not be run ({error}); name an executable file."
    return f"{NOTIFY}: '{program}' ended with {done.returncode}." if done.returncode else None

"""A run that is killed again and again, and what its folder holds in the end."""

import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PRODUCTS = {".tif", ".json", ".parquet", ".gpkg", ".csv", ".html", ".png", ".npz", ".safetensors"}
# They tell of the run itself, or remember the times of files.
OF_THE_RUN = {"status.json", "failed.csv", "state.npz"}


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every product below ``results``, by path."""
    root = folder / "results"
    files = (path for path in sorted(root.rglob("*")) if path.suffix in PRODUCTS and path.name not in OF_THE_RUN)
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def killed_runs(folder: Path, kills: int, seed: int, longest_s: float) -> set[str]:
    """Start the workflow and kill it with all its jobs at a random moment, as often as asked for.

    Every tenth kill may fall into the planning; the others come up to `longest_s` after the first job began. A run that
    ends before its kill loses its results at random, so that every stage is at work again.

    Returns
    -------
    set of str
        Kinds of jobs that were at work when they were killed.
    """
    draw, hit, done = random.Random(seed), set(), 0  # noqa: S311
    while done < kills:
        process = start(folder)
        if done % 10:
            wait_for_work(process, folder)
        try:
            process.wait(timeout=draw.uniform(0, longest_s))
        except subprocess.TimeoutExpired:
            hit |= at_work(folder)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            done += 1
            unlock(folder)
            continue
        if process.returncode:
            raise RuntimeError((folder / "output.log").read_text()[-3000:])
        lose_results(folder, draw)
    return hit


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start Snakemake in a process group of its own."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    with (folder / "output.log").open("w") as output:
        return subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, start_new_session=True)


def unlock(folder: Path) -> None:
    """Do what the message of a locked folder asks for; a killed job may write a moment longer."""
    time.sleep(0.5)
    subprocess.run([sys.executable, "-m", "snakemake", "--unlock"], cwd=folder, capture_output=True, check=False)


def wait_for_work(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the first job begins."""
    while process.poll() is None and not at_work(folder):
        time.sleep(0.1)


def at_work(folder: Path) -> set[str]:
    """Kinds of jobs that began and have not ended, by the first words of their messages."""
    text = (folder / "output.log").read_text()
    begun = re.findall(r"^Job (\d+): (.+)$", text, re.M)
    ended = set(re.findall(r"^Finished jobid: (\d+)", text, re.M))
    return {re.split(" (?:pair|of|in|for) ", message)[0] for number, message in begun if number not in ended}


def lose_results(folder: Path, draw: random.Random) -> None:
    """Remove one of the folders of results, or all of them."""
    folders = sorted(
        path for path in (folder / "results").glob("*/*") if path.is_dir() and "simulated" not in str(path)
    )
    gone = draw.choice([*folders, folder / "results"])
    shutil.rmtree(gone)

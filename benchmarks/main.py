"""Time and memory of the whole workflow, stage by stage: the example, a real LiCSAR frame, a real GAMMA stack.

Run with ``make bench NAME=main``. Every run starts in an empty folder. Real data are found as in the tests
(``BASINWATCH_DATA``); without them only the example is measured. Prints ``figure NAME VALUE`` lines and rewrites
the table of docs/benchmarks.md between its markers.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import rasterio
from document import ROOT, write_tables

DATA = Path(os.environ.get("BASINWATCH_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class Run:
    """A finished run: wall time, peak memory of the process tree, seconds and peak memory per rule."""

    folder: Path
    seconds: float
    peak_gb: float
    stages: Mapping[str, tuple[int, float, float]]


class PeakMemory(threading.Thread):
    """Sample the memory that belongs to a process and its children alone (USS)."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.process, self.peak_bytes = process, 0

    def run(self) -> None:
        """Sample until the process ends."""
        while self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
            self.peak_bytes = max(self.peak_bytes, self.total())
            time.sleep(0.2)

    def total(self) -> int:
        """Sum over the tree; a child may end while it is looked at."""
        total = 0
        for process in [self.process, *self.process.children(recursive=True)]:
            try:
                total += process.memory_full_info().uss
            except psutil.Error:
                continue
        return total


def measure(folder: Path, config: str, data: Path | None = None) -> Run:
    """Run the workflow in a folder, which is empty unless products that are to be kept lie in it."""
    for name in ("Snakefile", "workflow", "config", "envs", "profiles", "resources"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "results").mkdir(exist_ok=True)
    if data is not None:
        (folder / "data").symlink_to(data.resolve())
    begin = time.perf_counter()
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--configfile", config]
    with (folder / "output.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        memory = PeakMemory(psutil.Process(process.pid))
        memory.start()
        status = process.wait()
    seconds = time.perf_counter() - begin
    if status:
        raise SystemExit((folder / "output.log").read_text()[-4000:])
    return Run(folder, seconds, memory.peak_bytes / 1e9, stages(folder / "logs" / "benchmarks"))


def stages(folder: Path) -> dict[str, tuple[int, float, float]]:
    """Jobs, seconds in all and largest memory (MB) per rule, from Snakemake's benchmark files."""
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    rules = re.findall(r"^rule (\w+):", "\n".join(p.read_text() for p in (ROOT / "workflow/rules").glob("*.smk")), re.M)
    for path in sorted(folder.rglob("*.tsv")):
        rule = next(rule for rule in rules if rule in path.relative_to(folder).with_suffix("").parts)
        with path.open() as stream:
            row = next(csv.DictReader(stream, delimiter="\t"))
        memory = row["max_rss"]
        rows[rule].append((float(row["s"]), float(memory) if memory not in ("NA", "-") else 0.0))
    return {rule: (len(values), sum(s for s, _ in values), max(m for _, m in values)) for rule, values in rows.items()}


def linear_rate_correlation(run: Run) -> float:
    """Correlation with PyRate's linear rate (its sign is range change, so ours is reversed)."""
    reference = -np.load(DATA / "pyrate/small_test/linrate/linear_rate.npy")
    with rasterio.open(run.folder / "results/appin/sbas/rate.tif") as source:
        rate = source.read(1)
    both = np.isfinite(rate) & np.isfinite(reference)
    return float(np.corrcoef(rate[both], reference[both])[0, 1])


def table(name: str, run: Run) -> str:
    """Markdown table of a run's stages."""
    lines = [
        f"**{name}**: {run.seconds:.0f} s wall, {run.peak_gb:.1f} GB peak\n",
        "| rule | jobs | s in all | peak MB |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {rule} | {jobs} | {seconds:.1f} | {memory:.0f} |" for rule, (jobs, seconds, memory) in run.stages.items()
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as name:
        folders = {key: Path(name, key) for key in ("example", "licsar", "gamma")}
        for folder in folders.values():
            folder.mkdir()
        runs = {"Built-in example": measure(folders["example"], "config/config.yaml")}
        figures = {"run_example_s": runs["Built-in example"].seconds}
        if DATA.is_dir():
            licsar = measure(folders["licsar"], "config/examples/licsar.yaml", DATA / "licsar_galapagos")
            gamma = measure(folders["gamma"], "config/examples/gamma.yaml", DATA / "pyrate" / "small_test")
            runs |= {"LiCSAR frame, 10 pairs of 1840×1913 px": licsar, "GAMMA stack, 17 pairs of 72×47 px": gamma}
            figures |= {"run_licsar_s": licsar.seconds, "run_licsar_peak_gb": licsar.peak_gb}
            figures["pyrate_linrate_r"] = linear_rate_correlation(gamma)
        write_tables("main", [table(title, run) for title, run in runs.items()])
        shutil.rmtree(name, ignore_errors=True)
    for figure, value in figures.items():
        print(f"figure {figure} {value:.3f}")


if __name__ == "__main__":
    main()

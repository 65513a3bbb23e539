"""A copy of the workflow with a small stack of real-looking GAMMA files."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.conftest import ROOT

CORES = str(min(2, os.cpu_count() or 1))
SIZE = 120
SCENES = [date(2024, 1, 5) + timedelta(days=12 * n) for n in range(6)]
DEM_PAR = """Gamma DIFF&GEO DEM/MAP parameter file
title: test
DEM_projection:     UTM
data_format:        REAL*4
DEM_hgt_offset:     0.0
DEM_scale:          1.0
width:                {size}
nlines:               {size}
corner_north:  5560000.000   m
corner_east:    350000.000   m
post_north:    -{post}   m
post_east:      {post}   m
ellipsoid_name: WGS 84
datum_name: WGS 1984
projection_name: UTM
projection_zone:                 34
false_easting:           500000.000   m
false_northing:               0.000   m
projection_k0:            0.9996000
center_longitude:        21.0000000   decimal degrees
center_latitude:          0.0000000   decimal degrees
"""


@dataclass(frozen=True)
class Workspace:
    """A folder with the workflow, its configuration and its results."""

    folder: Path

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake here; its output is kept."""
        command = [sys.executable, "-m", "snakemake", "--cores", CORES, *arguments]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def run(self, *arguments: str) -> str:
        """Run Snakemake and expect success."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
        return done.stdout + done.stderr

    def planned(self) -> set[str]:
        """Messages of the jobs a dry run would start."""
        text = self.run("--dry-run")
        return set(re.findall(r"^Job \d+: (.+)$", text, flags=re.M))

    def configure(self, **sections: object) -> None:
        """Replace top-level sections of the configuration."""
        path = self.folder / "config" / "config.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | sections))

    def copy(self, folder: Path) -> "Workspace":
        """Copy everything, time stamps included."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Workspace(folder)


def write_pair(folder: Path, first: date, second: date) -> None:
    """Write a sinking bowl as GAMMA files: interferogram, coherence, unwrapped phase."""
    rng = np.random.default_rng([first.toordinal(), second.toordinal()])
    rows, columns = np.mgrid[:SIZE, :SIZE]
    bowl = np.exp(-((rows - 50) ** 2 + (columns - 70) ** 2) / (2 * 9**2))
    phase = 4.0 * (second - first).days / 12 * bowl + rng.normal(0, 0.2, bowl.shape)
    name = f"{first:%Y%m%d}_{second:%Y%m%d}"
    np.exp(1j * phase).astype(">c8").tofile(folder / f"{name}.diff")
    np.full(bowl.shape, 0.8).astype(">f4").tofile(folder / f"{name}.cc")
    phase.astype(">f4").tofile(folder / f"{name}.unw")


def write_scenes(workspace: Workspace, scenes: Sequence[date]) -> None:
    """List scenes, and write the files of their pairs that are not there yet."""
    folder = workspace.folder / "raw"
    (workspace.folder / "scenes.csv").write_text("date\n" + "".join(f"{scene}\n" for scene in scenes))
    for j, second in enumerate(scenes):
        for first in scenes[max(0, j - 2) : j]:
            if not (folder / f"{first:%Y%m%d}_{second:%Y%m%d}.diff").exists():
                write_pair(folder, first, second)


@pytest.fixture(scope="session")
def empty_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The workflow and a stack of four scenes, nothing run yet."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    for name in ("workflow", "envs", "profiles", "resources"):
        shutil.copytree(ROOT / name, workspace.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", workspace.folder)
    (workspace.folder / "config").mkdir()
    raw = workspace.folder / "raw"
    raw.mkdir()
    (raw / "grid.dem_par").write_text(DEM_PAR.format(size=SIZE, post=30))
    stack = {"format": "gamma", "scenes": "scenes.csv", "header": "raw/grid.dem_par", "network": {"predecessors": 2}}
    patterns = {"phase": "raw/{pair}.diff", "coherence": "raw/{pair}.cc", "unwrapped": "raw/{pair}.unw"}
    (workspace.folder / "config/config.yaml").write_text(
        yaml.safe_dump({"stacks": {"mine": stack | patterns}, "sbas": {"reference_coherence": 0.5}})
    )
    write_scenes(workspace, SCENES[:4])
    return workspace


@pytest.fixture(scope="session")
def finished_workspace(empty_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The same after a complete run; never changed, only copied."""
    workspace = empty_workspace.copy(tmp_path_factory.mktemp("finished") / "run")
    workspace.run()
    return workspace


@pytest.fixture
def workspace(finished_workspace: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the finished workspace that a test may change."""
    return finished_workspace.copy(tmp_path / "run")

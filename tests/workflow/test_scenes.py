"""Scenes that come, come late, come again or go: only what depends on them is done, and the change is told."""

import os
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.workflow.conftest import SCENES, Workspace, write_pair, write_scenes
from tests.workflow.kills import digests
from tests.workflow.test_reruns import AGGREGATES, every_pair, messages

LATE = SCENES[1].replace(day=20)
FIRST = SCENES[0].replace(day=1)


def touched(planned: set[str]) -> set[str]:
    """Pairs that per-pair jobs of a plan are for."""
    words = (word for message in planned for word in message.split())
    return {word for word in words if word[:4] == "2024" and "_" in word}


def name(first: int, second: int) -> str:
    return f"{SCENES[first]:%Y%m%d}_{SCENES[second]:%Y%m%d}"


def times(workspace: Workspace) -> dict[str, int]:
    """When each product was written."""
    root = workspace.folder / "results"
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def test_a_new_scene_touches_no_product_of_an_old_pair_and_is_told(workspace: Workspace):
    before, written = digests(workspace.folder), times(workspace)
    changes = workspace.folder / "results/areas/mine/basinnet/changes.csv"
    assert pd.read_csv(changes).empty
    write_scenes(workspace, SCENES[:5])
    workspace.run("results/areas/mine/basinnet/report.html", "results/mine/unwrapped/" + name(2, 4) + ".tif")
    old = [path for path in before if "20240" in path]
    after, rewritten = digests(workspace.folder), times(workspace)
    assert len(old) > 30
    assert [path for path in old if after[path] != before[path] or rewritten[path] != written[path]] == []
    told = pd.read_csv(changes)
    assert set(told.loc[told["change"] == "added", "name"]) == {f"mine {name(3, 4)}"}


@pytest.mark.parametrize("late", [LATE, FIRST])
def test_a_late_scene_runs_the_pairs_that_join_it_and_no_other(workspace: Workspace, late: date):
    scenes = sorted([*SCENES[:4], late])
    write_scenes(workspace, scenes)
    joined = {f"{a:%Y%m%d}_{b:%Y%m%d}" for a in scenes for b in scenes if a < b and late in (a, b)}
    planned = workspace.planned()
    assert "Define the pixel grid of stack mine" not in planned
    assert touched(planned)
    assert touched(planned) <= joined
    assert planned >= AGGREGATES


@pytest.mark.parametrize("again", [0, 2])
def test_a_reprocessed_pair_is_done_again_alone(workspace: Workspace, again: int):
    path = workspace.folder / f"raw/{name(again, again + 1)}.diff"
    values = np.fromfile(path, ">c8")
    (values * np.complex64(np.exp(0.1j))).astype(">c8").tofile(path)
    planned = workspace.planned()
    assert touched(planned) == {name(again, again + 1)}
    assert planned >= AGGREGATES


def test_a_pair_that_is_replaced_by_an_older_file_of_another_size_is_done_again(workspace: Workspace):
    path = workspace.folder / f"raw/{name(1, 2)}.unw"
    path.write_bytes(path.read_bytes()[:-4])
    os.utime(path, (0, 0))
    assert touched(workspace.planned()) == {name(1, 2)}


def test_a_reprocessed_pair_with_the_same_bytes_is_not(workspace: Workspace):
    write_pair(workspace.folder / "raw", SCENES[0], SCENES[1])
    assert workspace.planned() == set()


@pytest.mark.parametrize("scene", [SCENES[3], SCENES[0]])
def test_a_removed_scene_takes_its_pairs_out_of_the_aggregates(workspace: Workspace, scene: date):
    write_scenes(workspace, [one for one in SCENES[:4] if one != scene])
    planned = workspace.planned()
    assert touched(planned) == set()
    assert "Define the pixel grid of stack mine" not in planned
    assert planned >= AGGREGATES
    gone = [pair for pair in every_pair() if f"{scene:%Y%m%d}" in pair]
    assert gone
    assert not planned & messages("mosaic", gone)


def test_what_is_left_of_a_removed_pair_stays_for_the_case_that_it_comes_back(workspace: Workspace):
    write_scenes(workspace, SCENES[:3])
    kept: Path = workspace.folder / "results/mine/interferograms" / name(2, 3) / "meta.json"
    assert kept.is_file()
    write_scenes(workspace, SCENES[:4])
    assert workspace.planned() == set()

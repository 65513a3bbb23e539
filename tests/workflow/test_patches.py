"""From a synthetic orthophoto and a rate map to active mine patches and their accuracy."""

import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from basinwatch.vectors import read_vectors
from shapely.geometry import box

from tests.workflow.conftest import Workspace

FOLDER = "results/areas/mine/patches"
PICTURE = {role: f"results/simulated/orthophotos/hills/{name}" for role, name in
           (("image", "image.tif"), ("reference", "reference.gpkg"), ("land_cover", "land_cover.tif"))}  # fmt: skip


def ask(workspace: Workspace, **changes: object) -> None:
    """Ask for mine patches beside the bowl of the stack."""
    workspace.configure(
        simulated_orthophotos={"hills": {"size_px": 384, "patches": 6, "west_m": 351_620, "north_m": 5_558_980}},
        areas={"mine": {"stacks": ["mine"], "patches": PICTURE | {"train": True} | changes}},
        tilings={"px64": {"size_px": 64, "overlap": 0.5}, "px1024": {"size_px": 1024, "overlap": 0.25}},
        training_tiling="px64",
        models={"basinnet": "resources/models/basinnet", "pits": "results/models/pits"},
        patches={"model": "pits", "tiling": "px64", "segmentation": {"shapes": [0.2], "compactnesses": [0.5]}},
        training={
            "name": "pits", "data": "labelled", "architecture": "unet", "steps": 60, "batch_size": 4,
            "options": {"widths": [8, 16, 32], "encoding": "bands4"}, "learning_rate": 0.003, "validate_every": 60,
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def searched(finished_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A complete run with mine patches."""
    workspace = finished_workspace.copy(tmp_path_factory.mktemp("patches") / "run")
    ask(workspace)
    # All of the ground there is, in a permit that ended before the first scene.
    ended = {"name": ["old"], "valid_from": ["2015-01-01"], "valid_until": ["2020-12-31"]}
    gpd.GeoDataFrame(ended, geometry=[box(10, 45, 30, 55)], crs=4326).to_file(workspace.folder / "permits.gpkg")
    workspace.configure(permits={"file": "permits.gpkg", "id_column": "name"})
    workspace.run()
    return workspace


def test_patches_carry_area_and_activity_with_a_style(searched: Workspace) -> None:
    path = searched.folder / FOLDER / "patches.gpkg"
    assert {name for name, _ in pyogrio.list_layers(path)} == {"patches", "layer_styles"}
    patches = read_vectors(path, "patches")
    assert {"id", "area_m2", "activity"} <= set(patches.columns)
    assert len(patches) > 0
    assert "negative" in set(patches["activity"])


def test_accuracy_counts_the_patches_set_aside(searched: Workspace) -> None:
    accuracy = json.loads((searched.folder / FOLDER / "accuracy.json").read_text())
    assert accuracy["references"] == 3
    assert accuracy["identified"] >= 2
    assert accuracy["pixels"]["f1"] > 0.5
    choice = json.loads((searched.folder / FOLDER / "segmentation.json").read_text())
    assert (choice["source"], choice["criterion"]["shape"]) == ("chosen", 0.2)


def test_patches_that_move_after_a_permits_end_are_listed_with_area_and_dates(searched: Workspace) -> None:
    patches = read_vectors(searched.folder / FOLDER / "patches.gpkg", "patches").set_index("id")
    moving = patches[patches["activity"].isin(["negative", "positive"])]
    (table,) = Path(searched.folder, "results/areas/mine").glob("*/permits.csv")
    found = pd.read_csv(table)
    found = found[found["what"] == "patch"].set_index("object")
    listed = moving[moving["area_m2"] >= 1000]
    assert sorted(found.index) == sorted(listed.index)
    assert set(found["finding"]) == {"after_end"}
    np.testing.assert_allclose(found["area_m2"], listed["area_m2"][found.index], rtol=0.01)
    network = json.loads((searched.folder / "results/mine/sbas/network.json").read_text())
    assert set(zip(found["first_date"], found["last_date"], strict=True)) == {
        (network["first_date"], network["last_date"])
    }


def report_of(workspace: Workspace) -> str:
    """Text of the report."""
    (page,) = Path(workspace.folder, "results/areas/mine").glob("*/report.html")
    return page.read_text()


def test_the_report_shows_patches_and_their_accuracy(searched: Workspace) -> None:
    page = report_of(searched)
    assert "Mine patches" in page
    assert "chosen on reference patches" in page
    assert "Area similarity" in page


def test_without_references_the_paper_decides_and_the_report_says_so(searched: Workspace, tmp_path: Path) -> None:
    workspace = searched.copy(tmp_path / "run")
    ask(workspace, reference=None, train=False)
    shutil.copytree(workspace.folder / "results/models/pits", workspace.folder / "kept/pits")
    workspace.configure(training={}, models={"basinnet": "resources/models/basinnet", "pits": "kept/pits"})
    workspace.run()
    choice = json.loads((workspace.folder / FOLDER / "segmentation.json").read_text())
    assert (choice["source"], choice["criterion"]["scale"]) == ("published", 79.0)
    page = report_of(workspace)
    assert "No reference patch to learn from lies in the picture" in page

"""Detectors of every kind through the same rules, and several stacks of one area."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import torch
import yaml
from basinwatch import detectors
from basinwatch.models import save_model

from tests.workflow.conftest import Workspace

PAIR = "20240105_20240117"


def boxes_model(folder: Path) -> None:
    """Write a detector of boxes whose random weights find something."""
    torch.manual_seed(0)
    options = {"variant": "XS"}
    spec = {"name": "boxes", "architecture": "light_yolo_basin", "options": options, "tile_size_px": 64}
    folder.mkdir(parents=True)
    save_model(
        folder,
        detectors.build("light_yolo_basin", options),
        spec | {"threshold": 1e-4, "peak_threshold": 1e-4, "min_area_px": 12},
    )


def test_a_detector_of_boxes_goes_through_the_same_rules(empty_workspace: Workspace, tmp_path: Path):
    workspace = empty_workspace.copy(tmp_path / "run")
    boxes_model(workspace.folder / "models/boxes")
    workspace.configure(
        models={"boxes": "models/boxes"},
        detection={"model": "boxes", "tiling": "px64"},
        tilings={"px64": {"size_px": 64, "overlap": 0.25}},
        training_tiling="px64",
    )
    folder = workspace.folder / f"results/mine/detections/boxes/{PAIR}"
    workspace.run(f"results/mine/detections/boxes/{PAIR}/instances.parquet")
    table = gpd.read_parquet(folder / "instances.parquet")
    assert (table.model == "boxes").all()
    assert table.geometry.is_valid.all()
    with rasterio.open(folder / "probability.tif") as source:
        assert source.tags()["KIND"] == "instance"
        assert (source.read(1) > 0).all()


@pytest.fixture(scope="module")
def area(empty_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stacks over the same ground, the second shifted by 40 pixels to the east."""
    workspace = empty_workspace.copy(tmp_path_factory.mktemp("area") / "run")
    raw = workspace.folder / "raw"
    header = (raw / "grid.dem_par").read_text()
    (raw / "east.dem_par").write_text(header.replace("350000.000", "351200.000"))
    config = yaml.safe_load((workspace.folder / "config/config.yaml").read_text())
    stack = config["stacks"]["mine"] | {"rate": False}
    workspace.configure(
        stacks={"west": stack, "east": stack | {"header": "raw/east.dem_par"}},
        areas={"both": {"stacks": ["west", "east"]}},
    )
    products = [f"mosaic/{PAIR}.gpkg", f"mosaic/{PAIR}.tif", "activity.tif"]
    workspace.run(*(f"results/areas/both/basinnet/{name}" for name in products))
    return workspace.folder / "results"


def test_an_area_gets_one_map_of_probability_and_one_of_activity(area: Path):
    for name, rank in ((f"mosaic/{PAIR}.tif", "basin_probability"), ("activity.tif", "observed_days")):
        with rasterio.open(area / "areas/both/basinnet" / name) as source:
            assert source.shape == (120, 160)
            assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            number = source.read(source.descriptions.index("source") + 1)
            assert rank in source.descriptions
        assert (number[:, :40] == 1).all()
        assert (number[:, 120:] == 2).all()
    with rasterio.open(area / f"west/detections/basinnet/{PAIR}/probability.tif") as source:
        west = source.read(1)
    with rasterio.open(area / f"areas/both/basinnet/mosaic/{PAIR}.tif") as source:
        np.testing.assert_array_equal(source.read(1)[:, :40], west[:, :40])


def test_every_basin_names_the_stack_it_was_taken_from(area: Path):
    basins = gpd.read_file(area / f"areas/both/basinnet/mosaic/{PAIR}.gpkg", layer="basins")
    assert set(basins["stack"]) <= {"west", "east"}
    assert len(basins) >= 1

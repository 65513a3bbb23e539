"""From a recipe to a model that the same workflow detects with."""

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import yaml
from basinwatch.datasets.tiles import read_shard
from shapely.geometry import Point

from tests.workflow.conftest import Workspace

PAIR = "20240105_20240117"


@pytest.fixture(scope="module")
def trained(empty_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A model trained for a few steps on simulated and labelled tiles."""
    workspace = empty_workspace.copy(tmp_path_factory.mktemp("train") / "run")
    bowl = Point(350_000 + 30 * 70, 5_560_000 - 30 * 50).buffer(500)
    gpd.GeoDataFrame(geometry=[bowl], crs="EPSG:32634").to_file(workspace.folder / "outlines.gpkg")
    workspace.configure(
        simulation={"tile_size_px": 64, "shard_size": 12, "train_shards": 2, "validation_shards": 1},
        training={
            "epochs": 2, "batch_size": 8, "options": {"widths": [8, 16]},
            "variants": {"boxes": {"architecture": "light_yolo_basin", "options": {"width": 0.125, "head_width": 16}}},
        },
        tilings={"px64": {"size_px": 64, "overlap": 0.5}},
        detection={"tiling": "px64", "model": "mine"},
        training_tiling="px64",
        models={
            "mine": "results/models/trained", "shipped": "resources/models/basinnet", "boxes": "results/models/boxes",
        },
        labelled=[{"stack": "mine", "pair": PAIR, "polygons": "outlines.gpkg"}],
        evaluation={
            "benchmark": "benchmark.yaml", "models": ["mine", "shipped", "boxes"], "resamples": 20,
            "disturbances": ["sign"], "robustness_tiles": 8,
        },
    )  # fmt: skip
    recipe = {"recipe": "realistic", "seed": 5, "tile_size_px": 64, "pixel_size_m": [20, 30]}
    benchmark = {"first_sample": 20_000_000, "samples": 12, "simulation": recipe}
    (workspace.folder / "benchmark.yaml").write_text(yaml.safe_dump(benchmark))
    workspace.run("train")
    return workspace


def test_labelled_tiles_carry_the_outline_and_their_stack(trained: Workspace):
    folder = trained.folder / "results/mine/training_tiles"
    shard = read_shard(folder / f"{PAIR}.safetensors", folder / f"{PAIR}.json")
    tiles = [shard.tile(i) for i in range(len(shard))]
    assert len(tiles) == 9
    assert {tile.group for tile in tiles} == {"mine"}
    assert max(label.mask.sum() for tile in tiles for label in tile.labels) > 400


def test_the_record_tells_data_recipe_and_versions(trained: Workspace):
    folder = trained.folder / "results/models/trained"
    record = json.loads((folder / "model.json").read_text())["training"]
    assert record["tiles"] == [2 * 12 + 9, 12]
    assert record["settings"]["seed"] == 1
    assert {"torch", "numpy", "basinwatch"} <= set(record["versions"])
    assert len((folder / "curves.csv").read_text().splitlines()) == 2
    assert (folder / "curves.png").stat().st_size > 5000


def test_the_same_recipe_gives_the_same_shards_whatever_the_cores(trained: Workspace, tmp_path: Path):
    again = trained.copy(tmp_path / "again")
    name = "results/simulation/simulated/train/0001.safetensors"
    before = (again.folder / name).read_bytes()
    again.run("--cores", "1", "--forcerun", "simulate_shard", "--", name)
    assert (again.folder / name).read_bytes() == before


def test_the_trained_model_detects_under_its_own_name(trained: Workspace):
    trained.run(f"results/mine/detections/mine/{PAIR}/probability.tif")


def test_models_are_scored_side_by_side_on_the_same_tiles(trained: Workspace):
    trained.run("evaluate")
    folder = trained.folder / "results/evaluation"
    table = pd.read_csv(folder / "table.csv")
    assert set(table["model"]) == {"mine", "shipped", "boxes"}
    masks = table[table["model"] != "boxes"]
    assert len(masks) == 2 * masks["figure"].nunique()
    assert "| figure | mine | shipped | boxes |" in (folder / "table.md").read_text()
    scores = [json.loads((folder / name / "scores.json").read_text()) for name in ("mine", "shipped")]
    assert scores[0]["sets"]["benchmark"]["fingerprint"] == scores[1]["sets"]["benchmark"]["fingerprint"]
    assert len({one["weights_sha256"] for one in scores}) == 2


def test_a_variant_learns_from_the_same_tiles_and_is_tried_under_disturbances(trained: Workspace):
    records = [
        json.loads((trained.folder / f"results/models/{n}/model.json").read_text()) for n in ("trained", "boxes")
    ]
    assert [record["architecture"] for record in records] == ["basinnet", "light_yolo_basin"]
    assert len({json.dumps(record["training"]["data_sha256"]) for record in records}) == 1
    folder = trained.folder / "results/evaluation/boxes/robustness"
    trained.run(str((folder / "table.md").relative_to(trained.folder)))
    assert set(pd.read_csv(folder / "table.csv")["family"]) == {"none", "sign"}
    assert "| Reversed sign | -1 |" in (folder / "table.md").read_text()
    assert (folder / "robustness.png").read_bytes()[:4] == b"\x89PNG"


def test_tiles_simulated_underway_are_mixed_with_labelled_ones(trained: Workspace, tmp_path: Path):
    workspace = trained.copy(tmp_path / "underway")
    settings = {"name": "mixed", "steps": 3, "batch_size": 4, "options": {"widths": [4, 8]}}
    workspace.configure(training=settings | {"source": "simulation", "labelled_share": 0.5})
    workspace.run("train")
    model = json.loads((workspace.folder / "results/models/mixed/model.json").read_text())
    assert model["training"]["tiles"] == [2 * 2 * 12, 12]
    assert model["training"]["settings"]["steps"] == 3
    assert not (workspace.folder / "results/simulation/simulated/train/0002.safetensors").exists()


def test_weights_of_another_architecture_end_the_run_in_one_sentence(trained: Workspace, tmp_path: Path):
    workspace = trained.copy(tmp_path / "other")
    settings = {"name": "other", "steps": 1, "architecture": "unet", "options": {"widths": [4, 8]}}
    workspace.configure(training=settings | {"weights": "resources/models/basinnet"})
    assert workspace.snakemake("train").returncode != 0
    log = (workspace.folder / "logs/train_detector/other.log").read_text()
    assert "found weights of architecture 'basinnet', expected 'unet' as in training" in log
    assert "Traceback" not in log

"""The papers' tables stand beside own figures, row by row, with intervals over seeds."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from basinwatch import detectors
from basinwatch.datasets.tiles import Shard, encode_phase, read_shard
from basinwatch.errors import InputError
from basinwatch.experiments import table_runs
from basinwatch.experiments.costs import costs
from basinwatch.experiments.paper_tables import TableRun, compare, estimate, read_tables, to_markdown
from basinwatch.experiments.table_runs import LabelledShards, Scale, train_and_score
from basinwatch.simulation.recipes import read_settings
from basinwatch.simulation.shards import ShardFiles, simulate_shard
from basinwatch.training.recipes import read_recipe
from basinwatch.training.tile_sources import TileSource
from scipy import stats

from tests.conftest import ROOT

TABLES = ROOT / "resources" / "paper_tables.yaml"
PRESETS = ROOT / "resources" / "presets"
TINY = Scale(training_tiles=2, validation_tiles=1, test_tiles=1, tile_size_px=64, steps=1, labelled_tiles=1)


@cache
def runs() -> dict[str, TableRun]:
    return read_tables(TABLES)[0]


def build(name: str) -> detectors.Detector:
    """The detector of a run, without memory for its weights."""
    recipe = read_recipe(PRESETS / f"{runs()[name].preset}.yaml", runs()[name].changes)
    with torch.device("meta"):
        return detectors.build(recipe["architecture"], recipe["options"])


def weights_of(name: str) -> int:
    return sum(parameter.numel() for parameter in build(name).parameters())


def test_every_table_of_the_papers_with_trained_detectors_is_there() -> None:
    _, tables = read_tables(TABLES)
    titles = [table.title for table in tables]
    assert sum(title.startswith("He et al. (2024), Table I") for title in titles) == 1
    assert [f"Table {n}" for n in range(2, 7)] == [title[-7:] for title in titles if title.startswith("Yu")]
    zhang = [title.split("Table ")[1].split(" ")[0] for title in titles if title.startswith("Zhang")]
    assert zhang == ["3", "4", "5", "6", "8", "9", "10"]
    assert "Lin et al. (2022), Table 1" in titles
    assert sum("DeepLabV3" in title and title.endswith("Table 2") for title in titles) == 1


def test_every_row_has_a_run() -> None:
    _, tables = read_tables(TABLES)
    assert all(run in runs() for table in tables for _, run, _ in table.rows)


def test_figures_are_those_the_papers_print() -> None:
    _, tables = read_tables(TABLES)
    printed = {(table.title, name): list(values) for table in tables for name, _, values in table.rows}
    assert printed["Yu et al. (2022), Table 2", "Light YOLO-Basin-S"] == [0.5512, 0.9064, 0.8621, 0.7520, 0.4317]
    assert printed["Zhang et al. (2022), Table 10 (area C)", "RetinaNet"] == [0.6953, 0.7000, 0.6976, 0.3917, 0.6966]
    assert printed["He et al. (2024), Table I", "mixed with GACOS"] == [0.9644, 0.9388, 0.9148, 0.7082, 0.5720, 0.949]
    assert printed["Lin et al. (2022), Table 1", "ECA-UNet"] == [0.9855, 0.8058, 0.9841, 0.6274, 6.36]
    assert printed["Yu et al. (2022), Table 3", "Light YOLO-Basin-S"] == [0.5512, 40.39, 10.07, 198.95]


def test_the_scores_of_mine_patches_follow_from_the_printed_error_matrix() -> None:
    _, tables = read_tables(TABLES)
    found = next(list(values) for table in tables for name, run, values in table.rows if run == "patches")
    hits, false, missed, rest = 3985, 1971, 1015, 332_941
    total, precision, recall = hits + false + missed + rest, hits / (hits + false), hits / (hits + missed)
    right = (hits + rest) / total
    chance = ((hits + false) * (hits + missed) + (missed + rest) * (false + rest)) / total**2
    f1 = 2 * precision * recall / (precision + recall)
    assert found == pytest.approx([precision, recall, right, (right - chance) / (1 - chance), f1], abs=6e-4)


@pytest.mark.parametrize("name", sorted(runs()))
def test_every_run_is_a_detector_that_can_be_built(name: str) -> None:
    assert weights_of(name) > 1e6


def test_every_step_of_the_roadmap_is_a_detector_of_its_own() -> None:
    anchored, depthwise, free, doubled, focal = map(weights_of, (
        "yolo-v5-s", "yolo-v5-depthwise", "light-single-head", "light-no-focal", "light-yolo-basin-s"))  # fmt: skip
    assert depthwise < anchored
    assert depthwise < free < doubled
    assert doubled == focal


def test_a_head_of_one_branch_answers_like_one_of_two() -> None:
    options = {"width": 0.125, "head_width": 16, "encoding": "rgb"}
    shapes = []
    for double in (True, False):
        net = detectors.build("light_yolo_basin", {**options, "double_head": double}).eval()
        shapes.append([tuple(answer.shape) for answer in net(torch.zeros(1, 3, 64, 64))])
    assert shapes[0] == shapes[1]


def test_costs_are_those_the_paper_prints() -> None:
    found = costs(detectors.build("light_yolo_basin", {"variant": "S", "encoding": "rgb"}), 416, torch.device("cpu"))
    assert found["gmacs"] == pytest.approx(10.07, rel=0.01)
    assert found["parameters_mb"] == pytest.approx(40.39 * 2**20 / 1e6, rel=0.02)
    assert (found["predict_s"] or 0) > 0
    assert found["memory_mb"] is None


def test_the_interval_over_seeds_is_students() -> None:
    values = [0.5, 0.6, 0.75]
    mean, low, high, count = estimate([*values, None])
    expected = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert (low, high) == pytest.approx(expected)
    assert (mean, count) == (pytest.approx(np.mean(values)), 3)


def test_one_seed_has_no_interval_and_no_seed_no_value() -> None:
    assert estimate([0.5])[0] == 0.5
    assert np.isnan(estimate([0.5])[1])
    assert np.isnan(estimate([])[0])


def test_a_row_shows_what_is_printed_beside_what_was_found() -> None:
    _, tables = read_tables(TABLES)
    scores = {"unet": [{"benchmark": {"pa": 0.9, "miou": 0.8, "iou": 0.6}}, {"benchmark": {"pa": 0.92, "miou": 0.8}}]}
    text = to_markdown(tables, compare(tables, scores), "smoke")
    row = next(line for line in text.splitlines() if line.startswith("| U-Net"))
    cells = ["| U-Net", "0.9831", "0.91 (0.783 to 1.04)", "0.7924", "0.8 (0.8 to 0.8)", "0.9827", "–", "0.602", "0.6"]
    assert row.split(" | ")[:9] == cells
    assert next(line for line in text.splitlines() if line.startswith("| real |")).count("–") == 6
    assert "not how good the detectors are" in text
    assert "not how good" not in to_markdown(tables, compare(tables, scores), "full")


def test_scores_on_labelled_tiles_have_columns_of_their_own() -> None:
    _, tables = read_tables(TABLES)
    scores = {"unet": [{"benchmark": {"pa": 0.9}, "labelled": {"pa": 0.7}}]}
    compared = compare(tables, scores)
    assert set(compared["set"]) == {"benchmark", "labelled"}
    row = next(line for line in to_markdown(tables, compared, "full").splitlines() if line.startswith("| U-Net"))
    assert row.startswith("| U-Net | 0.9831 | 0.9 | 0.7 | 0.7924 | – | – |")
    assert set(compare(tables, {"unet": [{"benchmark": {"pa": 0.9}}]})["set"]) == {"benchmark"}


def test_a_row_with_an_unknown_run_is_refused(tmp_path: Path) -> None:
    content = yaml.safe_load(TABLES.read_text())
    content["tables"][0]["rows"][1]["run"] = "nobody"
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="found run 'nobody'"):
        read_tables(tmp_path / "t.yaml")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Shard:
    """Tiles as a user might have labelled them."""
    folder = tmp_path_factory.mktemp("labelled")
    files = ShardFiles(*(folder / f"tiles.{suffix}" for suffix in ("safetensors", "json", "jsonl")))
    simulate_shard(read_settings({"recipe": "realistic", "seed": 9, "tile_size_px": 96}), range(2), files, "train")
    return read_shard(files.arrays, files.coco)


def test_a_run_gives_the_figures_of_its_tables_on_simulated_and_labelled_tiles(labelled: Shard) -> None:
    run = replace(runs()["light-yolo-basin-s"], side_px=64)
    own = LabelledShards(test=[labelled])
    found = train_and_score(run, PRESETS / f"{run.preset}.yaml", 0, TINY, own, "cpu", 1)
    tables = read_tables(TABLES)[1]
    wanted = {figure for table in tables for _, name, _ in table.rows if name == run.name for figure in table.columns}
    assert set(found) == {"benchmark", "calm", "labelled"}
    assert all(wanted <= set(figures) for figures in found.values())
    assert (found["benchmark"]["train_hours"] or 0) > 0


def test_the_areas_of_a_paper_are_thirds_of_the_tiles_by_noise(labelled: Shard) -> None:
    still, noise = np.zeros((96, 96)), np.random.default_rng(0).uniform(-np.pi, np.pi, (96, 96))
    phase = np.stack([encode_phase(noise), encode_phase(still), encode_phase(noise / 3)])
    images = [{**labelled.coco["images"][0], "id": number} for number in (7, 8, 9)]
    coco = {**labelled.coco, "images": images, "annotations": []}
    thirds = table_runs._by_noise(Shard(phase, np.zeros((3, 96, 96), np.uint8), coco))
    assert {name: parts[0].tile(0).tile_id for name, parts in thirds.items()} == {"calm": 8, "middle": 9, "noisy": 7}


def test_a_table_of_an_area_shows_the_scores_of_its_third() -> None:
    _, tables = read_tables(TABLES)
    compared = compare(tables, {"insarnet": [{"benchmark": {"point_f1": 0.5}, "noisy": {"point_f1": 0.3}}]})
    found = compared[(compared["row"] == "InSARNet") & (compared["figure"] == "point_f1")].set_index("table")["value"]
    assert found["Zhang et al. (2022), Table 10 (area C)"] == 0.3
    assert np.isnan(found["Zhang et al. (2022), Table 8 (area A)"])


def test_labelled_tiles_join_training_and_give_the_simulated_ones_their_size(
    labelled: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def stop(source: TileSource, *_: object) -> None:
        seen.append(source)
        raise InterruptedError

    monkeypatch.setattr(table_runs, "train", stop)
    for name, tiles in (("eca-unet", 2 + 1), ("mask-rcnn-labelled", 1)):
        run = runs()[name]
        with pytest.raises(InterruptedError):
            train_and_score(run, PRESETS / f"{run.preset}.yaml", 0, TINY, LabelledShards([labelled]), "cpu", 1)
        assert (seen[-1].tiles, seen[-1].tile_size_px) == (tiles, 96)


def test_a_run_that_learns_from_labelled_tiles_alone_is_left_out_without_any() -> None:
    run = runs()["mask-rcnn-labelled"]
    assert train_and_score(run, PRESETS / "mask-rcnn.yaml", 0, TINY, LabelledShards(), "cpu", 1) == {}

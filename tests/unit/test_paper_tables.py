"""The papers' tables stand beside own figures, row by row, with intervals over seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from basinwatch import detectors
from basinwatch.errors import InputError
from basinwatch.experiments.paper_tables import compare, estimate, read_tables, to_markdown
from basinwatch.experiments.table_runs import Scale, train_and_score
from basinwatch.training.recipes import read_recipe
from scipy import stats

from tests.conftest import ROOT

TABLES = ROOT / "resources" / "paper_tables.yaml"
PRESETS = ROOT / "resources" / "presets"


def test_every_table_of_the_papers_with_trained_detectors_is_there() -> None:
    _, tables = read_tables(TABLES)
    titles = [table.title for table in tables]
    assert sum(title.startswith("He et al. (2024), Table I") for title in titles) == 1
    assert [f"Table {n}" for n in range(2, 7)] == [title[-7:] for title in titles if title.startswith("Yu")]
    zhang = [title.split("Table ")[1].split(" ")[0] for title in titles if title.startswith("Zhang")]
    assert zhang == ["3", "4", "5", "6", "8", "9", "10"]
    assert "Lin et al. (2022), Table 1" in titles


def test_figures_are_those_the_papers_print() -> None:
    _, tables = read_tables(TABLES)
    printed = {(table.title, name): list(values) for table in tables for name, _, values in table.rows}
    assert printed["Yu et al. (2022), Table 2", "Light YOLO-Basin-S"] == [0.5512, 0.9064, 0.8621, 0.7520, 0.4317]
    assert printed["Zhang et al. (2022), Table 10 (area C)", "RetinaNet"] == [0.6953, 0.7000, 0.6976, 0.3917, 0.6966]
    assert printed["He et al. (2024), Table I", "mixed with GACOS"] == [0.9644, 0.9388, 0.9148, 0.7082, 0.5720, 0.949]
    assert printed["Lin et al. (2022), Table 1", "ECA-UNet"] == [0.9855, 0.8058, 0.6274]


@pytest.mark.parametrize("name", [name for name in read_tables(TABLES)[0] if "deform" not in name])
def test_every_run_is_a_recipe_of_a_detector_that_can_be_built(name: str) -> None:
    run = read_tables(TABLES)[0][name]
    recipe = read_recipe(PRESETS / f"{run.preset}.yaml", run.changes)
    assert recipe["architecture"] in detectors.available()


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
    scores = {"unet": [{"pa": 0.9, "miou": 0.8, "iou": 0.6}, {"pa": 0.92, "miou": 0.8, "iou": None}]}
    compared = compare(tables, scores)
    text = to_markdown(tables, compared, "smoke")
    row = next(line for line in text.splitlines() if line.startswith("| U-Net"))
    assert row == "| U-Net | 0.9831 | 0.91 (0.783 to 1.04) | 0.7924 | 0.8 (0.8 to 0.8) | 0.602 | 0.6 |"
    assert next(line for line in text.splitlines() if line.startswith("| real |")).count("–") == 6
    assert "not how good the detectors are" in text
    assert "not how good" not in to_markdown(tables, compared, "full")


def test_a_row_with_an_unknown_run_is_refused(tmp_path: Path) -> None:
    content = yaml.safe_load(TABLES.read_text())
    content["tables"][0]["rows"][1]["run"] = "nobody"
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="found run 'nobody'"):
        read_tables(tmp_path / "t.yaml")


def test_a_run_gives_the_figures_of_its_tables_and_its_size() -> None:
    runs, tables = read_tables(TABLES)
    run = runs["light-yolo-basin-s"]
    tiny = Scale(training_tiles=2, validation_tiles=1, test_tiles=1, tile_size_px=64, steps=1)
    found = train_and_score(run, PRESETS / f"{run.preset}.yaml", 0, tiny, "cpu", 1)
    wanted = {figure for table in tables for _, name, _ in table.rows if name == run.name for figure in table.columns}
    assert wanted <= set(found)
    # Yu et al. (2022), Table 3, prints 40.39 MB.
    assert found["parameters_mb"] == pytest.approx(40.39, rel=0.1)

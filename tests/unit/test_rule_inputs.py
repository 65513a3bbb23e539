"""What rules are told of the configuration: enough for their products, and nothing that makes them anew in vain."""

import copy
import runpy
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from basinwatch import configuration, stacks
from basinwatch.companions import companions, files_in, table_companions
from basinwatch.simulation import forms

from tests.conftest import ROOT

RULES = ROOT / "workflow" / "rules"
SHOWN = (
    "detection", "activity", "sbas", "hotspots", "comparison", "fusion", "anomalies", "hazards", "patches", "permits",
)  # fmt: skip


def functions(**names: Any) -> dict[str, Any]:
    """Functions of ``inputs.smk``, which is plain Python, with what ``common.smk`` would give them."""
    return runpy.run_path(str(RULES / "inputs.smk"), {"yaml": yaml, "Path": Path, **names})


CONFIG = {name: {"threads": 2, "gpus": 0, "limit": 1} for name in (*SHOWN, "training")} | {
    "stacks": {"own": {"sign": 1}, "other": {"sign": 1}}
}


def settings_of_area(config: dict[str, Any]) -> dict[str, Any]:
    """Settings that the report of area `a` is given."""
    inputs = functions(config=config, AREAS={"a": ["own", "simulated"], "b": ["other"]})
    found: dict[str, Any] = inputs["settings_shown"](SimpleNamespace(area="a"))
    return found


@pytest.mark.parametrize(
    ("section", "key", "counts"),
    [
        ("patches", "threads", False),
        ("sbas", "gpus", False),
        ("training", "limit", False),
        ("patches", "limit", True),
        ("detection", "limit", True),
    ],
)
def test_a_report_depends_on_the_settings_it_shows_alone(section: str, key: str, counts: bool) -> None:
    changed = copy.deepcopy(CONFIG)
    changed[section][key] = 9
    assert (settings_of_area(changed) != settings_of_area(CONFIG)) == counts


@pytest.mark.parametrize(("stack", "counts"), [("other", False), ("own", True)])
def test_a_report_depends_on_the_stacks_of_its_own_area_alone(stack: str, counts: bool) -> None:
    changed = copy.deepcopy(CONFIG)
    changed["stacks"][stack]["sign"] = -1
    assert (settings_of_area(changed) != settings_of_area(CONFIG)) == counts


def test_a_run_of_the_tables_is_told_its_own_entry_and_preset_alone() -> None:
    tables = ROOT / "resources" / "paper_tables.yaml"
    inputs = functions(config={"tables": {"runs": []}}, TABLES=tables)
    runs = yaml.safe_load(tables.read_text(encoding="utf-8"))["runs"]
    for name, entry in list(runs.items())[:3]:
        wanted = SimpleNamespace(run=name)
        assert inputs["table_run"](wanted) == entry
        assert inputs["table_preset"](wanted) == f"resources/presets/{entry['preset']}.yaml"
    rule = (RULES / "tables.smk").read_text(encoding="utf-8").split("rule write_tables:")[0]
    assert "paper_tables.yaml" not in rule


SCHEMA = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text())


def given_files(folder: Path, *names: str, **entry: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the jobs that read and that unwrap a pair are given, of a stack with files of these names."""
    for name in ("20200101_20200113.diff", "20200101_20200113.unw", *names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    named = {"phase": f"{folder}/{{pair}}.diff", "unwrapped": f"{folder}/{{pair}}.unw"}
    config = configuration.validate({"stacks": {"s": named | entry}}, SCHEMA)
    stack = stacks.resolve("s", config["stacks"]["s"], "made/here")
    inputs = functions(
        STACKS={"s": stack}, forms=forms, companions=companions, table_companions=table_companions,
        files_in_once=lru_cache(None)(files_in),
    )  # fmt: skip
    wanted = SimpleNamespace(stack="s", pair="20200101_20200113")
    return inputs["raw_files"](wanted), inputs["unwrapping_files"](wanted)


@pytest.mark.parametrize(
    ("table", "beside"),
    [
        ("dem/20200101.map_to_rdc", ["dem/area.dem_par"]),
        (
            "geometry/lat.rdr",
            ["geometry/lat.rdr.xml", "geometry/lon.rdr", "geometry/lon.rdr.xml"],
        ),
        ("topo/trans.dat", []),
    ],
)
def test_a_look_up_table_and_all_that_it_is_read_with_are_inputs(tmp_path, table: str, beside: list[str]) -> None:
    names = [table, *beside, "dem/other.par", "geometry/hgt.rdr", "geometry/hgt.rdr.xml", "topo/dem.grd"]
    for files in given_files(tmp_path, *names, lookup_table=f"{tmp_path}/{table}"):
        assert files["lookup_table"] == f"{tmp_path}/{table}"
        assert files["companions"] == [f"{tmp_path}/{name}" for name in beside]


def test_a_colour_table_is_an_input_where_it_is_a_file(tmp_path) -> None:
    raw, _ = given_files(tmp_path, "own.cm", color={"wheel": f"{tmp_path}/own.cm"})
    assert raw["companions"] == [f"{tmp_path}/own.cm"]
    raw, unwrapping = given_files(tmp_path, color={"wheel": "twilight"})
    assert (raw["companions"], unwrapping["companions"]) == ([], [])

"""What rules are told of the configuration: enough for their products, and nothing that makes them anew in vain."""

import copy
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

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

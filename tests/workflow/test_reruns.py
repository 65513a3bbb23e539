"""What a change reruns: exactly what depends on it."""

import ast
import os
import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.workflow.conftest import SCENES, Workspace, write_scenes

NEW_PAIRS = ["20240129_20240222", "20240210_20240222"]
PAGES = {"Write the report of area mine", "Draw the map page of area mine"}
PAIRS = {"Describe the pairs of stack mine", "Require every pair of every stack"}
AGGREGATES = {
    "Link the detections of area mine into basins",
    "Add up the days with activity in stack mine",
    "Estimate the rate map of stack mine",
    "Map Gi* hot spots of stack mine",
    "Compare the basins of stack mine with its rate map",
    "Tell what changed in area mine since the last run",
    *PAGES,
}


def messages(kind: str, pairs: list[str]) -> set[str]:
    """Messages of a per-pair rule."""
    forms = {
        "ingest": "Ingest pair {} of stack mine",
        "detect": "Find basins in pair {} of stack mine",
        "form": "Outline the basins of pair {} of stack mine",
        "mosaic": "Merge the basins of pair {} in area mine",
        "unwrap": "Unwrap pair {} of stack mine",
    }
    return {forms[kind].format(pair) for pair in pairs}


def adjacent() -> list[str]:
    return [f"{a:%Y%m%d}_{b:%Y%m%d}" for a, b in pairwise(SCENES[:4])]


def every_pair() -> list[str]:
    scenes = SCENES[:4]
    return [f"{scenes[i]:%Y%m%d}_{scenes[j]:%Y%m%d}" for j in range(4) for i in range(max(0, j - 2), j)]


def append(path: Path, text: str) -> None:
    """Add a line to a source file."""
    path.write_text(path.read_text() + text)


def test_nothing_changed_runs_nothing(workspace: Workspace):
    assert "Nothing to be done" in workspace.run()


def test_a_new_scene_runs_its_own_pairs_and_the_aggregates(workspace: Workspace):
    write_scenes(workspace, SCENES[:5])
    expected = messages("ingest", NEW_PAIRS) | messages("unwrap", NEW_PAIRS) | AGGREGATES
    expected |= {"Describe the network of stack mine", *PAIRS}
    newest = NEW_PAIRS[-1:]
    assert workspace.planned() == expected.union(*(messages(kind, newest) for kind in ("detect", "form", "mosaic")))


def test_a_used_setting_reruns_its_rule_and_what_follows(workspace: Workspace):
    workspace.configure(hotspots={"radius_m": 150})
    assert workspace.planned() == {
        "Map Gi* hot spots of stack mine",
        "Compare the basins of stack mine with its rate map",
        *PAGES,
    }


def test_threads_rerun_no_result(workspace: Workspace):
    workspace.configure(detection={"threads": 1})
    assert workspace.planned() == set()


@pytest.mark.parametrize("file", ["raw/20240105_20240117.cc", "scenes.csv"])
def test_a_touched_small_input_with_the_same_bytes_runs_nothing(workspace: Workspace, file: str):
    os.utime(workspace.folder / file)
    assert workspace.planned() == set()


def test_a_deleted_intermediate_runs_nothing(workspace: Workspace):
    (workspace.folder / "results/mine/interferograms/20240105_20240117/phase.tif").unlink()
    assert workspace.planned() == set()


def test_a_comment_or_docstring_in_the_library_runs_nothing(workspace: Workspace):
    path = workspace.folder / "workflow/scripts/basinwatch/hotspots/scan.py"
    path.write_text(path.read_text().replace('"""', '"""Edited. ', 1) + "\n# edited\n")
    assert workspace.planned() == set()


def test_an_edited_module_reruns_exactly_the_rules_that_use_it(workspace: Workspace):
    append(workspace.folder / "workflow/scripts/basinwatch/hotspots/scan.py", "\nEDITED = 1\n")
    assert workspace.planned() == {
        "Map Gi* hot spots of stack mine",
        "Compare the basins of stack mine with its rate map",
        *PAGES,
    }


def test_an_edited_detector_reruns_detection_and_what_follows(workspace: Workspace):
    append(workspace.folder / "workflow/scripts/basinwatch/inference/search.py", "\nEDITED = 1\n")
    followers = messages("form", adjacent()) | messages("mosaic", adjacent()) | AGGREGATES
    assert workspace.planned() == messages("detect", adjacent()) | followers


def test_another_threshold_outlines_basins_anew_without_searching(workspace: Workspace):
    workspace.configure(detection={"threshold": 0.6})
    assert workspace.planned() == messages("form", adjacent()) | messages("mosaic", adjacent()) | AGGREGATES


def test_an_edited_script_reruns_its_rule_and_what_follows(workspace: Workspace):
    append(workspace.folder / "workflow/scripts/unwrap_interferogram.py", "\n# edited\n")
    followers = {m for m in AGGREGATES if m.split()[0] not in ("Link", "Add", "Tell")}
    assert workspace.planned() == messages("unwrap", every_pair()) | followers | PAIRS


SCRIPTS = ROOT / "workflow" / "scripts"
RULE = re.compile(r"^rule (\w+):.*?script:\s+\"\.\./scripts/(\w+)\.py\"", re.M | re.S)
FOUND = [
    (*match.groups(), match[0])
    for path in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for match in RULE.finditer(path.read_text())
]


def is_module(name: str) -> bool:
    """Whether the library has a module or package of this dotted name."""
    path = SCRIPTS.joinpath("basinwatch", *name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def source_of(name: str) -> str:
    """Source of a library module by its dotted name."""
    path = SCRIPTS.joinpath("basinwatch", *name.split("."))
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()


def library_imports(source: str) -> set[str]:
    """Library modules that a source names in its imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "basinwatch":
            names = [f"{node.module}.{alias.name}".removeprefix("basinwatch.") for alias in node.names]
            modules = {name for name in names if is_module(name)}
            found |= modules
            if len(modules) < len(names):
                found |= {node.module.removeprefix("basinwatch.")} - {"basinwatch"}
    return found


def closure(names: set[str]) -> set[str]:
    """Modules reached from the named ones."""
    reached: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= library_imports(source_of(name)) - reached
    return reached


@pytest.mark.parametrize(("rule", "script", "text"), FOUND, ids=[rule for rule, *_ in FOUND])
class TestEveryRule:
    """The conventions all rules share."""

    def test_has_the_name_of_its_script(self, rule, script, text):
        assert rule == script

    def test_has_every_directive(self, rule, script, text):
        for directive in ("output", "log", "benchmark", "conda", "threads", "resources", "params", "message"):
            assert f"    {directive}:" in text, f"{rule} has no {directive}"
        for resource in ("mem_mb=", "runtime="):
            assert resource in text

    def test_names_the_library_modules_its_script_imports(self, rule, script, text):
        imported = library_imports((SCRIPTS / f"{script}.py").read_text()) - {"provenance"}
        named = set(re.findall(r'"([\w.]+)"', re.search(r"code_version\(([^)]*)\)", text)[1]))
        assert imported <= closure(named), f"{rule} must name {imported - closure(named)}"


PACKAGES = {"torch": "pytorch", "yaml": "pyyaml", "PIL": "pillow", "whirlwind": "whirlwind-insar",
            "matplotlib": "matplotlib-base", "dask": "dask-core"}  # fmt: skip


def listed_packages(environment: str) -> set[str]:
    """Names in an environment file, pip's included."""
    listed: set[str] = set()
    for entry in yaml.safe_load((ROOT / "envs" / f"{environment}.yaml").read_text())["dependencies"]:
        listed |= {e.split()[0] for e in (entry["pip"] if isinstance(entry, dict) else [entry])}
    return listed


def top_modules(source: str) -> set[str]:
    """First parts of everything a source imports."""
    nodes = list(ast.walk(ast.parse(source)))
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in named}


@pytest.mark.parametrize(("rule", "script", "text"), FOUND, ids=[rule for rule, *_ in FOUND])
def test_the_environment_holds_what_the_script_imports(rule, script, text):
    source = (SCRIPTS / f"{script}.py").read_text()
    sources = [source, *(source_of(name) for name in closure(library_imports(source)))]
    foreign = set().union(*map(top_modules, sources)) - set(sys.stdlib_module_names) - {"basinwatch", "snakemake"}
    listed = listed_packages(re.search(r"envs/(\w+)\.yaml", text)[1])
    missing = {name for name in foreign if PACKAGES.get(name, name) not in listed}
    assert not missing, f"{rule}: {missing} imported but not in its environment"

"""What a change reruns: exactly what depends on it."""

import os
import re
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import SCENES, Workspace, write_scenes

NEW_PAIRS = ["20240129_20240222", "20240210_20240222"]
AGGREGATES = {
    "Link the detections of area mine into basins",
    "Add up the days with activity in stack mine",
    "Estimate the rate map of stack mine",
    "Map Gi* hot spots of stack mine",
    "Compare the basins of stack mine with its rate map",
    "Write the report of area mine",
}


def messages(kind: str, pairs: list[str]) -> set[str]:
    """Messages of a per-pair rule."""
    forms = {
        "ingest": "Ingest pair {} of stack mine",
        "detect": "Find basins in pair {} of stack mine",
        "mosaic": "Merge the basins of pair {} in area mine",
        "unwrap": "Unwrap pair {} of stack mine",
    }
    return {forms[kind].format(pair) for pair in pairs}


def adjacent() -> list[str]:
    return [f"{a:%Y%m%d}_{b:%Y%m%d}" for a, b in zip(SCENES[:3], SCENES[1:4], strict=True)]


def every_pair() -> list[str]:
    scenes = SCENES[:4]
    return [f"{scenes[i]:%Y%m%d}_{scenes[j]:%Y%m%d}" for j in range(4) for i in range(max(0, j - 2), j)]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) >= 1, f"{path} does not hold {old!r}"
    path.write_text(text.replace(old, new, 1))


def test_nothing_changed_runs_nothing(workspace: Workspace):
    assert "Nothing to be done" in workspace.run()


def test_a_new_scene_runs_its_own_pairs_and_the_aggregates(workspace: Workspace):
    write_scenes(workspace, SCENES[:5])
    expected = messages("ingest", NEW_PAIRS) | messages("unwrap", NEW_PAIRS) | AGGREGATES
    newest = NEW_PAIRS[-1:]
    assert workspace.planned() == expected | messages("detect", newest) | messages("mosaic", newest)


def test_a_used_setting_reruns_its_rule_and_what_follows(workspace: Workspace):
    workspace.configure(hotspots={"radius_m": 150})
    assert workspace.planned() == {
        "Map Gi* hot spots of stack mine",
        "Compare the basins of stack mine with its rate map",
        "Write the report of area mine",
    }


def test_threads_rerun_no_result(workspace: Workspace):
    workspace.configure(detection={"threads": 1})
    assert workspace.planned() <= {"Write the report of area mine"}


@pytest.mark.parametrize("file", ["raw/20240105_20240117.cc", "scenes.csv"])
def test_a_touched_small_input_with_the_same_bytes_runs_nothing(workspace: Workspace, file: str):
    os.utime(workspace.folder / file)
    assert workspace.planned() == set()


def test_a_deleted_intermediate_runs_nothing(workspace: Workspace):
    (workspace.folder / "results/mine/interferograms/20240105_20240117/phase.tif").unlink()
    assert workspace.planned() == set()


def test_a_comment_or_docstring_in_the_library_runs_nothing(workspace: Workspace):
    path = workspace.folder / "workflow/scripts/basinwatch/hotspots.py"
    path.write_text(path.read_text().replace('"""', '"""Edited. ', 1) + "\n# edited\n")
    assert workspace.planned() == set()


def test_an_edited_module_reruns_exactly_the_rules_that_use_it(workspace: Workspace):
    (workspace.folder / "workflow/scripts/basinwatch/hotspots.py").open("a").write("\nEDITED = 1\n")
    assert workspace.planned() == {
        "Map Gi* hot spots of stack mine",
        "Compare the basins of stack mine with its rate map",
        "Write the report of area mine",
    }


def test_an_edited_detector_reruns_detection_and_what_follows(workspace: Workspace):
    (workspace.folder / "workflow/scripts/basinwatch/inference.py").open("a").write("\nEDITED = 1\n")
    followers = {m for m in AGGREGATES if "rate map of" not in m and "Gi*" not in m}
    assert workspace.planned() == messages("detect", adjacent()) | messages("mosaic", adjacent()) | followers


def test_an_edited_script_reruns_its_rule_and_what_follows(workspace: Workspace):
    (workspace.folder / "workflow/scripts/unwrap_interferogram.py").open("a").write("\n# edited\n")
    followers = {m for m in AGGREGATES if "Link" not in m and "Add up" not in m}
    assert workspace.planned() == messages("unwrap", every_pair()) | followers


RULES = (Path(__file__).parents[2] / "workflow/rules").glob("*.smk")
RULE = re.compile(r"^rule (\w+):.*?script:\s+\"\.\./scripts/(\w+)\.py\"", re.M | re.S)
FOUND = [
    (rule, script, text[match.start() : match.end()])
    for text in (path.read_text() for path in RULES)
    for match in RULE.finditer(text)
    for rule, script in [match.groups()]
]


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
        source = (Path(__file__).parents[2] / f"workflow/scripts/{script}.py").read_text()
        imported = set(re.findall(r"^from basinwatch\.([\w.]+) import", source, re.M))
        imported |= {n for names in re.findall(r"^from basinwatch import (.+)$", source, re.M) for n in names.split(", ")}
        named = set(re.findall(r'"([\w.]+)"', re.search(r"code_version\(([^)]*)\)", text)[1]))
        plumbing = {"provenance", "errors"}
        reached = closure(named)
        assert imported - plumbing <= reached, f"{rule} must name {imported - plumbing - reached}"


def closure(modules: set[str]) -> set[str]:
    """Modules reached from the named ones, by the text of their imports."""
    library = Path(__file__).parents[2] / "workflow/scripts/basinwatch"
    reached: set[str] = set()
    waiting = set(modules)
    while waiting:
        module = waiting.pop()
        reached.add(module)
        path = library.joinpath(*module.split("."))
        source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
        found = set(re.findall(r"^\s*from basinwatch\.([\w.]+) import", source, re.M))
        found |= {n for names in re.findall(r"^\s*from basinwatch import (.+)$", source, re.M) for n in names.split(", ")}
        waiting |= found - reached
    return reached


ENVIRONMENTS = {"torch": "pytorch", "yaml": "pyyaml", "PIL": "pillow", "whirlwind": "whirlwind-insar",
                "matplotlib": "matplotlib-base", "dask": "dask-core"}  # fmt: skip


@pytest.mark.parametrize(("rule", "script", "text"), FOUND, ids=[rule for rule, *_ in FOUND])
def test_the_environment_holds_what_the_script_imports(rule, script, text):
    root = Path(__file__).parents[2]
    scripts = root / "workflow/scripts"
    source = (scripts / f"{script}.py").read_text()
    modules = set(re.findall(r"^from basinwatch\.([\w.]+) import", source, re.M)) | {"provenance"}
    sources = [source] + [
        (p / "__init__.py" if p.is_dir() else p.with_suffix(".py")).read_text()
        for p in (scripts.joinpath("basinwatch", *m.split(".")) for m in closure(modules))
    ]
    imported = {m.split(".")[0] for s in sources for m in re.findall(r"^\s*(?:from|import) ([\w.]+)", s, re.M)}
    environment = yaml.safe_load((root / f"envs/{re.search(r'envs/(\w+).yaml', text)[1]}.yaml").read_text())
    listed: set[str] = set()
    for entry in environment["dependencies"]:
        listed |= {e.split()[0] for e in (entry["pip"] if isinstance(entry, dict) else [entry])}
    import sys

    foreign = imported - set(sys.stdlib_module_names) - {"basinwatch", "snakemake"}
    missing = {m for m in foreign if ENVIRONMENTS.get(m, m) not in listed}
    assert not missing, f"{rule}: {missing} imported but not in its environment"

"""Every command of the README and the documentation is run, at small sizes; what takes hours even so is planned."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yaml
from basinwatch.configuration import validate
from basinwatch.phase import wrap
from basinwatch.phase_color import to_rgb
from PIL import Image

from tests.browser import find_browser
from tests.conftest import ROOT
from tests.workflow.conftest import Workspace

PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "config/README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^ *```(?:bash|sh)\n(.*?)^ *```", re.M | re.S)
INLINE = re.compile(r"`((?:\.venv/bin/\w+|snakemake|make|python|pip install) [^`\n]+)`")
YAML = re.compile(r"^ *```yaml\n(.*?)^ *```", re.M | re.S)
CLUSTERS = ("profiles/slurm", "profiles/cluster")
# Of Snakemake these are planned: whole examples, and what a cluster does (test_cluster.py has one).
LONG = {f"config/examples/{name}.yaml" for name in ("slopes", "detectors", "patches")} | {*CLUSTERS}
# Sizes at which the rest takes seconds.
SMALL = {
    "simulation": {"tile_size_px": 64, "shard_size": 4, "train_shards": 1, "validation_shards": 1},
    "training": {"steps": 2, "batch_size": 2, "options": {"widths": [8, 16]}},
    "evaluation": {"benchmark": "benchmark.yaml", "resamples": 20, "disturbances": ["sign"], "robustness_tiles": 8},
    "experiments": {"scale": "smoke"},
    "calibration": {"images": "tiles/image", "labels": "tiles/label", "tiles": 20},
    "tables": {"runs": ["light-yolo-basin-s"], "seeds": [0]},
}
VALLEY = {"form": "licsar", "first_date": "2024-01-05", "size_px": 80, "mines": 1}
BENCHMARK = {"first_sample": 1, "samples": 8, "simulation": {"recipe": "realistic", "seed": 5, "tile_size_px": 64}}
# What needs a service, which a stand-in takes the place of in a test of its own.
ELSEWHERE = {"mail"}


def commands() -> list[str]:
    """Commands of all pages, without comments and twins."""
    found: dict[str, None] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line for block in BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]
        for line in [*lines, *INLINE.findall(text)]:
            # A configuration file takes all words up to the next option for files too: there the cores stay.
            bare = re.sub(r"\s+#.*" + ("" if "--configfile" in line else r"| --cores \w+"), "", line)
            command = bare.strip().removeprefix("$ ").replace(".venv/bin/", "").removeprefix("python -m ")
            if command and not command.startswith("#") and shlex.split(command)[0] not in ELSEWHERE:
                found[command] = None
    return list(found)


@pytest.fixture(scope="module")
def reader(finished_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A folder as a reader's: a finished run, a configuration of their own, the examples, the pictures' scripts."""
    return furnish(finished_workspace.copy(tmp_path_factory.mktemp("reader") / "run"))


def furnish(workspace: Workspace) -> Workspace:
    """Put beside a finished run, whose files lie in ``raw``, what a reader's commands name."""
    shutil.copytree(
        ROOT / "config", workspace.folder / "config", dirs_exist_ok=True, ignore=shutil.ignore_patterns("config.yaml")
    )
    stacks = yaml.safe_load((workspace.folder / "config/config.yaml").read_text()).get("simulated_stacks", {})
    workspace.configure(**SMALL, simulated_stacks=stacks | {"valley": VALLEY})
    (workspace.folder / "benchmark.yaml").write_text(yaml.safe_dump(BENCHMARK))
    shutil.copy(workspace.folder / "config/config.yaml", workspace.folder / "config/mine.yaml")
    for name in ("docs", ".ci"):
        shutil.copytree(ROOT / name, workspace.folder / name)
    (workspace.folder / "benchmarks").symlink_to(ROOT / "benchmarks")
    shutil.copy(ROOT / "Makefile", workspace.folder)
    shutil.copytree(ROOT / "tests", workspace.folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, workspace.folder)
    draw_tiles(workspace.folder / "tiles")
    return workspace


def draw_tiles(folder: Path) -> None:
    """Draw pictures of a basin and its outline, as people label them."""
    rows, columns = np.mgrid[:128, :128]
    for number in range(3):
        bowl = 12 * np.exp(-((rows - 64) ** 2 + (columns - 50 - 10 * number) ** 2) / 400)
        noise = np.random.default_rng(number).normal(0, 0.3, bowl.shape)
        for name, picture in (("image", to_rgb(wrap(bowl + noise))), ("label", 255 * (bowl > 1.5).astype(np.uint8))):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / name / f"{number}.png")


def run(workspace: Workspace, *command: str, folder: Path | None = None) -> str:
    """Run in the reader's folder, or another; the output of a success."""
    bin_folder = str(Path(sys.executable).parent)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    environment = clean | {"PATH": f"{bin_folder}:{clean['PATH']}"}
    done = subprocess.run(
        command, cwd=folder or workspace.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize("command", commands())
def test_a_documented_command_works(reader: Workspace, command: str) -> None:
    attempt(reader, command)


def attempt(reader: Workspace, command: str) -> None:
    """Run a command as far as its time allows; skipped where what it needs is not installed."""
    program, *arguments = shlex.split(command)
    if any(name in arguments for name in CLUSTERS) and find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("the executor plugins of the lock are not installed (make setup)")
    ways = {
        "make": _make, "snakemake": _snakemake, "python": _python, "pip": _pip, "ruff": _ruff,
        "pytest": lambda reader, words: run(reader, "pytest", *words, "--collect-only"),
        "mypy": lambda reader, words: run(reader, "mypy", "--version"),
    }  # fmt: skip
    assert program in ways, f"no way is known to try {command!r}; add one here, or name its program in ELSEWHERE"
    ways[program](reader, arguments)


def _ruff(reader: Workspace, arguments: list[str]) -> None:
    """Check the project itself, and change nothing."""
    run(reader, "ruff", *arguments, *(["--check"] if "format" in arguments else []), folder=ROOT)


def _make(reader: Workspace, arguments: list[str]) -> None:
    """Plan a target, and put the pages of the site together; a benchmark it names must be there."""
    run(reader, "make", "--dry-run", *arguments)
    if arguments == ["docs"]:
        run(reader, "python", "docs/site.py", "build/docs")
    named = [value for value in arguments if value.startswith("NAME=")]
    assert all((ROOT / "benchmarks" / f"{value[5:]}.py").is_file() for value in named)


def _snakemake(reader: Workspace, arguments: list[str]) -> None:
    """Run, or plan what would run for long or needs a browser that is not there."""
    is_planned = LONG & set(arguments) or ("pdf" in arguments and find_browser() is None)
    cores = [] if "--cores" in arguments else ["--cores", "1"]
    run(reader, "snakemake", *cores, *map(_stand_in, arguments), *(["--dry-run"] if is_planned else []))


def _python(reader: Workspace, arguments: list[str]) -> None:
    """Run a script on the reader's own folder."""
    folder = str(reader.folder / "raw")
    if "calibrate-colors" in arguments:
        numeric = str(next(reader.folder.glob("raw/*.diff")))
        run(reader, "python", arguments[0], "paint", numeric, "painted.ras")
        names = {"20200101_20200113.diff.ras": "painted.ras", "20200101_20200113.diff": numeric}
        assert "color:" in run(reader, "python", *(names.get(word, word) for word in arguments))
    elif "inspect" in arguments:
        answer = run(reader, "python", *(folder if word in ("/data/track51", "FOLDER") else word for word in arguments))
        assert "phase:" in answer
        assert "gamma" in answer
    else:
        run(reader, "python", *arguments)


def _pip(reader: Workspace, arguments: list[str]) -> None:
    """Nothing is installed: what is offered must be an extra of the project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    offered = {re.split(r"[><=]", name)[0] for extra in project["optional-dependencies"].values() for name in extra}
    assert set(arguments[1:]) <= offered


def _stand_in(argument: str) -> str:
    """Names that stand for the reader's own become those of the reader's folder."""
    return {"NAME": "mine"}.get(argument, argument)


def test_the_documented_notification_sends_the_status_of_a_run(
    reader: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = [block for page in PAGES for block in BLOCK.findall(page.read_text()) if block.startswith("#!")]
    mail = 'printf "%s|" "$@" > "$0.words"; cat > "$0.text"\n'
    for name, script in (("notify", scripts[0]), ("mail", f"#!/bin/sh\n{mail}")):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("BASINWATCH_NOTIFY", str(tmp_path / "notify"))
    run(reader, "snakemake", "--cores", "1", "--forcerun", "describe_network", "describe_network")
    assert len(scripts) == 1
    assert (tmp_path / "mail.words").read_text() == "-s|basinwatch: finished|operator@example.org|"
    assert json.loads((tmp_path / "mail.text").read_text())["state"] == "finished"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if YAML.search(page.read_text(encoding="utf-8"))], ids=lambda p: p.name
)
def test_every_piece_of_configuration_in_the_documentation_is_one_the_schema_takes(page: Path) -> None:
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    for block in YAML.findall(page.read_text(encoding="utf-8")):
        given = yaml.safe_load(block)
        if isinstance(given, dict) and set(given) & set(schema["properties"]):
            validate({"stacks": {"mine": {"phase": "{pair}.tif"}}} | given, schema)


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        targets = re.findall(r"\]\(([^)#\s]+)\)", text)
        local = [target for target in targets if not re.match(r"\w+:", target)]
        generated = [target for target in local if target.startswith("reference/")]
        missing = [target for target in set(local) - set(generated) if not (page.parent / target).exists()]
        assert not missing, (page.name, missing)


def test_every_page_stands_in_the_navigation_of_the_site() -> None:
    named = re.findall(r"([\w/]+\.md)", (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("nav:")[1])
    assert {page.name for page in (ROOT / "docs").glob("*.md")} <= set(named)

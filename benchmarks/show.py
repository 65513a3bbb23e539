"""What a person sees: size of the map page, errors in its console, commands of the documentation that work.

Run with ``make bench NAME=show``. The example runs in a folder of its own, which takes over what ``make run`` left as
far as that is up to date; its map page is opened in a headless Chromium at desktop and phone width, every picture is
shown, every date gone to and every card opened. Then the commands of the documentation are tried on copies of that
folder, as ``tests/workflow/test_documentation.py`` tries them on a small one: training, tables and experiments with few
tiles; whole examples, clusters and targets of make are planned. Prints ``figure NAME VALUE`` lines and rewrites the
table of docs/benchmarks.md.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from document import ROOT, write_tables
from main import measure

sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from tests.browser import DESKTOP, PHONE, browsing, find_browser
from tests.workflow.conftest import Workspace
from tests.workflow.test_documentation import attempt, commands, furnish

PAGE = "results/areas/silesia/basinnet/map.html"
FILES = "results/simulated/example"
MADE = ("results/areas/silesia", "results/example", FILES, ".snakemake/metadata")
SHOW_ALL = """
for (const layer of data.layers) { setLayer(layer.key); for (let n = 0; n < data.pairs.length; n += 1) setPair(n); }
for (const basin of data.basins) open(basin.name);
data.basins.length
"""


def console_errors(page: Path, profile: Path) -> int:
    """Count errors and warnings while everything is shown once, at two widths; every request counts as an error too."""
    if find_browser() is None:
        raise SystemExit(
            "found no Chromium, expected one to open the map page with; install it (apt-get install chromium)"
        )
    with browsing(profile) as tab:
        for size in (DESKTOP, PHONE):
            tab.open(page, size)
            if not tab.run(SHOW_ALL):
                raise SystemExit(f"{page}: found no basin, expected those of the example")
        foreign = [request for request in tab.requests if not request.startswith("file:")]
        return len(tab.problems) + len(foreign)


def take_over(folder: Path) -> None:
    """Copy what a run in the project's own folder made; Snakemake makes again what is out of date."""
    for name in MADE if (ROOT / PAGE).is_file() else ():
        shutil.copytree(ROOT / name, folder / name)


def commands_tested(finished: Path, home: Path) -> int:
    """Count the commands that work on copies of a finished run, one copy for each core."""
    (finished / "config").unlink()
    shutil.copytree(ROOT / "config", finished / "config")
    (finished / "raw").symlink_to(FILES)
    reader = furnish(Workspace(finished))
    workers = os.cpu_count() or 1
    readers = [reader, *(reader.copy(home / f"reader{n}") for n in range(1, workers))]
    shares = [commands()[n::workers] for n in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(working, readers, shares))


def working(reader: Workspace, share: Sequence[str]) -> int:
    """Count commands that work; those whose needs are not installed are named and not counted."""
    count = 0
    for command in share:
        try:
            attempt(reader, command)
        except pytest.skip.Exception as reason:
            print(f"not tried: {command} ({reason})")
        except AssertionError as error:
            raise SystemExit(f"{command}: {error}") from error
        else:
            count += 1
    return count


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as name:
        folder, profile = Path(name, "run"), Path(name, "profile")
        folder.mkdir()
        take_over(folder)
        page = measure(folder, "config/config.yaml").folder / PAGE
        figures = {"map_page_mb": page.stat().st_size / 1e6}
        figures["map_page_console_errors"] = console_errors(page, profile)
        figures["docs_commands_tested"] = commands_tested(folder, Path(name))
    for figure, value in figures.items():
        print(f"figure {figure} {value:.3f}")
    rows = "\n".join(f"| {figure} | {value:.3g} |" for figure, value in figures.items())
    write_tables("show", [f"| figure | value |\n|---|---|\n{rows}\n"])


if __name__ == "__main__":
    main()

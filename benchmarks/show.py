"""What a person sees: size of the map page, errors in its console, commands of the documentation that work.

Run with ``make bench NAME=show``. The example runs in an empty folder; its map page is opened in a headless Chromium at
desktop and phone width, every picture is shown, every date gone to and every card opened. The commands are those that
``tests/workflow/test_documentation.py`` runs. Prints ``figure NAME VALUE`` lines and rewrites the table of
docs/benchmarks.md between its markers.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from document import ROOT, write_tables
from main import measure

sys.path.insert(0, str(ROOT))

from tests.browser import DESKTOP, PHONE, browsing, find_browser

PAGE = "results/areas/silesia/basinnet/map.html"
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


def commands_tested() -> int:
    """Count the commands of the documentation that were run and worked."""
    test = "tests/workflow/test_documentation.py::test_a_documented_command_works"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", test], cwd=ROOT, capture_output=True, text=True, check=False
    )
    passed = re.search(r"(\d+) passed", done.stdout)
    if done.returncode or passed is None:
        raise SystemExit(done.stdout[-4000:])
    return int(passed[1])


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as name:
        folder, profile = Path(name, "run"), Path(name, "profile")
        folder.mkdir()
        page = measure(folder, "config/config.yaml").folder / PAGE
        figures = {"map_page_mb": page.stat().st_size / 1e6}
        figures["map_page_console_errors"] = console_errors(page, profile)
    figures["docs_commands_tested"] = commands_tested()
    for figure, value in figures.items():
        print(f"figure {figure} {value:.3f}")
    rows = "\n".join(f"| {figure} | {value:.3g} |" for figure, value in figures.items())
    write_tables("show", [f"| figure | value |\n|---|---|\n{rows}\n"])


if __name__ == "__main__":
    main()

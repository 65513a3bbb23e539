"""A report is printed by whatever browser there is, and a browser that fails says so in one sentence."""

from pathlib import Path

import pytest
from basinwatch import report
from basinwatch.errors import InputError
from basinwatch.report import figures, printing

from tests.browser import browsing, find_browser
from tests.unit.report_scene import CONFIG, map_grid, write_area

SHEET_PX = 718


def browser(folder: Path, script: str) -> str:
    """Write a program that stands for a browser."""
    path = folder / "browser"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exec sleep 30", r"page\.html: .*browser was not done after 0\.2 s, expected a PDF by then; open the page"),
        ("echo no display >&2; exit 3", r"page\.html: .*browser ended with status 3 and no PDF \(no display\)"),
    ],
)
def test_a_browser_that_prints_nothing_is_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, sentence: str
) -> None:
    found = browser(tmp_path, script)
    monkeypatch.setattr(printing, "find_browser", lambda: found)
    monkeypatch.setattr(printing, "_PATIENCE_S", 0.2)
    (tmp_path / "page.html").write_text("<p>text</p>")
    with pytest.raises(InputError, match=sentence):
        printing.print_page(tmp_path / "page.html", tmp_path / "page.pdf")
    assert not (tmp_path / "page.pdf").exists()


@pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed (apt-get install chromium)")
def test_no_table_is_wider_than_a_sheet_of_a4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "encode", lambda figure, colors=None: b"")
    area = report.load("silesia", {"north": True}, write_area(tmp_path / "map", map_grid(64)))
    (tmp_path / "page.html").write_text(report.render(area, CONFIG, []), encoding="utf-8")
    with browsing(tmp_path / "profile") as tab:
        tab.call("Emulation.setEmulatedMedia", media="print")
        tab.open(tmp_path / "page.html", (SHEET_PX, 1000))
        assert tab.run("document.documentElement.scrollWidth") <= SHEET_PX

"""A report is printed by whatever browser there is, and a browser that fails says so in one sentence."""

from pathlib import Path

import pytest
from basinwatch.errors import InputError
from basinwatch.report import printing


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

"""Versions of library modules: what changes them, and what is remembered of them."""

from pathlib import Path

import pytest
from basinwatch.code_versions import CodeVersions

SOURCES = {
    "__init__.py": "",
    "waves.py": ("\"\"\"Waves.\"\"\"\nfrom basinwatch import rates\nfrom basinwatch.maps import legend\n\n\n"
                 "def f():\n    \"\"\"F.\"\"\"\n    return 1\n"),
    "rates.py": "RATE = 1\n",
    "maps/__init__.py": "",
    "maps/legend.py": "COLOUR = 'red'\n",
    "alone.py": "from basinwatch_other import rates\n",
}  # fmt: skip


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for name, source in SOURCES.items():
        path = tmp_path / "basinwatch" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return tmp_path / "basinwatch"


def version(library: Path, *names: str) -> str:
    return CodeVersions(library, library.parent / "memory.json").of(*names)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("waves.py", "return 1", "return 2"),
        ("rates.py", "1", "2"),
        ("maps/legend.py", "red", "blue"),
        ("maps/__init__.py", "", "X = 1\n"),
    ],
)
def test_an_edit_of_a_module_or_of_what_it_imports_is_another_version(library, name, before, after):
    known, other = version(library, "waves"), version(library, "alone")
    path = library / name
    path.write_text(path.read_text().replace(before, after) if before else after)
    assert version(library, "waves") != known
    assert version(library, "alone") == other


def test_comments_and_docstrings_do_not_count(library):
    known = version(library, "waves"), version(library, "maps")
    path = library / "waves.py"
    path.write_text("# edited\n" + path.read_text().replace("Waves", "Swell").replace("F.", "G."))
    assert (version(library, "waves"), version(library, "maps")) == known


@pytest.mark.parametrize("name", ["page.html", "map.js", "style.css", "leaflet/leaflet.js", "leaflet/leaflet.css"])
def test_an_edit_of_a_file_that_a_package_writes_into_its_pages_is_another_version(library, name):
    path = library / "maps" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("before")
    known, other = version(library, "maps"), version(library, "rates")
    path.write_text("behind")
    assert version(library, "maps") != known
    assert version(library, "rates") == other


def test_what_was_worked_out_is_not_parsed_again_and_a_damaged_memory_costs_nothing_but_time(library, monkeypatch):
    known, memory = version(library, "waves"), library.parent / "memory.json"
    with monkeypatch.context() as patch:
        patch.setattr("basinwatch.code_versions.ast", None)
        assert version(library, "waves") == known
    for damage in ("", "[1]", '{"a": 1}', "\x00"):
        memory.write_text(damage)
        assert version(library, "waves") == known


def test_a_folder_that_does_not_exist_remembers_nothing(library, tmp_path):
    absent = tmp_path / "none" / "memory.json"
    assert CodeVersions(library, absent).of("rates") == version(library, "rates")
    assert not absent.exists()

"""What is done once for a plan of many jobs: measured on Snakemake itself, whose next version may have changed."""

import atexit
import gc
import runpy
from collections.abc import Iterator

import pytest
from snakemake import sourcecache

from tests.conftest import ROOT


@pytest.fixture
def planning(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """What is registered for the end of the process; all else is put back."""
    registered: list[object] = []
    threshold = gc.get_threshold()
    monkeypatch.setattr(sourcecache, "parse_uri", sourcecache.parse_uri)
    monkeypatch.setattr(atexit, "register", registered.append)
    runpy.run_path(str(ROOT / "workflow" / "rules" / "planning.smk"))
    yield registered
    gc.set_threshold(*threshold)


def test_snakemake_parses_the_name_of_a_script_once_for_all_jobs(planning: list[object]) -> None:
    script = sourcecache.LocalSourceFile("workflow/scripts/ingest_interferogram.py")
    paths = {script.get_cache_path() for _ in range(3)}
    found = sourcecache.parse_uri.cache_info()
    assert (found.hits, found.misses, len(paths)) == (2, 1, 1)


def test_garbage_is_looked_for_seldom_while_jobs_are_planned_and_not_at_all_at_the_end(planning: list[object]) -> None:
    assert gc.get_threshold()[0] >= 100_000
    assert planning == [gc.freeze]

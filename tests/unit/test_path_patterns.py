"""Files of patterns, and how often folders are looked at for them."""

from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from basinwatch import companions, configuration, path_patterns, stacks

from tests.conftest import ROOT

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
DAYS = [date(2020, 1, 3) + timedelta(6 * number) for number in range(200)]


def written(folder: Path, count: int) -> list[str]:
    """Write empty files of so many consecutive pairs, with headers named after them."""
    names = [f"{a:%Y%m%d}_{b:%Y%m%d}" for a, b in pairwise(DAYS[: count + 1])]
    for name in names:
        for ending in (f"S1_{name}_v1.diff", f"S1_{name}_v1.cc", f"S1_{name}.off"):
            (folder / ending).touch()
    return names


def resolved(folder: Path) -> stacks.Stack:
    """A stack whose names have parts that vary."""
    entry = {"phase": f"{folder}/S1_{{pair}}_*.diff", "coherence": f"{folder}/S1_{{pair}}_*.cc"}
    config = configuration.validate({"stacks": {"mine": entry}}, SCHEMA)
    return stacks.resolve("mine", config["stacks"]["mine"], "results")


@pytest.mark.parametrize("count", [10, 150])
def test_folders_are_looked_at_as_often_for_many_pairs_as_for_few(tmp_path, monkeypatch, count):
    names, looks = written(tmp_path, count), []
    glob, files_in = path_patterns.glob, lru_cache(companions.files_in)
    monkeypatch.setattr(path_patterns, "glob", lambda pattern: looks.append(pattern) or glob(pattern))
    stack = resolved(tmp_path)
    assert list(stack.pairs) == names
    for name in names:
        phase = stack.file("phase", name)
        assert phase == f"{tmp_path}/S1_{name}_v1.diff"
        assert stack.optional_file("coherence", name, "results") == f"{tmp_path}/S1_{name}_v1.cc"
        assert companions.companions(Path(phase), files_in) == [tmp_path / f"S1_{name}.off"]
        assert stack.is_detected(name)
    assert len(looks) == 3
    assert files_in.cache_info().misses == 1


def test_dates_and_neighbours_are_worked_out_once(tmp_path):
    written(tmp_path, 5)
    stack = resolved(tmp_path)
    assert stack.dates is stack.dates
    assert stack.adjacent_pairs is stack.adjacent_pairs


def test_a_file_that_comes_twice_is_said_with_both_names(tmp_path):
    (name,) = written(tmp_path, 1)
    (tmp_path / f"S1_{name}_v2.cc").touch()
    with pytest.raises(stacks.InputError, match="matches 2 files"):
        resolved(tmp_path).file("coherence", name)


@pytest.mark.parametrize("role", ["coherence", "unwrapped"])
def test_a_date_of_processing_in_a_name_hides_no_file(tmp_path, role):
    for name in ("x_20200101_20200113.diff", "x_20200101_20200113_v20200301.cc", "x_20200101_20200113_v20200301.txt"):
        (tmp_path / name).touch()
    entry = {"phase": f"{tmp_path}/x_{{pair}}.diff", role: f"{tmp_path}/x_*{{date1}}*{{date2}}*.cc"}
    config = configuration.validate({"stacks": {"mine": entry}}, SCHEMA)
    stack = stacks.resolve("mine", config["stacks"]["mine"], "made")
    found = stack.optional_file(role, "20200101_20200113", "made")
    assert found == f"{tmp_path}/x_20200101_20200113_v20200301.cc"


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("a/{date1}-{date2}.tif", ("20200103", "20200109")),
        ("a/{date2}/{date1}_{date2}.tif", ("20200109", "20200103")),
        ("{pair}", ("20200103_20200109",)),
    ],
)
def test_texts_come_in_the_order_of_their_placeholders(pattern, texts):
    named = {"date1": "20200103", "date2": "20200109", "pair": "20200103_20200109"}
    assert path_patterns.texts_in(pattern, named) == texts
    assert path_patterns.placeholders(pattern) <= path_patterns.KNOWN

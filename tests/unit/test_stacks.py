"""Pairs from files and scene tables."""

from datetime import date
from pathlib import Path

import pytest
from basinwatch import stacks
from basinwatch.errors import InputError

NETWORK = {"predecessors": 2, "max_temporal_baseline_days": None}


def settings(**changes):
    base = {"phase": "", "coherence": None, "unwrapped": None, "header": None, "scenes": None,
            "network": NETWORK, "exclude_pairs": [], "grid_pair": None, "detect_pairs": "adjacent"}  # fmt: skip
    return base | changes


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def scene_table(folder: Path, *dates: str) -> str:
    path = folder / "scenes.csv"
    path.write_text("date\n" + "\n".join(dates) + "\n")
    return str(path)


def resolve(**changes):
    return stacks.resolve("s", settings(**changes), "made/here")


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["20200101_20200113.diff", "20200113_20200125.diff"], "{pair}.diff"),
        (["a-20200101-20200113_utm.unw", "a-20200113-20200125_utm.unw"], "*{date1}-{date2}_utm.unw"),
        (["200101-200113.unw", "200113-200125.unw"], "{date1}-{date2}.unw"),
        (["20200101_20200113/20200101_20200113.tif", "20200113_20200125/20200113_20200125.tif"], "{pair}/{pair}.tif"),
    ],
)
def test_pairs_are_found_by_pattern(tmp_path, names, pattern):
    touch(tmp_path, *names, "readme.txt")
    stack = resolve(phase=f"{tmp_path}/{pattern}")
    assert list(stack.pairs) == ["20200101_20200113", "20200113_20200125"]
    assert [stack.file("phase", pair) for pair in stack.pairs] == [f"{tmp_path}/{name}" for name in names]


def test_a_folder_and_file_with_different_dates_are_no_pair(tmp_path):
    touch(tmp_path, "20200101_20200113/20200113_20200125.tif")
    with pytest.raises(InputError, match="no file matches"):
        resolve(phase=f"{tmp_path}/{{pair}}/{{pair}}.tif")


def test_reversed_names_keep_their_order_and_get_a_forward_name(tmp_path):
    touch(tmp_path, "20200113_20200101.diff")
    (pair,) = resolve(phase=f"{tmp_path}/{{pair}}.diff").pairs.values()
    assert (pair.name, pair.first, pair.second) == ("20200101_20200113", date(2020, 1, 13), date(2020, 1, 1))


def test_nothing_found_names_the_pattern_and_the_missing_folder(tmp_path):
    with pytest.raises(InputError, match=r"stacks\.s\.phase: no file matches .*absent.* does not exist"):
        resolve(phase=f"{tmp_path}/absent/{{pair}}.diff")
    with pytest.raises(InputError, match="which holds 0 entries"):
        resolve(phase=f"{tmp_path}/{{pair}}.diff")


def test_two_files_of_one_pair_are_refused(tmp_path):
    touch(tmp_path, "20200101_20200113.a", "20200101-20200113.b")
    with pytest.raises(InputError, match="one file per pair"):
        resolve(phase=f"{tmp_path}/{{pair}}.*")


@pytest.mark.parametrize(
    ("role", "pattern"), [("phase", "a.diff"), ("phase", "{name}.diff"), ("coherence", "{pair}_{name}.cc")]
)
def test_a_pattern_without_dates_or_with_a_foreign_name_is_refused(tmp_path, role, pattern):
    table = scene_table(tmp_path, "2020-01-01", "2020-01-13")
    with pytest.raises(InputError, match=rf"stacks\.s\.{role}: .* must contain"):
        resolve(**{"phase": "made/here/{pair}.diff", "scenes": table, role: pattern})


def test_equal_dates_are_refused(tmp_path):
    touch(tmp_path, "20200101_20200101.diff")
    with pytest.raises(InputError, match="both dates"):
        resolve(phase=f"{tmp_path}/{{pair}}.diff")


def test_a_scene_table_pairs_each_scene_with_its_predecessors(tmp_path):
    table = scene_table(tmp_path, "2020-01-01", "20200113", "2020-01-25")
    stack = resolve(phase="made/here/{pair}.diff", scenes=table)
    assert list(stack.pairs) == ["20200101_20200113", "20200101_20200125", "20200113_20200125"]
    assert stack.adjacent_pairs == ["20200101_20200113", "20200113_20200125"]


def test_files_the_workflow_makes_need_not_exist_however_deep_they_lie(tmp_path):
    table = scene_table(tmp_path, "2020-01-01", "20200113")
    stack = resolve(phase="./made/here/frame/{pair}/{pair}.tif", coherence="made/here/{pair}.cc", scenes=table)
    assert stack.optional_file("coherence", "20200101_20200113", "made/here") == "made/here/20200101_20200113.cc"
    with pytest.raises(InputError, match=r"made/hereabouts/20200101_20200113.tif does not exist"):
        resolve(phase="made/hereabouts/{pair}.tif", scenes=table)


def test_a_new_scene_only_appends_pairs():
    dates = [date(2020, 1, 1 + d) for d in range(0, 30, 3)]
    before, after = (stacks.nearest_predecessors(dates[:n], 3) for n in (9, 10))
    assert after[: len(before)] == before
    assert {b for _, b in after[len(before) :]} == {dates[9]}


def test_the_paper_network_has_771_pairs():
    dates = [date.fromordinal(737000 + 12 * i) for i in range(132)]
    assert len(stacks.nearest_predecessors(dates, 6)) == 771


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["2020-01-13", "2020-01-01"], "2020-01-01 follows 2020-01-13"),
        (["2020-01-01", "2020-01-01"], "each date once"),
        (["2020-13-01"], r"line 2: '2020-13-01' is not a date"),
    ],
)
def test_a_wrong_scene_table_is_one_sentence(tmp_path, rows, sentence):
    with pytest.raises(InputError, match=sentence):
        resolve(phase="made/here/{pair}.diff", scenes=scene_table(tmp_path, *rows))


def test_a_table_without_date_column_names_its_columns(tmp_path):
    (tmp_path / "t.csv").write_text("day\n2020-01-01\n")
    with pytest.raises(InputError, match=r"columns are \['day'\]"):
        stacks.read_scenes(tmp_path / "t.csv")


def test_a_planned_pair_without_file_is_left_out_with_a_warning(tmp_path):
    touch(tmp_path, "20200101_20200113.diff", "20200101_20200125.diff")
    table = scene_table(tmp_path, "2020-01-01", "2020-01-13", "2020-01-25")
    stack = resolve(phase=f"{tmp_path}/{{pair}}.diff", scenes=table)
    assert list(stack.pairs) == ["20200101_20200113", "20200101_20200125"]
    assert len(stack.warnings) == 1
    assert "20200113_20200125 is left out" in stack.warnings[0]


def test_excluded_pairs_vanish_but_keep_the_grid_and_misspelt_ones_are_said(tmp_path):
    touch(tmp_path, "20200101_20200113.diff", "20200113_20200125.diff")
    phase = f"{tmp_path}/{{pair}}.diff"
    stack = resolve(phase=phase, exclude_pairs=["20200101_20200113", "20200101_20200125"])
    assert list(stack.pairs) == ["20200113_20200125"]
    assert stack.grid_pair == "20200101_20200113"
    assert stack.file("phase", stack.grid_pair) == f"{tmp_path}/20200101_20200113.diff"
    assert stack.warnings == ("stacks.s.exclude_pairs: there is no pair 20200101_20200125.",)
    with pytest.raises(InputError, match="no pair is left"):
        resolve(phase=phase, exclude_pairs=["20200101_20200113", "20200113_20200125"])


def test_the_grid_pair_may_be_named_and_must_exist(tmp_path):
    touch(tmp_path, "20200101_20200113.diff", "20200113_20200125.diff")
    phase = f"{tmp_path}/{{pair}}.diff"
    assert resolve(phase=phase, grid_pair="20200113_20200125").grid_pair == "20200113_20200125"
    with pytest.raises(InputError, match=r"grid_pair: 20200101_20200125 is no pair"):
        resolve(phase=phase, grid_pair="20200101_20200125")


def test_a_stack_without_consecutive_pairs_says_how_to_search_all(tmp_path):
    touch(tmp_path, "20200101_20200125.diff", "20200113_20200206.diff")
    phase = f"{tmp_path}/{{pair}}.diff"
    with pytest.raises(InputError, match=r"none of 2 pairs joins consecutive scenes.*detect_pairs: all"):
        resolve(phase=phase)
    assert len(resolve(phase=phase, detect_pairs="all").detection_pairs) == 2


def test_a_pair_without_its_own_header_is_left_out(tmp_path):
    touch(tmp_path, "20200101_20200113.diff", "20200101_20200113.off", "20200113_20200125.diff")
    stack = resolve(phase=f"{tmp_path}/{{pair}}.diff", header=f"{tmp_path}/{{pair}}.off")
    assert list(stack.pairs) == ["20200101_20200113"]
    assert "20200113_20200125.off does not exist" in stack.warnings[0]


def test_absent_coherence_is_allowed(tmp_path):
    touch(tmp_path, "20200101_20200113.diff")
    stack = resolve(phase=f"{tmp_path}/{{pair}}.diff", coherence=f"{tmp_path}/{{pair}}.cc")
    assert stack.optional_file("coherence", "20200101_20200113", "made/here") is None


@pytest.mark.parametrize(
    ("areas", "sentence"),
    [
        ({"a": {"stacks": ["x"]}}, "'x' is no stack"),
        ({"a": {"stacks": ["s"]}, "b": {"stacks": ["s"]}}, "lies in a and b"),
    ],
)
def test_areas_must_partition_the_stacks(areas, sentence):
    with pytest.raises(InputError, match=sentence):
        stacks.resolve_areas(areas, {"s": None})

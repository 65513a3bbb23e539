"""Pairs from files and scene tables."""

from datetime import date
from pathlib import Path

import pytest
from basinwatch import stacks
from basinwatch.errors import InputError

NETWORK = {"predecessors": 2, "max_temporal_baseline_days": None,
           "max_perpendicular_baseline_m": None, "bridge_days": None}  # fmt: skip


def settings(**changes):
    base = {"phase": "", "coherence": None, "unwrapped": None, "header": None, "scenes": None,
            "network": NETWORK, "baselines": None, "exclude_pairs": [], "grid_pair": None,
            "detect_pairs": "adjacent"}  # fmt: skip
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
        (["2020000_2020012/phasefilt.grd", "2020012_2020024/phasefilt.grd"], "{pair}/phasefilt.grd"),
        (["a2020000_2020012.grd", "a2020012_2020024.grd"], "*{pair}.grd"),
        (["01Jan2020_13Jan2020.dim", "13Jan2020_25Jan2020.dim"], "{pair}.dim"),
        (["20200101_20200113/20200101_20200113.tif", "20200113_20200125/20200113_20200125.tif"], "{pair}/{pair}.tif"),
    ],
)
def test_pairs_are_found_by_pattern(tmp_path, names, pattern):
    touch(tmp_path, *names, "readme.txt")
    stack = resolve(phase=f"{tmp_path}/{pattern}")
    assert list(stack.pairs) == ["20200101_20200113", "20200113_20200125"]
    assert [stack.file("phase", pair) for pair in stack.pairs] == [f"{tmp_path}/{name}" for name in names]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("OPERA_F11116_20200101T140755Z_20200113T140755Z_v1.0_20241220T235901Z.nc", "OPERA_*_{date1}T*_{date2}T*.nc"),
        ("022D_04826_121209_20200101_20200113.tif", "*_{date1}_{date2}*.tif"),
        ("20200101_20200113_20240501.tif", "{pair}*.tif"),
        ("a20240501/20200101_20200113_20240501_b.tif", "a*/*{pair}*.tif"),
        ("S1_027968_01Jan2020_13Jan2020.dim", "S1*_{pair}.dim"),
        ("20200101_20200113/200101-200113.unw", "{pair}/{date1}-{date2}.unw"),
    ],
)
def test_further_dates_and_numbers_in_a_name_are_not_taken_for_the_pairs(tmp_path, name, pattern):
    touch(tmp_path, name)
    (pair,) = resolve(phase=f"{tmp_path}/{pattern}").pairs.values()
    assert (pair.first, pair.second) == (date(2020, 1, 1), date(2020, 1, 13))


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


def test_a_new_scene_only_appends_pairs(tmp_path):
    days = [f"2020-01-{day:02d}" for day in range(1, 31, 3)]
    before, after = (
        list(resolve(phase="made/here/{pair}.diff", scenes=scene_table(tmp_path, *days[:n])).pairs) for n in (9, 10)
    )
    assert after[: len(before)] == before
    assert after[len(before) :] == ["20200122_20200128", "20200125_20200128"]


def baseline_table(folder: Path, **metres: float) -> str:
    path = folder / "baselines"
    path.write_text("".join(f"{name.removeprefix('d')} {value}\n" for name, value in metres.items()))
    return str(path)


def why(stack: stacks.Stack) -> dict[tuple[int, int], str]:
    return {link.positions: link.reason for link in stack.links if not link.kept}


def test_limits_and_missing_files_and_exclusions_thin_a_planned_network_and_say_why(tmp_path):
    table = scene_table(tmp_path, "2020-01-01", "2020-01-13", "2020-01-25", "2020-02-06")
    names = ["20200101_20200113", "20200113_20200125", "20200125_20200206", "20200113_20200206"]
    touch(tmp_path, *(f"{name}.diff" for name in names if name != "20200125_20200206"))
    limits = {"predecessors": 2, "max_temporal_baseline_days": 24, "max_perpendicular_baseline_m": 200}
    stack = resolve(
        phase=f"{tmp_path}/{{pair}}.diff",
        scenes=table,
        network=NETWORK | limits,
        baselines=baseline_table(tmp_path, d20200101=0, d20200113=-150, d20200125=210, d20200206=0),
        exclude_pairs=["20200113_20200206"],
    )
    assert list(stack.pairs) == ["20200101_20200113"]
    assert why(stack) == {
        (0, 2): "210 m apart, more than 200",
        (1, 2): "360 m apart, more than 200",
        (2, 3): "210 m apart, more than 200",
        (1, 3): "excluded",
    }
    assert stack.warnings == ()


def test_a_file_that_is_missing_is_the_reason_in_the_table(tmp_path):
    touch(tmp_path, "20200101_20200113.diff")
    table = scene_table(tmp_path, "2020-01-01", "2020-01-13", "2020-01-25")
    stack = resolve(phase=f"{tmp_path}/{{pair}}.diff", scenes=table)
    assert why(stack) == {(0, 2): "file missing", (1, 2): "file missing"}


def test_the_limits_also_thin_pairs_found_on_disk(tmp_path):
    touch(tmp_path, "20200101_20200113.diff", "20200125_20200113.diff", "20200101_20200301.diff")
    network = NETWORK | {"predecessors": 1, "max_temporal_baseline_days": 30}
    stack = resolve(phase=f"{tmp_path}/{{pair}}.diff", network=network)
    assert list(stack.pairs) == ["20200101_20200113", "20200113_20200125"]
    assert why(stack) == {(0, 3): "60 days, more than 30"}
    assert {link.reason for link in stack.links if link.kept} == {"found"}


def test_a_limit_in_metres_without_baselines_is_one_sentence(tmp_path):
    network = NETWORK | {"max_perpendicular_baseline_m": 200}
    table = scene_table(tmp_path, "2020-01-01", "2020-01-13")
    with pytest.raises(
        InputError, match=r"baselines: found none for 2 of 2 scenes.*max_perpendicular_baseline_m: null"
    ):
        resolve(phase="made/here/{pair}.diff", scenes=table, network=network)


def test_a_bridge_joins_scenes_a_year_apart(tmp_path):
    table = scene_table(tmp_path, "2020-01-01", "2020-01-13", "2021-01-07", "2021-01-19")
    network = NETWORK | {"predecessors": 1, "max_temporal_baseline_days": 30, "bridge_days": 365}
    stack = resolve(phase="made/here/{pair}.diff", scenes=table, network=network)
    assert list(stack.pairs) == [
        "20200101_20200113", "20200113_20210107", "20200113_20210119", "20210107_20210119",
    ]  # fmt: skip


def test_no_neighbours_and_no_limit_pair_every_scene_with_every_other(tmp_path):
    table = scene_table(tmp_path, *(f"2020-01-{day:02d}" for day in range(1, 7)))
    network = NETWORK | {"predecessors": None}
    assert len(resolve(phase="made/here/{pair}.diff", scenes=table, network=network).pairs) == 15


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


def test_a_stack_keeps_to_the_grid_of_a_pair_as_long_as_its_file_is_there(tmp_path):
    touch(tmp_path, "20200101_20200113.diff", "20200113_20200125.diff", "20200125_20200206.diff")
    table = scene_table(tmp_path, "2020-01-13", "2020-01-25", "2020-02-06")
    stack = resolve(phase=f"{tmp_path}/{{pair}}.diff", scenes=table, network=NETWORK | {"predecessors": 1})
    assert stack.grid_pair == "20200113_20200125"
    for kept in ("20200125_20200206", "20200101_20200113"):
        found = stack.keeping_grid_of(kept)
        assert found.grid_pair == kept
        assert found.file("phase", kept) == f"{tmp_path}/{kept}.diff"
        assert list(found.pairs) == list(stack.pairs)
    assert stack.keeping_grid_of("20191220_20200101") is stack


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

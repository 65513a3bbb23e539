"""How sure the report and the map page are of each basin, told from its time line and the rate map."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest
from basinwatch import map_page, report
from basinwatch.report import figures
from basinwatch.report.evidence import basin_evidence, longest_run

from tests.unit.report_scene import CONFIG, Page, map_grid, write_area


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> report.Area:
    files = write_area(tmp_path_factory.mktemp("map"), map_grid(64))
    return report.load("silesia", {"north": True}, files)


def follow(*seen: int) -> list[tuple[str, bool]]:
    """Pairs of neighbouring dates, detected or not."""
    return [(f"2024010{day}_2024010{day + 1}", bool(flag)) for day, flag in enumerate(seen, start=1)]


@pytest.mark.parametrize(
    ("seen", "run"), [((), 0), ((0, 0), 0), ((1, 0, 1, 0, 1), 1), ((1, 1, 0, 1, 1, 1, 0), 3), ((1, 1, 1, 1), 4)]
)
def test_pairs_count_in_a_row_until_one_of_them_sees_nothing(seen: tuple[int, ...], run: int) -> None:
    assert longest_run(follow(*seen)) == run
    assert longest_run(reversed(follow(*seen))) == run


def test_a_pair_that_observes_nothing_does_not_break_a_row() -> None:
    pairs = follow(1, 1, 1)
    assert longest_run([pairs[0], pairs[2]]) == 2


def test_the_air_over_one_date_makes_no_row_of_three_however_many_pairs_share_it() -> None:
    days = range(1, 8)
    pairs = [(f"2024010{a}_2024010{b}", 4 in (a, b)) for a in days for b in days if a < b <= a + 3]
    assert sum(detected for _, detected in pairs) == 6
    assert longest_run(pairs) == 2


def timeline(area: report.Area, basin: str, seen: str) -> report.Area:
    """The same area with another history of one basin."""
    rows = area.timeline[area.timeline["basin"] != basin]
    found = [flag == "1" for flag in seen]
    own = {"basin": basin, "pair": area.pairs, "stack": "north", "observed": True, "detected": found,
           "score": [0.6 if flag else float("nan") for flag in found], "area_m2": 1.0}  # fmt: skip
    return replace(area, timeline=pd.concat([rows, pd.DataFrame(own)]))


@pytest.mark.parametrize(("seen", "level"), [("101010", "weak"), ("110110", "fair"), ("011100", "firm")])
def test_a_basin_that_the_rate_map_does_not_show_stands_by_its_pairs_alone(
    area: report.Area, seen: str, level: str
) -> None:
    found = basin_evidence(timeline(area, "k2", seen))["k2"]
    assert (found.level, found.in_rate_map) == (level, False)
    assert found.median_score == found.best_score == pytest.approx(0.6)


def test_a_basin_that_the_rate_map_shows_is_firm_whatever_its_pairs(area: report.Area) -> None:
    found = basin_evidence(timeline(area, "k1", "100001"))["k1"]
    assert (found.level, found.run, found.in_rate_map) == ("firm", 1, True)


def test_without_a_rate_map_nothing_is_said_of_one(area: report.Area) -> None:
    bare = replace(area, stacks=tuple(replace(stack, objects=None) for stack in area.stacks))
    found = basin_evidence(timeline(bare, "k2", "101010"))["k2"]
    assert found.in_rate_map is None
    assert found.told() == "weak: never in two pairs in a row"


@pytest.fixture
def weak(area: report.Area) -> report.Area:
    """An area one of whose basins is seen now and then only."""
    return timeline(area, "k2", "101010")


def test_the_report_names_weak_basins_at_the_top_and_lists_them_first(
    weak: report.Area, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "encode", lambda figure, colors=None: b"")
    html = report.render(weak, CONFIG, [])
    text = re.sub(r"\s+", " ", Page(html).text)
    assert "rests on weak evidence" not in Page(report.render(timeline(weak, "k2", "111111"), CONFIG, [])).text
    assert "k2 rests on weak evidence: no two pairs in a row show it, nor does the rate map." in text
    listed = html[html.index("What each basin rests on") :]
    assert re.findall(r"<td[^>]*>(k\d)<", listed)[0] == "k2"


def test_the_map_page_tells_the_evidence_of_every_basin(weak: report.Area) -> None:
    told = {card["name"]: card["evidence"] for card in map_page.page.page_data(weak, 5.0)["basins"]}
    assert told["k2"] == "weak: never in two pairs in a row, not in the rate map"
    assert told["k1"] == "firm: 6 pairs in a row, in the rate map too"

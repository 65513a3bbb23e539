from datetime import date, timedelta

import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.sbas.design import Design, choose

START = date(2018, 1, 1)


def scenes(count, step=12):
    return [START + timedelta(days=step * k) for k in range(count)]


def kept(links):
    return [link.positions for link in links if link.kept]


def test_six_neighbours_of_132_scenes_are_771_pairs():
    links = choose(scenes(132), Design(predecessors=6))
    assert len(links) == len(kept(links)) == 771
    assert max(link.span for link in links) == 6
    assert {link.reason for link in links} == {"neighbour"}


def test_limits_drop_pairs_and_say_why():
    dates = scenes(20)
    baselines = dict.fromkeys(dates, 0.0) | {dates[7]: -230.0}
    links = choose(dates, Design(predecessors=6, max_days=60, max_baseline_m=200.0), baselines)
    dropped = {link.positions: link.reason for link in links if not link.kept}
    assert dropped[0, 6] == "72 days, more than 60"
    assert dropped[7, 8] == "230 m apart, more than 200"
    assert len(kept(links)) + len(dropped) == 6 * 20 - 21
    assert all(link.days <= 60 and 7 not in link.positions for link in links if link.kept)


def test_without_a_number_of_neighbours_the_limits_alone_decide():
    rng = np.random.default_rng(0)
    dates = sorted(rng.choice(np.array(scenes(200, 6)), 70, replace=False).tolist())
    baselines = {day: float(metres) for day, metres in zip(dates, rng.normal(0, 120, 70), strict=True)}
    links = choose(dates, Design(predecessors=None, max_days=60, max_baseline_m=200.0), baselines)
    expected = {
        (i, j)
        for j in range(70)
        for i in range(j)
        if (dates[j] - dates[i]).days <= 60 and abs(baselines[dates[j]] - baselines[dates[i]]) <= 200
    }
    assert set(kept(links)) == expected
    assert len(links) == len(expected)


def test_bridges_join_each_scene_with_the_one_about_a_year_before():
    dates = scenes(70)
    links = choose(dates, Design(predecessors=2, bridge_days=365, bridge_tolerance_days=6))
    bridges = [link for link in links if link.reason == "bridge"]
    # 30 intervals of 12 days are 360 days, 31 are 372.
    assert {link.span for link in bridges} == {30}
    assert len(bridges) == 40


def test_a_scene_without_another_a_year_before_gets_no_bridge():
    dates = [day for day in scenes(70) if not 350 <= (day - START).days <= 380]
    links = choose(dates, Design(predecessors=1, bridge_days=365))
    bridged = {link.second for link in links if link.reason == "bridge"}
    assert START + timedelta(days=732) not in bridged
    assert START + timedelta(days=780) in bridged


def test_a_later_scene_only_appends_pairs():
    design = Design(predecessors=3, max_days=48, bridge_days=365)
    assert choose(scenes(60), design) == choose(scenes(61), design)[: len(choose(scenes(60), design))]


def test_a_row_of_the_table_tells_what_the_pair_was_judged_by():
    dates = scenes(3)
    link = choose(dates, Design(predecessors=1), {dates[0]: 10.0, dates[1]: -32.126, dates[2]: 0.0})[0]
    assert link.row() == {
        "pair": "20180101_20180113", "first": 0, "second": 1, "days": 12, "baseline_m": -42.13, "kept": True,
        "reason": "neighbour",
    }  # fmt: skip


def test_a_limit_on_baselines_needs_the_baseline_of_every_scene():
    dates = scenes(3)
    with pytest.raises(InputError, match=r"found none for 1 of 3 scenes \(first 2018-01-13\)"):
        choose(dates, Design(max_baseline_m=100.0), {dates[0]: 0.0, dates[2]: 1.0})


def test_scenes_out_of_order_are_refused():
    with pytest.raises(InputError, match="found 2018-01-01 after 2018-01-13"):
        choose(scenes(2)[::-1], Design())

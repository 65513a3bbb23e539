from datetime import date, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from basinwatch.activity import ActivityState, StateSettings, accumulate, coverage, describe, timeline
from basinwatch.grid import Grid
from basinwatch.linking import link, outlines
from hypothesis import given, settings
from hypothesis import strategies as st

START = date(2022, 1, 1)
GRID = Grid(40, 30, None, None, (10.0, 10.0))
EVERYWHERE = np.ones((30, 40), bool)


def day(n):
    return START + timedelta(n)


def random_masks(pairs, seed=0):
    rng = np.random.default_rng(seed)
    return [(day(a), day(b), rng.random((6, 7)) < 0.4, rng.random((6, 7)) < 0.8) for a, b in pairs]


def brute_force(masks, which):
    """Days of the union of spans, day by day."""
    out = np.zeros(masks[0][2].shape)
    for n in range((max(b for _, b, *_ in masks) - START).days):
        out += np.any([which(m) for m in masks if m[0] <= day(n) < m[1]] or [np.zeros(out.shape, bool)], axis=0)
    return out


ADJACENT = [(0, 12), (12, 24), (24, 48), (48, 54)]
OVERLAPPING = [(0, 12), (0, 24), (12, 24), (12, 36), (36, 42), (60, 72)]


@pytest.mark.parametrize("pairs", [ADJACENT, OVERLAPPING])
def test_days_equal_a_count_day_by_day_and_overlaps_count_once(pairs):
    masks = random_masks(pairs)
    result = accumulate(masks)
    days, observed = brute_force(masks, lambda m: m[2]), brute_force(masks, lambda m: m[3] | m[2])
    assert np.array_equal(result.days, days)
    assert np.array_equal(result.observed_days, observed)
    with np.errstate(invalid="ignore"):
        assert np.allclose(result.fraction, days / observed, equal_nan=True)


def test_adjacent_spans_add_and_a_constant_detection_gives_the_whole_period():
    masks = random_masks(ADJACENT)
    total = sum((b - a).days * m for a, b, m, _ in masks)
    assert np.array_equal(accumulate(masks).days, total)
    always = [(a, b, np.ones_like(m), s) for a, b, m, s in masks]
    assert (accumulate(always).days == 54).all()
    assert (accumulate(always).fraction == 1).all()


def test_the_order_of_pairs_with_the_same_start_does_not_matter_but_time_must_not_run_back():
    masks = random_masks(OVERLAPPING)
    swapped = [masks[1], masks[0], masks[3], masks[2], *masks[4:]]
    assert np.array_equal(accumulate(swapped).days, accumulate(masks).days)
    with pytest.raises(ValueError, match="order of time"):
        accumulate([masks[2], masks[0]])


def test_first_and_last_day_bound_the_detections_and_unobserved_pixels_have_none():
    none, some = np.zeros((1, 2), bool), np.array([[True, False]])
    result = accumulate([(day(0), day(12), none, none), (day(12), day(24), some, some), (day(24), day(36), some, some)])
    epoch = (START - date(1970, 1, 1)).days
    assert result.first_day[0, 0] == epoch + 12
    assert result.last_day[0, 0] == epoch + 36
    assert np.isnan([result.first_day[0, 1], result.last_day[0, 1], result.fraction[0, 1]]).all()


def test_nothing_to_accumulate_is_an_error():
    with pytest.raises(ValueError, match="no pair"):
        accumulate([])


def history(text, step=12, start=0, **options):
    """Accumulate one pixel from a word: D detected, s seen, . not observed, one adjacent pair each."""
    masks = [
        (day(start + step * i), day(start + step * (i + 1)), np.array([[c == "D"]]), np.array([[c == "s"]]))
        for i, c in enumerate(text)
    ]
    return {name: float(values[0, 0]) for name, values in vars(accumulate(masks, **options)).items()}


@pytest.mark.parametrize(
    ("text", "gap", "episodes", "longest", "bridged"),
    [
        ("DDD", 0, 1, 36, 0),
        ("DsDD", 0, 2, 24, 0),
        ("D.DD", 0, 2, 24, 0),
        ("D.DD", 12, 1, 48, 12),
        ("D..D", 12, 2, 12, 0),
        ("D..D", 24, 1, 48, 24),
        ("D.s.D", 99, 2, 12, 0),
        ("..D", 99, 1, 12, 0),
        ("D..", 99, 1, 12, 0),
        ("D.D.D", 12, 1, 60, 24),
        ("ss.", 0, 0, 0, 0),
    ],
)
def test_spells_end_where_nothing_is_detected_and_go_on_over_short_unobserved_gaps(
    text, gap, episodes, longest, bridged
):
    found = history(text, max_gap_days=gap)
    assert (found["episodes"], found["longest_days"], found["bridged_days"]) == (episodes, longest, bridged)
    assert found["days"] == 12 * text.count("D")
    assert found["observed_days"] == 12 * (len(text) - text.count("."))


def test_time_that_no_pair_spans_is_a_gap_like_any_other():
    none, some = np.zeros((1, 1), bool), np.ones((1, 1), bool)
    masks = [(day(0), day(12), some, none), (day(30), day(42), some, none)]
    assert accumulate(masks).episodes[0, 0] == 2
    bridged = accumulate(masks, max_gap_days=18)
    assert [bridged.episodes[0, 0], bridged.longest_days[0, 0], bridged.bridged_days[0, 0]] == [1, 42, 18]
    assert bridged.days[0, 0] == 24


def spells(active):
    """Number of spells and longest spell of one pixel from its days one by one."""
    runs = "".join("x" if a else " " for a in active).split()
    return len(runs), max(map(len, runs), default=0)


networks = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 9)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    min_size=1, max_size=9, unique=True,
)  # fmt: skip


def equal(a, b):
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(vars(a).values(), vars(b).values(), strict=True))


@settings(deadline=None, max_examples=60)
@given(networks, st.integers(0, 1000))
def test_any_network_gives_what_a_count_day_by_day_gives(pairs, seed):
    masks = random_masks(sorted(pairs), seed)
    result = accumulate(masks)
    by_day = {
        name: np.array([
            np.any([m[2] | (m[3] & (name == "observed")) for m in masks if m[0] <= day(n) < m[1]] or
                   [np.zeros((6, 7), bool)], axis=0)
            for n in range(max(b for _, b in pairs))
        ])
        for name in ("active", "observed")
    }  # fmt: skip
    assert np.array_equal(result.days, by_day["active"].sum(0))
    assert np.array_equal(result.observed_days, by_day["observed"].sum(0))
    for row, column in np.ndindex(6, 7):
        expected = spells(by_day["active"][:, row, column])
        assert (result.episodes[row, column], result.longest_days[row, column]) == expected


@settings(deadline=None, max_examples=60)
@given(networks, st.integers(0, 1000), st.integers(0, 40), st.randoms(use_true_random=False))
def test_pairs_added_one_by_one_in_any_order_give_the_full_result_to_the_last_bit(pairs, seed, gap, random):
    masks = random_masks(sorted(pairs), seed)
    full = accumulate(masks, max_gap_days=gap)
    shuffled = list(masks)
    random.shuffle(shuffled)
    state = ActivityState((6, 7), gap)
    for mask in shuffled:
        state.add(*mask)
    assert equal(state.activity(), full)
    assert equal(state.activity(), full)  # looking does not change the state


@settings(deadline=None, max_examples=40)
@given(networks, st.integers(0, 1000), st.integers(0, 20))
def test_closing_time_that_no_pair_reaches_changes_nothing(pairs, seed, when):
    masks = random_masks(sorted(pairs), seed)
    early, late = ([m for m in masks if (m[0] >= day(when)) == late] for late in (False, True))
    state = ActivityState((6, 7), 5)
    for mask in early:
        state.add(*mask)
    state.close(day(when))
    for mask in late:
        state.add(*mask)
    assert equal(state.activity(), accumulate(masks, max_gap_days=5))


def test_a_saved_state_goes_on_with_the_new_pairs_alone(tmp_path):
    masks = random_masks(OVERLAPPING)
    state = ActivityState((6, 7), 12, key="model-1")
    for mask in masks[:4]:
        state.add(*mask)
    state.close(day(12))
    state.save(tmp_path / "state.npz")
    again = ActivityState.load(tmp_path / "state.npz")
    assert [m[:2] in again for m in masks] == [True] * 4 + [False] * 2
    for mask in masks[4:]:
        again.add(*mask)
    assert equal(again.activity(), accumulate(masks, max_gap_days=12))


def test_a_state_is_continued_only_with_the_same_settings_and_pairs_it_can_take():
    spans = [(day(a), day(b)) for a, b in OVERLAPPING]
    state = ActivityState((6, 7), 12, key="model-1")
    for mask in random_masks(OVERLAPPING)[:4]:
        state.add(*mask)
    state.close(day(24))
    assert state.continues_to(spans, (6, 7), 12, "model-1")
    assert not state.continues_to(spans, (6, 8), 12, "model-1")
    assert not state.continues_to(spans, (6, 7), 0, "model-1")
    assert not state.continues_to(spans, (6, 7), 12, "model-2")
    assert not state.continues_to(spans[1:], (6, 7), 12, "model-1")
    assert not state.continues_to([*spans, (day(18), day(60))], (6, 7), 12, "model-1")
    with pytest.raises(ValueError, match="order of time"):
        state.add(day(18), day(60), *random_masks([(18, 60)])[0][2:])


def test_a_file_that_is_no_state_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", values=np.arange(3))
    with pytest.raises(ValueError, match="expected 1"):
        ActivityState.load(tmp_path / "other.npz")


def series(schedule, n=12):
    """Instances of square basins at the pairs of `schedule` ({column: pair numbers}), and all pairs."""
    pairs = [(f"p{i:02d}", day(12 * i), day(12 * i + 12)) for i in range(n)]
    rows = [
        (0.7, 1600.0, pairs[i][0], pairs[i][1].isoformat(), pairs[i][2].isoformat(), "A", shapely.box(x, 5, x + 4, 9))
        for x, numbers in schedule.items()
        for i in numbers
    ]
    columns = ["score", "area_m2", "pair", "date1", "date2", "stack", "geometry"]
    return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry"), pairs


SCHEDULE = {2: range(12), 10: [0, 3, 8, 9], 18: [9, 10, 11], 26: [0, 1, 2, 4]}


def histories(schedule=SCHEDULE, observed=lambda i: EVERYWHERE):
    instances, pairs = series(schedule)
    linked = link(instances)
    basins = outlines(linked)
    covered = coverage(basins, [(*pair, observed(i)) for i, pair in enumerate(pairs)], "A", GRID)
    rows = timeline(linked, covered)
    described = describe(basins, rows)
    by_column = {int(g.bounds[0]): i for i, g in enumerate(described.geometry)}
    return described.iloc[[by_column[x] for x in schedule]].reset_index(drop=True), rows


def test_the_four_states_are_told_apart():
    described, _ = histories()
    assert described["state"].tolist() == ["continuous", "intermittent", "new", "ceased"]


def test_a_basin_is_described_by_its_dates_counts_and_days():
    described, _ = histories()
    third = described.iloc[2]
    assert (third["first_seen"], third["last_seen"]) == (day(108).isoformat(), day(144).isoformat())
    assert (third["n_detected"], third["n_observed"]) == (3, 12)
    assert (third["active_days"], third["observed_days"]) == (36, 144)
    assert third["active_fraction"] == 0.25
    assert described["n_episodes"].tolist() == [1, 3, 1, 2]
    assert described["longest_days"].tolist() == [144, 24, 36, 36]


def test_the_time_line_has_one_row_per_basin_and_pair_with_scores_where_detected():
    _, rows = histories()
    assert len(rows) == 4 * 12
    assert rows["detected"].sum() == sum(len(list(v)) for v in SCHEDULE.values())
    assert (rows.loc[rows["detected"], "score"] == 0.7).all()
    assert rows.loc[~rows["detected"], "score"].isna().all()
    assert (rows.loc[~rows["detected"], "area_m2"] == 0).all()


def test_two_instances_of_one_pair_in_one_basin_make_one_row_with_their_area_added():
    instances, pairs = series({2: [0, 1]})
    half = instances.iloc[[1]].set_geometry([shapely.box(2, 5, 4, 9)], crs=None).assign(score=0.9)
    linked = link(pd.concat([instances, half], ignore_index=True))
    basins = outlines(linked)
    rows = timeline(linked, coverage(basins, [(*pairs[1], EVERYWHERE)], "A", GRID))
    assert len(rows) == 1
    assert rows["area_m2"][0] == 3200
    assert rows["score"][0] == 0.9


def test_a_basin_that_was_not_seen_before_is_not_called_new_when_nobody_could_look():
    described, rows = histories({18: [9, 10, 11]}, lambda i: EVERYWHERE if i >= 8 else ~EVERYWHERE)
    assert described["n_observed"][0] == 4
    assert described["state"][0] == "intermittent"
    assert rows["observed"].sum() == 4


def test_a_basin_that_nobody_could_watch_lately_is_not_called_ceased():
    described, _ = histories({26: range(8)}, lambda i: EVERYWHERE if i < 8 else ~EVERYWHERE)
    assert described["state"][0] == "continuous"


def test_the_definitions_of_the_states_are_settings():
    instances, pairs = series(SCHEDULE)
    linked = link(instances)
    basins = outlines(linked)
    rows = timeline(linked, coverage(basins, [(*p, EVERYWHERE) for p in pairs], "A", GRID))
    strict = describe(basins, rows, StateSettings(min_observed=12, continuous_share=0.3))
    assert set(strict["state"]) == {"continuous", "intermittent"}


def test_coverage_is_the_observed_share_of_the_outline_and_zero_outside_the_grid():
    basins = gpd.GeoDataFrame(
        {"basin": ["k1", "k2"]}, geometry=[shapely.box(0, 0, 4, 4), shapely.box(99, 99, 103, 103)]
    )
    observed = np.zeros((30, 40), bool)
    observed[:, :3] = True
    covered = coverage(basins, [("p", day(0), day(12), observed)], "A", GRID)
    assert covered["observed_share"].tolist() == [0.75, 0.0]


def test_no_basin_at_all_gives_empty_tables_with_all_columns():
    instances, pairs = series({2: [0]})
    linked = link(instances)
    basins = outlines(linked)
    rows = timeline(linked, coverage(basins, [(*p, EVERYWHERE) for p in pairs], "A", GRID))
    described = describe(basins, rows)
    assert len(rows) == len(described) == 0
    assert {"state", "first_seen", "active_fraction"} <= set(described.columns)
    assert {"basin", "observed", "score"} <= set(rows.columns)

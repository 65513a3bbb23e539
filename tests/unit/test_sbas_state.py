import os
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import rasterio
from basinwatch.sbas.inversion import invert
from basinwatch.sbas.state import ALL_DATES, StateMismatchError, append, start, withdraw
from basinwatch.sbas.state_file import read_state, write_state
from rasterio.errors import NotGeoreferencedWarning

ETNA = (
    Path(os.environ.get("BASINWATCH_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
    / "etna_incremental"
    / "testdata"
)
WIDTH, DATES = 3, 30
DAYS = np.cumsum(np.random.default_rng(0).choice([6, 12, 12, 24], DATES)).astype(float)
PAIRS = np.array([(i, j) for i, j in combinations(range(DATES), 2) if j - i <= WIDTH])
COUNTS = ("n_obs", "min_links", "n_gap", "n_comp")


def observations(missing=0.1, lost=0.0, pixels=40, seed=1):
    """Noisy differences with random gaps; `lost` is the chance that a pixel misses a whole date."""
    rng = np.random.default_rng(seed)
    truth = np.cumsum(rng.normal(0, 2, (DATES, pixels)), axis=0)
    y = truth[PAIRS[:, 1]] - truth[PAIRS[:, 0]] + rng.normal(0, 0.4, (len(PAIRS), pixels))
    y[rng.random(y.shape) < missing] = np.nan
    gone = rng.random((DATES, pixels)) < lost
    y[gone[PAIRS[:, 0]] | gone[PAIRS[:, 1]]] = np.nan
    return y


def taken_up(y, known, step, weights=None, **options):
    """State and solution after the dates beyond `known` came in, `step` at a time."""

    def of(part):
        return (y[part], None if weights is None else weights[part])

    old = PAIRS[:, 1] < known
    state, solution = start(PAIRS[old], DAYS[:known], *of(old), **options)
    for first in range(known, DATES, step):
        last = min(first + step, DATES)
        new = (PAIRS[:, 1] >= first) & (PAIRS[:, 1] < last)
        state, solution = append(state, PAIRS[new], DAYS[first:last], *of(new))
    return state, solution


def largest_difference(part, whole):
    return np.nanmax(np.abs(part.displacement - whole.displacement[part.first :]))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("missing", "lost"), [(0.0, 0.0), (0.1, 0.25), (0.6, 0.0)])
@pytest.mark.parametrize("lag", [None, ALL_DATES])
def test_appending_dates_one_by_one_equals_inverting_all_at_once(missing, lost, weighted, lag):
    y = observations(missing, lost)
    w = np.random.default_rng(2).uniform(0.1, 1, y.shape) if weighted else None
    whole = invert(PAIRS, DAYS, y, w)
    _, solution = taken_up(y, 18, 1, w, lag=lag)
    assert solution.first == (0 if lag else DATES - 4 * WIDTH - 1)
    assert largest_difference(solution, whole) < 1e-9
    for name in COUNTS:
        assert np.array_equal(getattr(solution, name), getattr(whole, name)), name


def test_several_dates_at_once_make_no_difference():
    y = observations(0.3, 0.05)
    singly, together = (taken_up(y, 17, step, lag=ALL_DATES)[1] for step in (1, 5))
    assert largest_difference(together, singly) < 1e-9


def test_the_start_is_a_full_run():
    y = observations(0.3, 0.05)
    y[:, 3] = np.nan
    whole, (state, solution) = invert(PAIRS, DAYS, y), start(PAIRS, DAYS, y)
    assert solution.first == 0
    assert largest_difference(solution, whole) < 1e-9
    assert np.isnan(solution.displacement[:, 3]).all()
    for name in COUNTS:
        assert np.array_equal(getattr(solution, name), getattr(whole, name)), name
    assert solution.temporal_coherence == pytest.approx(whole.temporal_coherence, abs=1e-6, nan_ok=True)
    assert solution.residual_rms == pytest.approx(whole.residual_rms, abs=1e-6, nan_ok=True)
    assert state.pixels == y.shape[1]


def test_running_quality_stays_near_that_of_a_full_run():
    y = observations()
    whole, (_, solution) = invert(PAIRS, DAYS, y), taken_up(y, 20, 1)
    assert solution.temporal_coherence == pytest.approx(whole.temporal_coherence, abs=0.02)
    assert solution.residual_rms == pytest.approx(whole.residual_rms, abs=0.04)


def test_dates_beyond_the_lag_hardly_move():
    y = observations()
    whole, part = invert(PAIRS, DAYS, y), invert(PAIRS[PAIRS[:, 1] < 25], DAYS[:25], y[PAIRS[:, 1] < 25])
    beyond = DATES - 4 * WIDTH
    assert np.abs(whole.displacement[:beyond] - part.displacement[:beyond]).max() < 0.05
    assert np.abs(whole.displacement[24] - part.displacement[24]).max() > 0.05


def test_the_linear_bridge_can_be_appended_to():
    y = observations(0.5, 0.05)
    whole = invert(PAIRS, DAYS, y, bridge="linear")
    assert whole.disconnected.any()
    for lag in (None, ALL_DATES):
        _, solution = taken_up(y, 20, 1, bridge="linear", lag=lag)
        assert largest_difference(solution, whole) < 1e-6


def test_a_state_is_not_changed_by_what_is_appended_to_it():
    y = observations()
    old = PAIRS[:, 1] < DATES - 1
    state, _ = start(PAIRS[old], DAYS[:-1], y[old])
    first, second = (append(state, PAIRS[~old], DAYS[-1:], y[~old])[1] for _ in range(2))
    assert np.array_equal(first.displacement, second.displacement)
    assert len(state.days) == DATES - 1


def test_pixels_of_many_blocks_are_updated_like_those_of_one(monkeypatch):
    y = observations()
    _, whole = taken_up(y, 25, 1)
    monkeypatch.setattr("basinwatch.sbas.state._BLOCK_PX", 7)
    state, solution = taken_up(y, 25, 1)
    assert len(state.blocks) == 6
    assert solution.displacement == pytest.approx(whole.displacement, abs=1e-10)


def test_a_reprocessed_pair_of_open_dates_can_be_exchanged():
    y = observations()
    again = y.copy()
    pair = int(np.flatnonzero((PAIRS == (DATES - 3, DATES - 1)).all(1))[0])
    again[pair] = y[pair] + np.where(np.arange(y.shape[1]) % 2, 2 * np.pi, np.nan)
    state, _ = taken_up(y, 20, 1)
    without, _ = withdraw(state, PAIRS[[pair]], y[[pair]])
    assert len(without.pairs) == len(PAIRS) - 1
    state, solution = append(without, PAIRS[[pair]], np.zeros(0), again[[pair]])
    whole = invert(PAIRS, DAYS, again)
    assert largest_difference(solution, whole) < 1e-9
    assert np.array_equal(solution.n_obs, whole.n_obs)
    assert np.array_equal(solution.min_links, whole.min_links)
    assert np.abs(whole.displacement - invert(PAIRS, DAYS, y).displacement).max() > 1


def test_a_date_without_any_pair_is_carried_and_flagged():
    y = observations(0.0)
    old = PAIRS[:, 1] < DATES - 1
    state, before = start(PAIRS[old], DAYS[:-1], y[old])
    _, solution = append(state, PAIRS[:0], DAYS[-1:], y[:0])
    assert (solution.n_gap == before.n_gap + 1).all()
    assert solution.disconnected.all()
    assert solution.unobserved_date.all()
    assert solution.displacement[-1] == pytest.approx(solution.displacement[-2], abs=1e-9)


def test_a_pixel_first_seen_late_is_solved_from_then_on():
    y = observations(0.0)
    early = PAIRS[:, 1] < 22
    y[early, 0] = np.nan
    _, solution = taken_up(y, 20, 1, np.full(y.shape, 0.3))
    whole = invert(PAIRS, DAYS, y)
    assert largest_difference(solution, whole) < 1e-9
    assert solution.n_comp[0] == whole.n_comp[0] > 1


def test_corrections_by_date_may_be_applied_before_or_after_appending():
    y = observations()
    delay = np.random.default_rng(3).normal(0, 5, (DATES, y.shape[1]))
    delay -= delay[0]
    corrected = y - (delay[PAIRS[:, 1]] - delay[PAIRS[:, 0]])
    (_, before), (_, after) = (taken_up(values, 20, 1) for values in (corrected, y))
    connected = ~after.disconnected
    assert connected.sum() > 30
    difference = before.displacement - (after.displacement - delay[after.first :])
    assert np.abs(difference[:, connected]).max() < 1e-9


def etna_pairs(name):
    """Interferograms (m, P) and the dates of their pairs, proleptic Gregorian ordinals (m, 2)."""
    cycles = {
        "Etna_sample": [0, 1, 3, 4, 6, 7, 8, 10, 11, *range(14, 45), *range(46, 52), 54, *range(56, 61)],
        "Etna_sample_new": [57, 58, 59, 60],
    }[name]
    later = [62, 64, 66, 68, 70, 72, 74, 76, 77, *([78, 80] if name.endswith("new") else [])]
    dates = 731237 + 35 * np.array(cycles + later)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(f'HDF5:"{ETNA / name}.h5"://igram') as phase:
            y = phase.read().reshape(phase.count, -1)
        with rasterio.open(f'HDF5:"{ETNA / name}.h5"://Jmat') as source:
            ends = source.read(1)
    assert ends.shape == (len(y), len(dates))
    return y, np.sort(np.stack([dates[ends.argmin(1)], dates[ends.argmax(1)]], axis=1), axis=1)


@pytest.mark.skipif(not ETNA.is_dir(), reason="the Etna series is not on this machine")
def test_the_etna_series_with_its_update_equals_both_files_at_once():
    (old, old_dates), (new, new_dates) = (etna_pairs(name) for name in ("Etna_sample", "Etna_sample_new"))
    dates = np.unique(np.concatenate([old_dates, new_dates]))
    known = len(np.unique(old_dates))
    assert (len(old), known, len(new), len(dates)) == (214, 61, 8, 63)
    old_pairs, new_pairs = (np.searchsorted(dates, found) for found in (old_dates, new_dates))
    whole = invert(np.concatenate([old_pairs, new_pairs]), dates, np.concatenate([old, new]))
    assert whole.disconnected.any()
    state, _ = start(old_pairs, dates[:known], old)
    _, solution = append(state, new_pairs, dates[known:], new)
    assert largest_difference(solution, whole) < 1e-9
    for name in COUNTS:
        assert np.array_equal(getattr(solution, name), getattr(whole, name)), name


@pytest.mark.parametrize("lag", [None, ALL_DATES])
def test_a_state_read_from_disk_goes_on_as_if_it_had_never_left(tmp_path, lag):
    y = observations()
    old = PAIRS[:, 1] < DATES - 2
    state, _ = start(PAIRS[old], DAYS[:-2], y[old], lag=lag)
    write_state(tmp_path / "state.safetensors", state, "files and settings")
    restored, new = read_state(tmp_path / "state.safetensors", PAIRS, DAYS, "files and settings")
    assert np.array_equal(new, ~old)
    results = [append(s, PAIRS[new], DAYS[-2:], y[new])[1] for s in (state, restored)]
    assert np.array_equal(*(result.displacement for result in results))
    assert np.array_equal(*(result.temporal_coherence for result in results))


def test_a_young_state_without_closed_dates_survives_the_disk(tmp_path):
    y = observations()
    old = PAIRS[:, 1] < WIDTH
    state, _ = start(PAIRS[old], DAYS[:WIDTH], y[old], width=WIDTH)
    write_state(tmp_path / "state.safetensors", state, "")
    state, new = read_state(tmp_path / "state.safetensors", PAIRS, DAYS, "")
    _, solution = append(state, PAIRS[new], DAYS[WIDTH:], y[new])
    assert largest_difference(solution, invert(PAIRS, DAYS, y)) < 1e-9


def test_a_state_of_another_stack_is_not_taken_up(tmp_path):
    path = tmp_path / "state.safetensors"
    old = PAIRS[:, 1] < DATES - 2
    state, _ = start(PAIRS[old], DAYS[:-2], observations()[old])
    write_state(path, state, "uniform")
    later, fewer = DAYS.copy(), np.delete(PAIRS, 4, axis=0)
    later[5] += 1
    for pairs, days, source in ((PAIRS, DAYS, "fisher"), (PAIRS, later, "uniform"), (fewer, DAYS, "uniform")):
        with pytest.raises(StateMismatchError, match="other dates, pairs, settings"):
            read_state(path, pairs, days, source)
    shuffled = PAIRS[np.random.default_rng(0).permutation(len(PAIRS))]
    assert read_state(path, shuffled, DAYS, "uniform")[1].sum() == (~old).sum()


@pytest.mark.parametrize("content", [None, b"", b"no tensors", "half"])
def test_a_file_that_is_no_state_is_not_taken_up(tmp_path, content):
    path = tmp_path / "state.safetensors"
    if content is not None:
        state, _ = start(PAIRS, DAYS, observations())
        write_state(path, state, "")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content == "half" else content)
    with pytest.raises(StateMismatchError, match="cannot be read"):
        read_state(path, PAIRS, DAYS, "")


@pytest.mark.parametrize(
    ("pairs", "days", "pixels"),
    [
        ([[DATES - 5, DATES]], [DAYS[-1] + 12], 40),
        ([[4, 6]], [], 40),
        ([[DATES - 1, DATES]], [DAYS[-1]], 40),
        ([[DATES - 1, DATES]], [DAYS[-1] + 12], 39),
        ([[DATES - 1, DATES + 1]], [DAYS[-1] + 12], 40),
        ([[DATES, DATES - 1]], [DAYS[-1] + 12], 40),
    ],
    ids=["too long", "closed date", "not later", "other pixels", "unknown date", "reversed"],
)
def test_what_a_state_cannot_take_up_asks_for_a_full_run(pairs, days, pixels):
    state, _ = start(PAIRS, DAYS, observations())
    with pytest.raises(StateMismatchError, match="new"):
        append(state, np.array(pairs), np.array(days), np.zeros((1, pixels)))


def test_a_pair_that_never_came_in_cannot_be_withdrawn():
    y = observations()
    kept = np.delete(np.arange(len(PAIRS)), len(PAIRS) - 1)
    state, _ = start(PAIRS[kept], DAYS, y[kept])
    with pytest.raises(StateMismatchError, match="withdraw"):
        withdraw(state, PAIRS[-1:], y[-1:])

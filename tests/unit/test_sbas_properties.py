"""What holds for every network, gap pattern and weighting."""

from itertools import combinations

import numpy as np
from basinwatch.sbas.inversion import invert
from basinwatch.sbas.state import ALL_DATES, append, start
from hypothesis import given, settings
from hypothesis import strategies as st

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("repeatable")


@st.composite
def stacks(draw, least_dates=3):
    """Network, times, observations with gaps, weights or None."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dates, width = draw(st.integers(least_dates, 16)), draw(st.integers(1, 4))
    pixels = draw(st.integers(1, 12))
    days = np.cumsum(rng.choice([6, 12, 24, 36], dates)).astype(float)
    chosen = [(i, j) for i, j in combinations(range(dates), 2) if j - i <= width and rng.random() < 0.9]
    pairs = np.array(chosen or [(0, 1)])
    truth = np.cumsum(rng.normal(0, 2, (dates, pixels)), axis=0)
    y = truth[pairs[:, 1]] - truth[pairs[:, 0]] + rng.normal(0, 0.5, (len(pairs), pixels))
    y[rng.random(y.shape) < draw(st.sampled_from([0, 0.1, 0.4, 0.8]))] = np.nan
    weights = rng.uniform(0.05, 1, y.shape) if draw(st.booleans()) else None
    return pairs, days, y, weights


def cut(weights, index):
    return None if weights is None else weights[index]


@given(stacks(), st.integers(0, 2**32))
def test_a_field_per_date_passes_through_where_all_dates_are_connected(stack, seed):
    pairs, days, y, weights = stack
    field = np.random.default_rng(seed).normal(0, 5, (len(days), y.shape[1]))
    field -= field[0]
    plain = invert(pairs, days, y, weights)
    moved = invert(pairs, days, y + field[pairs[:, 1]] - field[pairs[:, 0]], weights)
    difference = moved.displacement - plain.displacement - field
    assert np.abs(difference[:, ~plain.disconnected]).max(initial=0) < 1e-9


@given(stacks(), st.integers(0, 2**32))
def test_the_order_of_pairs_and_pixels_does_not_matter(stack, seed):
    pairs, days, y, weights = stack
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(len(pairs)), rng.permutation(y.shape[1])
    plain = invert(pairs, days, y, weights)
    mixed = invert(pairs[rows], days, y[np.ix_(rows, columns)], cut(weights, np.ix_(rows, columns)))
    np.testing.assert_allclose(mixed.displacement, plain.displacement[:, columns], atol=1e-9)
    np.testing.assert_array_equal(mixed.n_comp, plain.n_comp[columns])
    np.testing.assert_allclose(mixed.temporal_coherence, plain.temporal_coherence[columns], atol=1e-6)


@given(stacks())
def test_every_pixel_is_solved_as_if_it_were_alone(stack):
    pairs, days, y, weights = stack
    together = invert(pairs, days, y, weights)
    for p in range(y.shape[1]):
        alone = invert(pairs, days, y[:, [p]], cut(weights, np.s_[:, [p]]))
        np.testing.assert_allclose(alone.displacement[:, 0], together.displacement[:, p], atol=1e-9)
        assert alone.n_comp[0] == together.n_comp[p]


@given(stacks(), st.floats(-1e3, 1e3, allow_subnormal=False).filter(lambda factor: abs(factor) > 1e-3))
def test_displacement_scales_with_the_observations_and_not_with_the_weights(stack, factor):
    pairs, days, y, weights = stack
    plain = invert(pairs, days, y, weights)
    scaled = invert(pairs, days, factor * y, None if weights is None else abs(factor) * weights)
    np.testing.assert_allclose(scaled.displacement, factor * plain.displacement, atol=1e-9 * (1 + abs(factor)))


@given(stacks())
def test_residuals_are_orthogonal_to_what_the_network_can_explain(stack):
    pairs, days, y, weights = stack
    displacement = invert(pairs, days, y, weights).displacement
    residual = np.nan_to_num(y - (displacement[pairs[:, 1]] - displacement[pairs[:, 0]]))
    weighted = residual if weights is None else weights * residual
    design = np.eye(len(days))[pairs[:, 1]] - np.eye(len(days))[pairs[:, 0]]
    assert np.abs(design.T @ weighted).max() < 1e-8


@given(stacks(least_dates=5), st.data())
def test_appending_in_any_portions_equals_inverting_all_at_once(stack, data):
    pairs, days, y, weights = stack
    cuts = data.draw(st.lists(st.integers(2, len(days) - 1), min_size=1, max_size=4, unique=True).map(sorted))
    lag = data.draw(st.sampled_from([None, ALL_DATES]))
    width = int(np.diff(pairs).max())
    old = pairs[:, 1] < cuts[0]
    if not old.any():
        return
    state, _ = start(pairs[old], days[: cuts[0]], y[old], cut(weights, old), width=width, lag=lag)
    for first, last in zip(cuts, [*cuts[1:], len(days)], strict=True):
        new = (pairs[:, 1] >= first) & (pairs[:, 1] < last)
        state, solution = append(state, pairs[new], days[first:last], y[new], cut(weights, new))
    whole = invert(pairs, days, y, weights)
    np.testing.assert_allclose(solution.displacement, whole.displacement[solution.first :], atol=1e-8)
    for name in ("n_obs", "min_links", "n_gap", "n_comp"):
        np.testing.assert_array_equal(getattr(solution, name), getattr(whole, name), name)


def test_the_stacks_tried_hold_gaps_of_all_kinds():
    kinds = set()

    @given(stacks())
    def look(stack):
        pairs, days, y, _ = stack
        solution = invert(pairs, days, y)
        kinds.update(zip(solution.disconnected, solution.unobserved_date, solution.n_gap > 0, strict=True))

    look()
    assert {(False, False, False), (True, False, True), (True, True, False), (True, True, True)} <= {
        tuple(map(bool, kind)) for kind in kinds
    }

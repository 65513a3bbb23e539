from itertools import combinations

import numpy as np
import pytest
from basinwatch.sbas.banded import Normal
from basinwatch.sbas.inversion import invert
from scipy.linalg import lstsq, null_space
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

DAYS = np.cumsum([0, 12, 12, 24, 12, 6, 6, 36, 12, 12, 12, 24, 12, 12])


def network(k=4):
    return np.array([(i, j) for i, j in combinations(range(len(DAYS)), 2) if j - i <= k])


def stack(pairs, pixels, missing, seed, lost_dates=0.0):
    """Noisy differences with random gaps; `lost_dates` is the chance that a pixel misses a whole date."""
    rng = np.random.default_rng(seed)
    truth = np.cumsum(rng.normal(0, 2, (len(DAYS), pixels)), axis=0)
    y = truth[pairs[:, 1]] - truth[pairs[:, 0]] + rng.normal(0, 0.4, (len(pairs), pixels))
    y[rng.random(y.shape) < missing] = np.nan
    lost = rng.random((len(DAYS), pixels)) < lost_dates
    y[lost[pairs[:, 0]] | lost[pairs[:, 1]]] = np.nan
    return y, rng.uniform(0.1, 1, y.shape)


def velocity_reference(pairs, y, w=None, cond=1e-5):
    """Minimum-norm interval velocities by SVD, pixel by pixel."""
    dt = np.diff(DAYS)
    design = np.array([[dt[i] if a <= i < b else 0 for i in range(len(dt))] for a, b in pairs])
    out = np.zeros((len(DAYS), y.shape[1]))
    for p in range(y.shape[1]):
        ok = np.isfinite(y[:, p])
        root = np.ones(ok.sum()) if w is None else np.sqrt(w[ok, p])
        out[1:, p] = np.cumsum(dt * lstsq(design[ok] * root[:, None], y[ok, p] * root, cond=cond)[0])
    return out


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("missing", "lost"), [(0.0, 0.0), (0.1, 0.0), (0.1, 0.25), (0.6, 0.0)])
def test_displacement_equals_the_minimum_velocity_norm_solution_whatever_is_missing(missing, lost, weighted):
    pairs = network()
    y, w = stack(pairs, 60, missing, 1, lost)
    y = y[:, np.isfinite(y).any(0)]
    w = w[:, : y.shape[1]] if weighted else None
    assert np.abs(invert(pairs, DAYS, y, w).displacement - velocity_reference(pairs, y, w)).max() < 1e-9


def test_disconnected_pixels_are_among_those_compared():
    pairs = network()
    y, _ = stack(pairs, 60, 0.1, 1, 0.25)
    assert (invert(pairs, DAYS, y).n_gap > 0).sum() > 20


def test_a_network_with_one_long_pair_is_solved_as_well():
    pairs = np.vstack([network(k=2), [[0, len(DAYS) - 1]]])
    y, _ = stack(pairs, 20, 0.0, 2)
    assert np.abs(invert(pairs, DAYS, y).displacement - velocity_reference(pairs, y)).max() < 1e-9


def test_a_field_per_date_passes_through_on_connected_pixels():
    pairs = network()
    y, w = stack(pairs, 40, 0.1, 3)
    shift = np.random.default_rng(4).normal(0, 5, (len(DAYS), 40))
    shift -= shift[0]
    plain, moved = (invert(pairs, DAYS, v, w) for v in (y, y + shift[pairs[:, 1]] - shift[pairs[:, 0]]))
    assert (plain.n_gap == 0).all()
    assert np.abs(moved.displacement - plain.displacement - shift).max() < 1e-9


def test_the_order_of_pairs_and_of_pixels_does_not_matter():
    pairs = network()
    y, w = stack(pairs, 30, 0.2, 5)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(len(pairs)), rng.permutation(30)
    plain = invert(pairs, DAYS, y, w)
    mixed = invert(pairs[rows], DAYS, y[rows][:, columns], w[rows][:, columns])
    assert np.allclose(mixed.displacement, plain.displacement[:, columns], atol=1e-9)
    assert np.allclose(mixed.temporal_coherence, plain.temporal_coherence[columns], atol=1e-9)


def test_the_result_of_a_pixel_does_not_depend_on_the_block_it_is_in():
    pairs = network()
    y, _ = stack(pairs, 50, 0.2, 6)
    many = np.tile(y, (1, Normal(pairs, DAYS).block_px // 50 + 3))
    assert np.array_equal(invert(pairs, DAYS, many).displacement[:, -50:], invert(pairs, DAYS, y).displacement)


def test_quality_numbers_agree_with_their_definitions():
    pairs = network()
    y, _ = stack(pairs, 30, 0.3, 7, 0.1)
    solution = invert(pairs, DAYS, y)
    residual = y - (solution.displacement[pairs[:, 1]] - solution.displacement[pairs[:, 0]])
    assert np.allclose(solution.temporal_coherence, np.abs(np.nanmean(np.exp(1j * residual), axis=0)), atol=1e-6)
    assert np.allclose(solution.residual_rms, np.sqrt(np.nanmean(residual**2, axis=0)), atol=1e-12)
    assert np.array_equal(solution.n_obs, np.isfinite(y).sum(0))
    gaps = [
        sum(not any(a <= i < b and ok for (a, b), ok in zip(pairs, column, strict=True)) for i in range(len(DAYS) - 1))
        for column in np.isfinite(y).T
    ]
    assert np.array_equal(solution.n_gap, gaps)
    links = [[(np.isfinite(column) & (pairs == date).any(1)).sum() for date in range(len(DAYS))] for column in y.T]
    assert np.array_equal(solution.min_links, np.min(links, axis=1))
    assert np.array_equal(solution.unobserved_date, np.min(links, axis=1) == 0)
    design = np.eye(len(DAYS))[pairs[:, 1]] - np.eye(len(DAYS))[pairs[:, 0]]
    rank = [np.linalg.matrix_rank(design[np.isfinite(column)]) for column in y.T]
    assert np.array_equal(solution.freedom, solution.n_obs - rank)


@pytest.mark.parametrize("weighting", ["uniform", "coherence", "extreme"])
@pytest.mark.parametrize("missing", [0.1, 0.4, 0.75])
def test_the_subsets_counted_are_those_of_the_graph_of_valid_pairs(missing, weighting):
    pairs = network()
    y, w = stack(pairs, 120, missing, 11, 0.1)
    w = {"uniform": None, "coherence": w, "extreme": w**8}[weighting]
    solution = invert(pairs, DAYS, y, w)
    graphs = (coo_matrix((np.ones(ok.sum()), pairs[ok].T), (len(DAYS),) * 2) for ok in np.isfinite(y).T)
    subsets = [connected_components(graph, directed=False)[0] for graph in graphs]
    assert np.array_equal(solution.n_comp, subsets)
    assert np.array_equal(solution.disconnected, np.array(subsets) > 1)
    assert len(set(subsets)) > 1


def test_weights_that_differ_ten_thousandfold_are_still_solved_exactly():
    pairs = network()
    y, w = stack(pairs, 60, 0.5, 12, 0.1)
    y, w = y[:, np.isfinite(y).any(0)], w[:, np.isfinite(y).any(0)] ** 4
    reference = velocity_reference(pairs, y, w, cond=1e-9)
    assert np.abs(invert(pairs, DAYS, y, w).displacement - reference).max() < 1e-8


def test_what_has_no_weight_counts_as_missing():
    pairs = network()
    y, w = stack(pairs, 20, 0.1, 13)
    w[::5, 3] = 0
    w[2, 4] = np.nan
    given = invert(pairs, DAYS, y, w)
    bare = invert(pairs, DAYS, np.where(w > 0, y, np.nan), np.where(w > 0, w, 1))
    assert np.array_equal(given.displacement, bare.displacement)
    assert np.array_equal(given.n_obs, bare.n_obs)


@pytest.mark.parametrize("longest", [5, 8, len(DAYS) - 1])
def test_long_pairs_make_the_band_wide_and_change_nothing(longest):
    pairs = np.vstack([network(k=2), [[i, i + longest] for i in range(len(DAYS) - longest)]])
    y, w = stack(pairs, 40, 0.3, 14, 0.1)
    y, w = y[:, np.isfinite(y).any(0)], w[:, np.isfinite(y).any(0)]
    assert np.abs(invert(pairs, DAYS, y, w).displacement - velocity_reference(pairs, y, w)).max() < 1e-9


def curvature_reference(pairs, y):
    """Least squares with the least change of velocity, by the null space of each pixel's design."""
    dt = np.diff(DAYS) / np.median(np.diff(DAYS))
    design = (np.eye(len(DAYS))[pairs[:, 1]] - np.eye(len(DAYS))[pairs[:, 0]])[:, 1:]
    velocity = np.diff(np.eye(len(DAYS)), axis=0)[:, 1:] / dt[:, None]
    out = np.zeros((len(DAYS), y.shape[1]))
    for p, ok in enumerate(np.isfinite(y).T):
        fit = lstsq(design[ok], y[ok, p])[0]
        free = null_space(design[ok])
        bend = np.diff(velocity, axis=0)
        out[1:, p] = fit - free @ lstsq(bend @ free, bend @ fit)[0] if free.size else fit
    return out


def test_the_linear_bridge_changes_velocity_as_little_as_the_pairs_allow():
    pairs = network()
    y, _ = stack(pairs, 60, 0.5, 15, 0.05)
    y = y[:, np.isfinite(y).sum(0) > 5]
    solution = invert(pairs, DAYS, y, bridge="linear")
    assert solution.disconnected.sum() > 20
    assert np.abs(solution.displacement - curvature_reference(pairs, y)).max() < 1e-6


def test_a_gap_is_crossed_at_rest_or_at_the_speed_around_it():
    pairs = np.array([pair for pair in network(k=3) if not pair[0] <= 6 < pair[1]])
    y = (0.1 * (DAYS[pairs[:, 1]] - DAYS[pairs[:, 0]]))[:, None]
    flat, linear = (invert(pairs, DAYS, y, bridge=bridge) for bridge in ("flat", "linear"))
    assert flat.n_gap == linear.n_gap == 1
    assert flat.displacement[7] == pytest.approx(flat.displacement[6], abs=1e-9)
    assert linear.displacement[:, 0] == pytest.approx(0.1 * DAYS, abs=1e-6)


def test_a_cycle_error_in_one_pair_lowers_the_temporal_coherence_but_consistent_pairs_have_one():
    pairs = network()
    truth = np.cumsum(np.ones((len(DAYS), 2)), axis=0)
    y = truth[pairs[:, 1]] - truth[pairs[:, 0]]
    y[5, 1] += np.pi
    coherence = invert(pairs, DAYS, y).temporal_coherence
    assert coherence[0] == pytest.approx(1, abs=1e-9)
    assert coherence[1] < 0.99


def test_a_pixel_without_any_observation_has_no_displacement():
    pairs = network()
    y, _ = stack(pairs, 3, 0.0, 8)
    y[:, 1] = np.nan
    solution = invert(pairs, DAYS, y)
    assert np.isnan(solution.displacement[:, 1]).all()
    assert np.isnan(solution.temporal_coherence[1])
    assert solution.n_obs.tolist() == [len(pairs), 0, len(pairs)]
    assert np.isfinite(solution.displacement[:, [0, 2]]).all()


@pytest.mark.parametrize(
    ("pairs", "days", "y"),
    [
        ([[1, 0]], [0, 12], np.zeros((1, 1))),
        ([[0, 2]], [0, 12], np.zeros((1, 1))),
        ([[0, 1]], [12, 0], np.zeros((1, 1))),
        ([[0, 1]], [0, 12], np.zeros((2, 1))),
    ],
)
def test_arguments_that_do_not_fit_together_are_refused(pairs, days, y):
    with pytest.raises(ValueError, match=r"pair|days"):
        invert(np.array(pairs), np.array(days), y)

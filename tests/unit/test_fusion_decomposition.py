import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.fusion.decomposition import LineOfSight, decompose, neglected
from basinwatch.simulation.geometry import line_of_sight

SHAPE = (30, 40)
ASCENDING, DESCENDING = -12.3, 192.3


def geometry(heading_deg, near_deg=31.0, far_deg=46.0):
    """Line of sight with an incidence that grows along the rows."""
    return LineOfSight.of(np.linspace(near_deg, far_deg, SHAPE[1])[None] + np.zeros(SHAPE), heading_deg)


def motion(seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 20, SHAPE) for name in ("east", "north", "up")}


def seen(truth, line):
    return sum(truth[name] * line.part(name) for name in truth)


def test_east_and_up_of_two_tracks_come_back_exactly_with_per_pixel_geometry():
    truth = motion() | {"north": np.zeros(SHAPE)}
    lines = [geometry(ASCENDING), geometry(DESCENDING, 46, 31)]
    found = decompose([seen(truth, line) for line in lines], lines)
    assert np.abs(found.components[0] - truth["east"]).max() < 1e-10
    assert np.abs(found.components[1] - truth["up"]).max() < 1e-10
    assert found.strength.min() > 0.8
    assert not found.is_weak.any()


def test_the_line_of_sight_is_that_of_the_simulator():
    line = LineOfSight.of(39.0, ASCENDING)
    assert np.allclose([line.east, line.north, line.up], line_of_sight(39.0, ASCENDING), rtol=0, atol=1e-15)


def test_the_strength_of_two_tracks_is_the_determinant_of_their_lines():
    lines = [LineOfSight.of(39.0, ASCENDING), LineOfSight.of(35.0, DESCENDING)]
    determinant = lines[0].east * lines[1].up - lines[0].up * lines[1].east
    assert decompose([1.0, 1.0], lines).strength == pytest.approx(abs(determinant), abs=1e-12)


def test_weights_and_covariance_are_those_of_generalised_least_squares():
    rng = np.random.default_rng(4)
    lines = [LineOfSight.of(*angles) for angles in ((39, ASCENDING), (33, DESCENDING), (44, -10.0), (25, 190.0))]
    sigma, observed = [1.0, 2.5, 0.4, 3.0], rng.normal(size=4)
    design = np.array([[line.east, line.up] for line in lines])
    inverse = np.linalg.inv(design.T @ np.diag(np.array(sigma) ** -2) @ design)
    found = decompose(list(observed), lines, sigma)
    assert np.allclose(found.covariance, inverse, rtol=0, atol=1e-12)
    assert np.allclose(found.components, inverse @ design.T @ (observed / np.array(sigma) ** 2), rtol=0, atol=1e-12)


def test_the_covariance_is_the_scatter_of_noisy_solutions():
    lines, sigma = [LineOfSight.of(39, ASCENDING), LineOfSight.of(37, DESCENDING)], [2.0, 1.0]
    rng = np.random.default_rng(5)
    noise = [rng.normal(0, spread, 200_000) for spread in sigma]
    found = decompose(noise, lines, sigma)
    assert np.allclose(np.cov(found.components), found.covariance[..., 0], rtol=0.02, atol=0.02)


def test_three_components_come_back_from_four_directions_of_view():
    truth = motion(1)
    lines = [geometry(ASCENDING), geometry(DESCENDING), geometry(60.0), geometry(280.0)]
    found = decompose([seen(truth, line) for line in lines], lines, components=("east", "north", "up"))
    for values, name in zip(found.components, ("east", "north", "up"), strict=True):
        assert np.abs(values - truth[name]).max() < 1e-10


def test_a_missing_track_leaves_the_others_and_too_few_leave_nothing():
    truth = motion() | {"north": np.zeros(SHAPE)}
    lines = [geometry(ASCENDING), geometry(DESCENDING), geometry(-9.0, 25, 40)]
    observed = [seen(truth, line) for line in lines]
    observed[2][:5] = np.nan
    observed[1][:2] = np.nan
    found = decompose(observed, lines)
    assert np.isnan(found.components[:, :2]).all()
    assert np.isnan(found.covariance[:, :, :2]).all()
    assert np.abs(found.components[1, 2:] - truth["up"][2:]).max() < 1e-10


def test_a_missing_track_takes_its_unknown_weight_with_it():
    truth = motion() | {"north": np.zeros(SHAPE)}
    lines = [geometry(ASCENDING), geometry(DESCENDING), geometry(-9.0, 25, 40)]
    observed = [seen(truth, line) for line in lines]
    sigma = [np.ones(SHAPE), np.full(SHAPE, 2.0), np.ones(SHAPE)]
    observed[2][:5], sigma[2][:5] = np.nan, np.nan
    found = decompose(observed, lines, sigma)
    assert np.abs(found.components[0] - truth["east"]).max() < 1e-10
    assert np.isfinite(found.covariance).all()


def test_lines_of_sight_that_are_alike_are_called_weak():
    lines = [LineOfSight.of(30.0, ASCENDING), LineOfSight.of(40.0, ASCENDING)]
    found = decompose([np.ones(3), np.array([1, np.nan, 2])], lines)
    assert found.is_weak[[0, 2]].all()
    assert np.isnan(found.components[:, 1]).all()


def test_the_same_line_twice_gives_no_components():
    line = LineOfSight.of(39.0, ASCENDING)
    assert np.isnan(decompose([np.ones(2), np.ones(2)], [line, line]).components).all()


def test_what_motion_to_the_north_does_to_the_others_is_told_exactly():
    truth = motion(2)
    lines = [geometry(ASCENDING), geometry(DESCENDING)]
    found = decompose([seen(truth, line) for line in lines], lines)
    east, up = neglected("north", lines)
    assert np.abs(found.components[0] - truth["east"] - east * truth["north"]).max() < 1e-10
    assert np.abs(found.components[1] - truth["up"] - up * truth["north"]).max() < 1e-10
    incidence = np.arccos(np.asarray(lines[0].up))
    assert np.allclose(up, -0.21 * np.tan(incidence), rtol=0.03)


def test_series_take_the_geometry_of_their_maps():
    truth = motion() | {"north": np.zeros(SHAPE)}
    lines = [geometry(ASCENDING), geometry(DESCENDING)]
    observed = [np.stack([seen(truth, line), 2 * seen(truth, line)]) for line in lines]
    found = decompose(observed, lines, [np.ones(SHAPE), 2 * np.ones(SHAPE)])
    assert np.abs(found.components[1] - np.stack([truth["up"], 2 * truth["up"]])).max() < 1e-10


def test_too_few_tracks_or_lines_are_refused_in_one_sentence():
    line = LineOfSight.of(39.0, ASCENDING)
    with pytest.raises(InputError, match="found 1 tracks, expected at least 2 for east, up"):
        decompose([np.ones(2)], [line])
    with pytest.raises(InputError, match="found 2 tracks with 1 lines of sight"):
        decompose([np.ones(2), np.ones(2)], [line])

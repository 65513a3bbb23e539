import numpy as np
import pytest
from basinwatch.errors import InputError
from basinwatch.fusion import regression
from basinwatch.fusion.regression import choose_bandwidth, cross_validation, regress

SPACING_M = (20.0, 30.0)
BANDWIDTH_M = 75.0
# mgwr 2.2.1, GWR(fixed=True, kernel="gaussian") of `scene()` with coordinates 30·column, −20·row in metres: at (row,
# column) the coefficients of 1, east, north, cosine and sine, the fit, and the residual over one minus the influence.
MGWR = {
    (0, 1): (0.03977516961390611, 0.006158310751494844, -0.00017161314864010984, 0.45187721514989215,
             -1.0521486163788576, 0.6764017073086436, 0.5008195439191904),
    (7, 7): (1.5221490770324029, -0.005131074312337055, -3.172140340263192e-05, 0.5897948421294221,
             -1.0129534500736108, 1.4805961736071662, 0.08265343156932586),
    (13, 14): (1.7841243180414734, -0.006946168637606555, -0.0009408591379538726, 0.5885159276520125,
               -0.8405862896044677, -0.4989442218863621, -0.4885945121799073),
}  # fmt: skip
MGWR_CRITERION = 0.5492417242108827


def scene():
    """Values with gaps, cosine and sine."""
    y, x = np.mgrid[0:14, 0:15].astype(float)
    angle = x * y + y
    cosine, sine = np.cos(angle), np.sin(angle)
    values = np.sin(x / 3) + 0.1 * y * cosine - sine + np.cos(7 * x * x + y)
    values[(x * 3 + y * 5) % 11 == 0] = np.nan
    return values, [cosine, sine]


def random_scene(shape, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape).cumsum(1)
    values[rng.random(shape) < 0.2] = np.nan
    return values, [rng.normal(size=shape)]


def test_coefficients_fit_and_leave_one_out_residuals_are_those_of_mgwr():
    surface = regress(*scene(), SPACING_M, BANDWIDTH_M)
    for (row, column), (constant, *factors, fit, left_out) in MGWR.items():
        found = surface.coefficients[:, row, column]
        # mgwr's constant is the level at the origin of its coordinates.
        at_origin = found[0] - found[1] * 30 * column + found[2] * 20 * row
        assert np.allclose([at_origin, *found[1:]], [constant, *factors], rtol=0, atol=1e-8)
        assert surface.fit[row, column] == pytest.approx(fit, abs=1e-8)
        assert surface.left_out[row, column] == pytest.approx(left_out, abs=1e-8)


def test_the_criterion_of_the_bandwidth_is_that_of_mgwr():
    assert cross_validation(*scene(), SPACING_M, BANDWIDTH_M) == pytest.approx(MGWR_CRITERION, abs=1e-8)


def test_a_leave_one_out_residual_is_what_deleting_the_pixel_leaves():
    values, covariates = random_scene((30, 40))
    row, column = np.argwhere(np.isfinite(values))[500]
    without = values.copy()
    without[row, column] = np.nan
    expected = values[row, column] - regress(without, covariates, (1.0, 1.0), 4.0).fit[row, column]
    assert regress(values, covariates, (1.0, 1.0), 4.0).left_out[row, column] == pytest.approx(expected, abs=1e-10)


def test_a_plane_with_a_covariate_is_found_exactly_also_in_a_gap():
    y, x = np.mgrid[0:60, 0:50].astype(float)
    covariate = np.sin(x * y)
    truth = 3 + 0.02 * 25 * x + 0.01 * 10 * y - 2 * covariate
    values = truth.copy()
    values[20:32, 15:30] = np.nan
    surface = regress(values, [covariate], (10.0, 25.0), 150.0)
    assert np.allclose(surface.fit, truth, rtol=0, atol=1e-8)
    assert np.allclose(surface.coefficients[1:].mean((1, 2)), [0.02, -0.01, -2], rtol=0, atol=1e-8)
    assert np.isnan(surface.left_out[25, 20])


def test_far_from_all_observations_nothing_is_claimed():
    values, covariates = random_scene((40, 90))
    values[:, 30:] = np.nan
    surface = regress(values, covariates, (1.0, 1.0), 3.0)
    assert np.isfinite(surface.fit[:, :30]).all()
    assert np.isnan(surface.fit[:, 45:]).all()
    assert np.isnan(surface.coefficients[:, :, 45:]).all()


def test_a_covariate_that_says_nothing_nearby_gets_the_factor_zero_and_changes_nothing():
    values, _ = random_scene((40, 60))
    level_ground = np.zeros(values.shape)
    alone = regress(values, [], (1.0, 1.0), 3.0)
    surface = regress(values, [level_ground, level_ground], (1.0, 1.0), 3.0)
    assert np.allclose(surface.fit, alone.fit, rtol=0, atol=1e-10)
    assert np.allclose(surface.left_out, alone.left_out, rtol=0, atol=1e-10, equal_nan=True)
    assert (surface.coefficients[3:] == 0).all()


def test_a_constant_covariate_leaves_fit_and_residuals_as_they_are():
    values, _ = random_scene((40, 60))
    alone = regress(values, [], (1.0, 1.0), 3.0)
    surface = regress(values, [np.full(values.shape, 0.7)], (1.0, 1.0), 3.0)
    assert np.allclose(surface.fit, alone.fit, rtol=0, atol=1e-8)


def test_results_do_not_depend_on_how_the_raster_is_cut(monkeypatch):
    scene_of_two = random_scene((70, 53))
    whole = regress(*scene_of_two, (1.0, 1.3), 1.6)
    monkeypatch.setattr(regression, "_TILE_PX", 16)
    cut = regress(*scene_of_two, (1.0, 1.3), 1.6)
    assert np.allclose(cut.fit, whole.fit, rtol=0, atol=1e-10, equal_nan=True)
    assert np.allclose(cut.left_out, whole.left_out, rtol=0, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("bandwidth_px", [0.9, 7.0, 40.0, 1e4])
def test_weights_reach_exactly_to_the_edges_of_the_raster(bandwidth_px):
    values, covariates = random_scene((9, 31))
    rows, columns = np.nonzero(np.isfinite(values))
    surface = regress(values, covariates, (1.0, 1.0), bandwidth_px)
    for row, column in ((4, 0), (8, 30), (2, 17)):
        place = np.stack([columns - column, row - rows])
        weight = np.sqrt(np.exp(-(place**2).sum(0) / (2 * bandwidth_px**2)))
        if (weight**2).sum() < regression.LEAST_SUPPORT:
            assert np.isnan(surface.fit[row, column])
            continue
        design = np.stack([np.ones(len(rows)), *place, covariates[0][rows, columns]], axis=1)
        expected = np.linalg.lstsq(weight[:, None] * design, weight * values[rows, columns])[0]
        assert np.allclose(surface.coefficients[:, row, column], expected, rtol=0, atol=1e-8)


def test_a_pixel_whose_covariate_is_missing_takes_no_part():
    values, covariates = random_scene((30, 30))
    covariates[0][10, 10] = np.nan
    without = values.copy()
    without[10, 10] = np.nan
    filled = [np.nan_to_num(covariates[0])]
    expected = regress(without, filled, (1.0, 1.0), 4.0).fit
    found = regress(values, covariates, (1.0, 1.0), 4.0).fit
    assert np.isnan(found[10, 10])
    found[10, 10] = expected[10, 10]
    assert np.allclose(found, expected, rtol=0, atol=1e-12)


def test_the_chosen_bandwidth_is_the_best_of_a_fine_scan():
    y, x = np.mgrid[0:60, 0:60]
    noise = np.random.default_rng(3).normal(size=x.shape)
    values = 2 * np.sin(x / 9) * np.cos(y / 9) + noise
    scan = np.geomspace(1.5, 30, 60)
    best = scan[np.argmin([cross_validation(values, [], (1.0, 1.0), b) for b in scan])]
    assert choose_bandwidth(values, [], (1.0, 1.0), (1.5, 30.0)) == pytest.approx(best, rel=0.1)


@pytest.mark.parametrize(
    ("values", "covariates", "bandwidth", "found"),
    [
        (np.zeros((4, 5)), [np.zeros((4, 4))], 1.0, "shapes"),
        (np.full((4, 5), np.nan), [], 1.0, "no valid pixel"),
        (np.zeros((4, 5)), [], 0.0, "a bandwidth of 0.0 m"),
    ],
)
def test_what_cannot_be_regressed_is_refused_in_one_sentence(values, covariates, bandwidth, found):
    with pytest.raises(InputError, match=found):
        regress(values, covariates, (1.0, 1.0), bandwidth)

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.hotspots import (
    Clusters,
    HotspotSettings,
    ScoredRows,
    find_hotspots,
    gi_star,
    p_values,
    significance,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.stats import false_discovery_control, norm

GRID = Grid.from_map(60, 50, Affine(20, 0, 500_000, 0, -20, 4_000_000), "EPSG:32650")


def field(shape=(40, 45), seed=0, mean=0.0):
    """Correlated field with gaps that touch the border."""
    rng = np.random.default_rng(seed)
    x = ndimage.gaussian_filter(rng.standard_normal(shape), 2) * 10 + rng.standard_normal(shape) + mean
    x[ndimage.gaussian_filter(rng.standard_normal(shape), 3) > 0.08] = np.nan
    return x


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["runs", "fft"])
@pytest.mark.parametrize("mean", [5.0, -5.0])
@pytest.mark.parametrize(("radius", "spacing"), [(1.0, (1, 1)), (1.5, (1, 1)), (4.0, (1, 1)), (60.0, (14.0, 20.0))])
def test_gi_star_equals_esda_on_gapped_maps_of_either_mean_sign(radius, spacing, mean, method):
    getisord = pytest.importorskip("esda.getisord")
    graph = pytest.importorskip("libpysal.graph").Graph
    x = field(mean=mean)
    valid = np.isfinite(x)
    rows, columns = np.nonzero(valid)
    points = gpd.GeoSeries.from_xy(columns * spacing[0], rows * spacing[1])
    weights = graph.build_distance_band(points, threshold=radius + 1e-9, binary=True)
    # The peer divides by the mean, so it needs values shifted to a positive one.
    peer = getisord.G_Local(x[valid] - x[valid].min() + 1, weights, transform="B", permutations=0, star=True)
    z = gi_star(x, radius, spacing, method)
    assert np.isnan(z[~valid]).all()
    assert np.abs(z[valid] - peer.Zs).max() < 1e-10


def test_gi_star_follows_its_definition_at_one_pixel():
    x = np.arange(12.0).reshape(3, 4)
    window = x[[0, 0, 0, 1], [0, 1, 2, 1]]
    expected = (window - x.mean()).sum() / np.sqrt(x.var() * 4 * (12 - 4) / 11)
    assert gi_star(x, 1.0, (1, 1))[0, 1] == pytest.approx(expected, rel=1e-12)


def test_gi_star_ignores_scale_and_offset_and_turns_with_the_sign():
    x = field()
    z = gi_star(x, 3, (1, 1))
    assert np.allclose(gi_star(7 * x - 300, 3, (1, 1)), z, atol=1e-9, equal_nan=True)
    assert np.allclose(gi_star(-x, 3, (1, 1)), -z, atol=1e-12, equal_nan=True)


finite_maps = st.integers(0, 2**32 - 1).map(
    lambda seed: np.where(np.random.default_rng(seed).random((12, 15)) < 0.8, field((12, 15), seed), np.nan)
)


@settings(deadline=None, max_examples=30)
@given(finite_maps, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3, allow_subnormal=False), st.sampled_from(["runs", "fft"]))
def test_gi_star_of_any_map_is_the_same_in_any_unit_and_turns_with_the_sign(x, scale, offset, method):
    z = gi_star(x, 2.5, (1, 1), method)
    np.testing.assert_allclose(gi_star(scale * x + offset, 2.5, (1, 1), method), z, atol=1e-6)
    np.testing.assert_allclose(gi_star(-x, 2.5, (1, 1), method), -z, atol=1e-9)


def test_the_score_of_white_noise_has_mean_zero_and_spread_one():
    z = gi_star(np.random.default_rng(0).standard_normal((400, 400)), 4, (1, 1))
    assert abs(z.mean()) < 0.01
    assert z.std() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("radius", [2, 35])
def test_how_the_sums_are_made_is_a_matter_of_speed_only(radius):
    x = field((90, 130), seed=5)
    z = gi_star(x, radius, (1, 1))
    for method in ("runs", "fft"):
        np.testing.assert_allclose(gi_star(x, radius, (1, 1), method), z, atol=1e-11)


def test_a_map_in_single_precision_is_scored_in_double():
    x = field().astype(np.float32)
    assert np.array_equal(gi_star(x, 3, (1, 1)), gi_star(x.astype(np.float64), 3, (1, 1)), equal_nan=True)


def test_a_window_as_large_as_the_map_has_no_score():
    assert np.isnan(gi_star(np.arange(9.0).reshape(3, 3), 10, (1, 1))).all()


@pytest.mark.parametrize("values", [np.full((4, 4), np.nan), np.ones((4, 4)), np.array([[1, np.inf], [2, 3]])])
def test_maps_without_variation_or_with_infinity_are_refused(values):
    with pytest.raises(InputError, match="expected finite rates"):
        gi_star(values, 1, (1, 1))


def test_p_values_are_two_sided():
    z = np.array([-3.1, 0, 1.96, np.nan])
    assert np.allclose(p_values(z), 2 * norm.sf(np.abs(z)), rtol=1e-12, equal_nan=True)


def test_classes_without_correction_follow_the_normal_limits():
    z = np.array([[-2.6, -2.0, -1.7, 0, np.nan], [1.6, 1.7, 2.0, 2.6, 9]])
    assert significance(z).tolist() == [[-3, -2, -1, 0, 0], [0, 1, 2, 3, 3]]


@pytest.mark.parametrize("seed", [0, 1])
def test_classes_with_correction_equal_benjamini_hochberg_of_scipy(seed):
    z = gi_star(field(seed=seed), 2, (1, 1))
    valid = np.isfinite(z)
    adjusted = false_discovery_control(2 * norm.sf(np.abs(z[valid])), method="bh")
    expected = sum((adjusted <= alpha).astype(int) for alpha in (0.1, 0.05, 0.01))
    classes = significance(z, false_discovery_rate=True)
    assert np.array_equal(np.abs(classes[valid]), expected)
    assert 0 < (expected > 0).sum() < (significance(z) != 0).sum()


@pytest.mark.filterwarnings("ignore")
def test_limits_with_correction_equal_those_of_esda():
    fdr = pytest.importorskip("esda.util").fdr
    z = gi_star(field(seed=3), 2, (1, 1))
    p = p_values(z[np.isfinite(z)])
    classes = significance(z, false_discovery_rate=True)[np.isfinite(z)]
    for level, alpha in enumerate((0.1, 0.05, 0.01), start=1):
        assert np.array_equal(np.abs(classes) >= level, p <= fdr(p, alpha))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-70, 70, allow_subnormal=False), min_size=1, max_size=60), st.floats(0.01, 1))
def test_classes_with_correction_equal_scipy_whatever_the_scores(scores, scale):
    z = np.array(scores) * scale
    adjusted = false_discovery_control(p_values(z), method="bh")
    expected = sum((adjusted <= alpha).astype(int) for alpha in (0.1, 0.05, 0.01))
    assert np.array_equal(np.abs(significance(z, false_discovery_rate=True)), expected)


def test_correction_finds_nothing_where_no_p_value_is_small():
    assert not significance(np.full((5, 5), 1.0), false_discovery_rate=True).any()


def cluster_map():
    """Classes, scores, rates and standard errors with two clusters that count."""
    classes = np.zeros(GRID.shape, np.int8)
    classes[5:15, 5:15] = -3
    classes[15:17, 15:17] = -2  # touches the first at a corner
    classes[30:36, 40:46] = 2
    classes[45:47, 2:4] = -3  # too small
    classes[20:30, 20:30] = 1  # not significant enough
    rate, sigma = np.full(GRID.shape, np.nan), np.full(GRID.shape, np.nan)
    rate[5:17, 5:17], rate[30:36, 40:46], rate[45:47, 2:4], rate[20:30, 20:30] = -20, 12, -9, 1
    rate[6, 6], rate[30, 40], sigma[5:15] = -44, 8, 1.5
    return ScoredRows(classes * 1.5, classes, rate, sigma)


def outlined(rows, strip=50, min_px=20):
    """Clusters of a map that is given in strips."""
    found = Clusters(GRID, min_level=2, min_px=min_px)
    for top in range(0, 50, strip):
        found.add(ScoredRows(**{name: values[top : top + strip] for name, values in vars(rows).items()}))
    return found.frame()


def test_clusters_are_the_connected_significant_groups_with_their_numbers():
    frame = outlined(cluster_map())
    assert frame["cluster"].tolist() == ["h1", "h2"]
    assert frame["kind"].tolist() == ["subsidence", "uplift"]
    assert frame["area_m2"].tolist() == [104 * 400, 36 * 400]
    assert np.allclose(frame.geometry.area, frame["area_m2"])
    assert frame["extreme_rate"].tolist() == [-44, 12]
    assert frame[["min_rate", "max_rate"]].to_numpy().tolist() == [[-44, -20], [8, 12]]
    assert frame["mean_rate"][0] == pytest.approx(-20 - 24 / 104)
    assert frame["extreme_z"].tolist() == [-4.5, 3.0]
    assert frame["mean_z"][0] == pytest.approx(-(4.5 * 100 + 3 * 4) / 104)
    assert frame["max_level"].tolist() == [3, 2]
    assert frame[["share_90", "share_95", "share_99"]].to_numpy() == pytest.approx(
        np.array([[0, 4 / 104, 100 / 104], [0, 1, 0]])
    )
    assert frame["mean_sigma"][0] == 1.5  # of the pixels that have one
    assert np.isnan(frame["mean_sigma"][1])
    assert frame.crs == "EPSG:32650"


@pytest.mark.parametrize("strip", [1, 7, 16, 33])
def test_clusters_of_a_map_in_strips_are_those_of_the_whole(strip):
    rng = np.random.default_rng(0)
    z = ndimage.gaussian_filter(rng.standard_normal(GRID.shape), 1.2) * 9
    rows = ScoredRows(z, significance(z), z * 2, np.abs(z))
    whole, parts = outlined(rows, min_px=5), outlined(rows, strip, min_px=5)
    assert len(whole) > 20
    numbers = whole.columns.drop(["cluster", "kind", "geometry"])
    assert parts[["cluster", "kind"]].equals(whole[["cluster", "kind"]])
    np.testing.assert_allclose(parts[numbers].astype(float), whole[numbers].astype(float), rtol=1e-12)
    assert parts.geometry.geom_equals(whole.geometry).all()
    # Joints of strips leave no corner behind, but for the one an outline starts at.
    corners = parts.geometry.count_coordinates() - whole.geometry.count_coordinates()
    assert corners.max() <= 2


def test_a_map_without_clusters_gives_an_empty_frame_with_all_columns():
    nothing = np.zeros(GRID.shape)
    frame = outlined(ScoredRows(nothing, nothing.astype(np.int8), nothing, nothing))
    assert len(frame) == 0
    assert {"cluster", "kind", "area_m2", "mean_rate", "geometry"} <= set(frame.columns)
    assert frame.crs == "EPSG:32650"


@pytest.mark.parametrize("calibrated", [False, True])
def test_a_sinking_bowl_in_correlated_noise_is_the_largest_cold_cluster(calibrated):
    y, x = np.mgrid[0:50, 0:60]
    bowl = -30 * np.exp(-((y - 25) ** 2 + (x - 40) ** 2) / (2 * 4**2))
    rate = bowl + ndimage.gaussian_filter(np.random.default_rng(2).standard_normal((50, 60)), 1.5) * 3
    found = find_hotspots(rate, bowl > -0.1, GRID, HotspotSettings(radius_m=60, calibrated=calibrated))
    largest = found.clusters.iloc[0]
    assert largest["kind"] == "subsidence"
    assert largest.geometry.contains(gpd.points_from_xy([500_000 + 40.5 * 20], [4_000_000 - 25.5 * 20])[0])
    assert found.inflation > 1


@pytest.mark.parametrize("value", [np.nan, 3.0])
def test_a_map_without_measured_or_varying_rates_has_no_hot_spot(value):
    rate = np.full(GRID.shape, value, np.float32)
    found = find_hotspots(rate, np.isfinite(rate), GRID, HotspotSettings())
    assert np.isnan(found.z).all()
    assert not found.classes.any()
    assert len(found.clusters) == 0
    assert "kind" in found.clusters

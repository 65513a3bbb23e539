from datetime import date, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from basinwatch.comparison import fringe_gradients
from basinwatch.comparison.gradients import local_gradient, network_gradients
from basinwatch.grid import Grid
from basinwatch.phase import wrap

GRID = Grid(60, 50, None, None, (10.0, 10.0))
START = date(2022, 1, 1)


def day(n):
    return START + timedelta(n)


def bowl(depth_rad, width_px=6.0):
    """Gaussian phase of a basin, and the steepest step between neighbouring pixels."""
    y, x = np.mgrid[0:50, 0:60]
    phase = depth_rad * np.exp(-((y - 25) ** 2 + (x - 30) ** 2) / (2 * width_px**2))
    return phase, max(np.abs(np.diff(phase, axis=axis)).max() for axis in (0, 1))


@pytest.mark.parametrize(("across", "down"), [(0.3, 0.1), (-2.5, 1.0), (0.2, -3.0), (0, 0)])
def test_the_gradient_of_a_plane_is_its_larger_slope(across, down):
    y, x = np.mgrid[0:20, 0:25]
    gradient = local_gradient(wrap(across * x + down * y + 1.0))
    np.testing.assert_allclose(gradient, max(abs(across), abs(down)), atol=1e-9)


def test_gaps_leave_the_gradient_beside_them_and_have_none_themselves():
    y, x = np.mgrid[0:20, 0:25]
    phase = wrap(0.7 * x + 0.2 * y)
    phase[5:12, 8:15] = np.nan
    gradient = local_gradient(phase)
    assert np.array_equal(np.isnan(gradient), np.isnan(phase))
    np.testing.assert_allclose(gradient[np.isfinite(gradient)], 0.7, atol=1e-9)


def test_noise_has_no_gradient_but_a_noisy_plane_has_its_own():
    rng = np.random.default_rng(0)
    assert np.isnan(local_gradient(rng.uniform(-np.pi, np.pi, (200, 200)))).mean() > 0.97
    x = np.mgrid[0:200, 0:200][1]
    gradient = local_gradient(wrap(1.2 * x + rng.normal(0, 0.4, x.shape)))
    assert np.isnan(gradient).mean() < 0.01
    assert np.nanmedian(gradient) == pytest.approx(1.2, abs=0.05)


def measured(phases, outline=None):
    """Gradients of one basin in consecutive 12-day pairs."""
    basins = gpd.GeoDataFrame({"basin": ["k1"]}, geometry=[outline or shapely.Point(30.5, 25.5).buffer(18)])
    pairs = [(day(12 * i), day(12 * i + 12), phase) for i, phase in enumerate(phases)]
    detected = pd.DataFrame(
        [("k1", first.isoformat(), second.isoformat()) for first, second, _ in pairs],
        columns=["basin", "date1", "date2"],
    )
    return fringe_gradients(basins, detected, pairs, GRID)


@pytest.mark.parametrize("depth", [2.0, 8.0, 20.0])
def test_the_gradient_of_a_wrapped_bowl_is_close_below_its_steepest_step(depth):
    phase, steepest = bowl(depth)
    found = measured([wrap(phase)])["gradient_rad"].item()
    assert 0.8 * steepest < found < steepest < np.pi


def test_only_detecting_pairs_with_enough_coherent_ground_count():
    phase, _ = bowl(8)
    found = measured([wrap(phase), np.full(phase.shape, np.nan), wrap(phase)])
    assert found["date1"].tolist() == [day(0).isoformat(), day(24).isoformat()]
    assert measured([wrap(phase)], shapely.box(500, 500, 520, 520)).empty
    basins = gpd.GeoDataFrame({"basin": ["k1"]}, geometry=[shapely.box(20, 15, 40, 35)])
    none = pd.DataFrame(columns=["basin", "date1", "date2"])
    assert fringe_gradients(basins, none, [(day(0), day(12), phase)], GRID).empty


def test_gradients_of_short_pairs_tell_how_steep_a_longer_pair_is():
    parts = [bowl(depth)[0] for depth in (6.0, 3.0, 9.0)]
    network = [(day(0), day(12)), (day(0), day(24)), (day(12), day(36)), (day(0), day(36)), (day(36), day(48))]
    predicted = network_gradients(measured([wrap(part) for part in parts]), network)["k1"]
    covered = [parts[:1], parts[:2], parts[1:], parts]
    actual = [np.abs(np.diff(sum(phases), axis=1)).max() for phases in covered]
    np.testing.assert_allclose(predicted[:4], actual, rtol=0.2)
    assert predicted[4] == 0
    assert predicted[3] == pytest.approx(predicted[0] + predicted[2], rel=1e-12)


def test_days_that_several_pairs_cover_count_their_mean_once():
    rows = pd.DataFrame(
        [("k1", 0, 12, 1.2), ("k1", 0, 24, 4.8), ("k2", 0, 12, 0.5)], columns=["basin", "a", "b", "gradient_rad"]
    )
    rows = rows.assign(date1=[day(n).isoformat() for n in rows["a"]], date2=[day(n).isoformat() for n in rows["b"]])
    found = network_gradients(rows, [(day(0), day(12)), (day(6), day(24)), (day(12), day(24))])
    np.testing.assert_allclose(found["k1"], [(1.2 + 2.4) / 2, (1.2 + 2.4) / 4 + 2.4, 2.4])
    np.testing.assert_allclose(found["k2"], [0.5, 0.25, 0])


def test_detecting_pairs_outside_the_time_of_the_rate_map_are_cut_off():
    rows = pd.DataFrame({
        "basin": "k1", "date1": [day(-12).isoformat(), day(18).isoformat()],
        "date2": [day(6).isoformat(), day(30).isoformat()], "gradient_rad": [1.8, 1.2],
    })  # fmt: skip
    np.testing.assert_allclose(network_gradients(rows, [(day(0), day(24))])["k1"], [0.6 + 0.6])

import numpy as np
from affine import Affine
from basinwatch.grid import Grid
from basinwatch.hotspots import Pattern
from basinwatch.hotspots.pattern_areas import pattern_areas
from shapely.geometry import box

GRID = Grid.from_map(12, 10, Affine(20, 0, 500_000, 0, -20, 4_000_000), "EPSG:32650")


def test_areas_of_unlike_patterns_stay_apart_and_are_described():
    pattern = np.zeros(GRID.shape, np.float32)
    pattern[1:4, 1:5], pattern[1:4, 5:7], pattern[6:8, 8:10] = -Pattern.NEW, -Pattern.INTENSIFYING, Pattern.NEW
    tau = np.where(pattern == -Pattern.NEW, -0.5, 0.25)
    areas = pattern_areas(pattern, tau, GRID, 4)
    assert areas["zone"].tolist() == ["e1", "e2", "e3"]
    assert areas["pattern"].tolist() == ["new", "intensifying", "new"]
    assert areas["kind"].tolist() == ["subsidence", "subsidence", "uplift"]
    assert areas["area_m2"].tolist() == [12 * 400, 6 * 400, 4 * 400]
    assert areas["mean_tau"].tolist() == [-0.5, 0.25, 0.25]
    assert areas.geometry[0].equals(box(500_020, 4_000_000 - 80, 500_100, 4_000_000 - 20))


def test_small_areas_are_dropped_and_corners_join():
    pattern = np.zeros(GRID.shape, np.float32)
    pattern[0, 0] = pattern[1, 1] = pattern[2, 2] = -Pattern.SPORADIC
    pattern[8, 8] = -Pattern.SPORADIC
    pattern[5] = np.nan
    areas = pattern_areas(pattern, np.zeros(GRID.shape), GRID, 3)
    assert areas["area_m2"].tolist() == [3 * 400]
    assert areas.geometry.is_valid.all()


def test_a_map_without_patterns_has_no_areas_but_all_columns():
    areas = pattern_areas(np.zeros(GRID.shape), np.zeros(GRID.shape), GRID, 1)
    assert areas.empty
    assert list(areas.columns) == ["zone", "pattern", "kind", "area_m2", "mean_tau", "geometry"]

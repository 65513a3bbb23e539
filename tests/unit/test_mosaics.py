"""Basins seen by several stacks."""

import geopandas as gpd
import numpy as np
import pytest
from basinwatch.mosaics.basins import mosaic
from shapely.geometry import Point, box

CRS = "EPSG:32634"


def frame(stack, *shapes_and_scores, crs=CRS, cut=False):
    shapes, scores = zip(*shapes_and_scores, strict=True) if shapes_and_scores else ((), ())
    columns = {"stack": np.full(len(shapes), stack, object), "score": np.array(scores, float)}
    columns["area_m2"] = [shape.area for shape in shapes]
    columns["touches_edge"] = np.full(len(shapes), cut)
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs)


def test_the_same_place_in_two_stacks_is_one_basin_with_the_better_outline():
    a = frame("a", (box(0, 0, 100, 100), 0.7), (box(500, 0, 600, 100), 0.9))
    b = frame("b", (box(10, 0, 110, 100), 0.8))
    basins, detections = mosaic([a, b], CRS)
    assert basins["stacks"].tolist() == ["a", "a, b"]
    assert basins["score"].tolist() == [0.9, 0.8]
    assert basins.geometry[1].equals(box(10, 0, 110, 100))
    assert detections["basin_of_pair"].tolist() == [1, 2, 2]


def test_touching_basins_of_one_stack_stay_two():
    basins, _ = mosaic([frame("a", (box(0, 0, 100, 100), 0.7), (box(50, 0, 150, 100), 0.9))], CRS)
    assert len(basins) == 2


def test_a_slight_overlap_of_two_stacks_stays_two():
    basins, _ = mosaic([frame("a", (box(0, 0, 100, 100), 0.7)), frame("b", (box(60, 0, 160, 100), 0.9))], CRS)
    assert len(basins) == 2


def test_the_stack_that_saw_a_basin_whole_gives_its_outline_and_is_named():
    cut = frame("a", (box(0, 0, 60, 100), 0.9), cut=True)
    whole = frame("b", (box(0, 0, 100, 100), 0.7))
    basins, detections = mosaic([cut, whole], CRS)
    assert basins.geometry[0].equals(box(0, 0, 100, 100))
    assert basins[["stack", "stacks", "score"]].to_numpy().tolist() == [["b", "a, b", 0.7]]
    assert len(detections) == 2


def test_a_basin_that_both_frames_cut_is_put_together():
    """Two frames of one track overlap by 40 m: less than half of either view."""
    west = frame("a", (box(0, 0, 120, 100), 0.9), cut=True)
    east = frame("b", (box(80, 0, 200, 100), 0.8), cut=True)
    basins, _ = mosaic([west, east], CRS)
    assert len(basins) == 1
    assert basins.geometry[0].equals(box(0, 0, 200, 100))
    assert basins["area_m2"][0] == 200 * 100
    assert basins["stack"][0] == "a"


def test_another_coordinate_system_is_transformed():
    degrees = frame("b", (Point(500_050, 5_500_050).buffer(60), 0.8)).to_crs("EPSG:4326")
    basins, _ = mosaic([frame("a", (box(500_000, 5_500_000, 500_100, 5_500_100), 0.7)), degrees], CRS)
    assert basins["stacks"].tolist() == ["a, b"]
    assert basins.crs == CRS


def test_pixel_coordinates_and_no_detection_pass_through():
    basins, detections = mosaic([frame("a", crs=None)], None)
    assert len(basins) == len(detections) == 0
    assert {"basin_of_pair", "stacks", "score"} <= set(basins.columns)


LEFT, RIGHT, BOTH = box(0, 0, 100, 100), box(110, 0, 210, 100), box(0, 0, 210, 100)


@pytest.mark.parametrize(("apart", "together", "basins"), [(0.9, 0.8, 2), (0.6, 0.8, 1)])
def test_two_basins_that_another_stack_saw_as_one_are_as_many_as_the_best_observation_says(apart, together, basins):
    """Linked through what the other stack saw, the two of one stack must not become one and lose an outline."""
    merged, detections = mosaic([frame("a", (LEFT, apart), (RIGHT, 0.5)), frame("b", (BOTH, together))], CRS)
    assert len(merged) == basins
    outlines = [LEFT, RIGHT] if basins == 2 else [BOTH]
    assert [found.equals(true) for found, true in zip(merged.geometry, outlines, strict=True)] == [True] * basins
    assert merged["stacks"].tolist() == (["a, b", "a"] if basins == 2 else ["a, b"])
    assert sorted(detections["basin_of_pair"].unique()) == list(range(1, basins + 1))


def test_what_the_best_stack_did_not_see_stays_a_basin_of_its_own():
    """Stack a sees the left one only; the chain a - b - c must not take the right one away."""
    frames = [frame("a", (LEFT, 0.9)), frame("b", (BOTH, 0.8)), frame("c", (RIGHT, 0.7))]
    basins, _ = mosaic(frames, CRS)
    assert basins["stacks"].tolist() == ["a, b", "c"]


def test_a_basin_that_three_frames_cut_is_put_together():
    parts = [box(0, 0, 120, 100), box(80, 0, 200, 100), box(160, 0, 280, 100)]
    frames = [frame(name, (part, 0.9), cut=True) for name, part in zip("abc", parts, strict=True)]
    basins, _ = mosaic(frames, CRS)
    assert [shape.equals(box(0, 0, 280, 100)) for shape in basins.geometry] == [True]
    assert basins["stacks"].tolist() == ["a, b, c"]


def test_a_blurred_view_of_two_basins_never_gives_an_outline():
    """The left one is cut in stack a, but stack b cannot tell it from the right one."""
    west = frame("a", (RIGHT, 0.9), (LEFT, 0.5))
    west.loc[1, "touches_edge"] = True
    basins, _ = mosaic([west, frame("b", (BOTH, 0.8))], CRS)
    assert [found.equals(true) for found, true in zip(basins.geometry, [RIGHT, LEFT], strict=True)] == [True, True]


def test_basins_are_numbered_by_the_score_of_the_observation_that_is_kept():
    cut, whole = frame("a", (LEFT, 0.95), cut=True), frame("b", (LEFT, 0.6), (RIGHT, 0.8))
    basins, detections = mosaic([cut, whole], CRS)
    assert basins["score"].tolist() == [0.8, 0.6]
    assert basins["basin_of_pair"].tolist() == [1, 2]
    assert detections["basin_of_pair"].tolist() == [1, 2, 2]

"""Boxes merged without regard to windows, against results worked out by hand."""

import numpy as np
import pytest
from basinwatch.inference.box_merging import merge_boxes, suppress_boxes
from basinwatch.inference.placed_objects import PlacedObject
from basinwatch.tiling import Tile

WINDOW = Tile(0, 0, 256)


def box(left, top, right, bottom, score, *, mask=None):
    filled = np.ones((bottom - top, right - left), bool)
    return PlacedObject(
        WINDOW, tuple(map(float, (left, top, right, bottom))), score, filled if mask is None else mask, mask is not None
    )


def found(objects):
    return [(one.box, one.score) for one in objects]


def test_suppression_keeps_the_best_of_boxes_that_overlap_by_half():
    """Of 20 × 20 boxes, a shift by 6 leaves an IoU of 14/26, one by 7 of 13/27."""
    objects = [box(0, 0, 20, 20, 0.7), box(6, 0, 26, 20, 0.9), box(13, 0, 33, 20, 0.8)]
    assert found(suppress_boxes(objects)) == [((6, 0, 26, 20), 0.9), ((13, 0, 33, 20), 0.8)]


def test_what_was_suppressed_suppresses_nothing():
    objects = [box(0, 0, 20, 20, 0.9), box(6, 0, 26, 20, 0.8), box(12, 0, 32, 20, 0.7)]
    assert found(suppress_boxes(objects)) == [((0, 0, 20, 20), 0.9), ((12, 0, 32, 20), 0.7)]


def test_merging_unites_halves_of_a_basin_that_suppression_leaves_apart():
    whole, part = box(0, 0, 40, 20, 0.8), box(25, 0, 40, 20, 0.9)
    assert len(suppress_boxes([whole, part])) == 2
    assert found(merge_boxes([whole, part])) == [((0, 0, 40, 20), 0.9)]


def test_what_is_merged_must_match_both_the_keeper_and_what_it_has_grown_to():
    """The third box shares nothing with the keeper, though all of it lies in the grown box."""
    objects = [box(0, 0, 20, 20, 0.9), box(8, 0, 60, 20, 0.8), box(30, 0, 40, 20, 0.7)]
    assert found(merge_boxes(objects)) == [((0, 0, 60, 20), 0.9), ((30, 0, 40, 20), 0.7)]


@pytest.mark.parametrize("merge", [merge_boxes, suppress_boxes])
def test_boxes_without_an_area_stay_apart(merge):
    objects = [box(0, 0, 20, 20, 0.9), box(5, 5, 5, 10, 0.8), box(5, 5, 5, 10, 0.7)]
    assert found(merge(objects)) == found(objects)


def test_masks_are_united_within_the_grown_box():
    left, right = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    left[:, :6], right[:, 4:] = True, True
    merged = merge_boxes([box(0, 0, 10, 10, 0.9, mask=left), box(2, 0, 12, 10, 0.8, mask=right)])
    expected = np.zeros((10, 12), bool)
    expected[:, :6] = expected[:, 6:] = True
    assert found(merged) == [((0, 0, 12, 10), 0.9)]
    np.testing.assert_array_equal(merged[0].mask, expected)


@pytest.mark.parametrize("merge", [merge_boxes, suppress_boxes])
def test_the_order_of_boxes_does_not_matter(merge):
    random = np.random.default_rng(4)
    corners = random.integers(0, 60, (40, 2))
    sides = random.integers(5, 30, (40, 2))
    scores = random.integers(1, 5, 40) / 5
    objects = [
        box(x, y, x + w, y + h, s) for (x, y), (w, h), s in zip(corners.tolist(), sides.tolist(), scores, strict=True)
    ]
    expected = found(merge(objects))
    assert 1 < len(expected) < 40
    for _ in range(3):
        assert found(merge([objects[i] for i in random.permutation(40)])) == expected

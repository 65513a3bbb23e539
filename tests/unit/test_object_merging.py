"""Objects of neighbouring windows: each is counted once, none is cut, neighbours stay apart."""

import numpy as np
import pytest
from basinwatch.inference.object_merging import is_cut, merge
from basinwatch.inference.placed_objects import PlacedObject, read_objects, write_objects
from basinwatch.tiling import Tile, tiles
from scipy import ndimage

from tests.unit.frames import disc

SHAPE = (200, 260)
SIZE, STEP = 96, 64


def seen(truth, size=SIZE, step=STEP, score=0.9):
    """What a perfect detector sees of labelled regions, window by window."""
    found = []
    for window in tiles(*truth.shape, size, step):
        part = truth[window.row : window.row + size, window.column : window.column + size]
        for number in range(1, truth.max() + 1):
            labels, _ = ndimage.label(part == number, np.ones((3, 3)))
            for place, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
                box = (columns.start + window.column, rows.start + window.row,
                       columns.stop + window.column, rows.stop + window.row)  # fmt: skip
                found.append(PlacedObject(window, tuple(map(float, box)), score, labels[rows, columns] == place))
    return found


def painted(objects, shape=SHAPE):
    """Labels of merged objects."""
    labels = np.zeros(shape, int)
    for number, one in enumerate(objects, 1):
        labels[one.place][one.mask] = number
    return labels


@pytest.mark.parametrize("centre", [(48, 48), (80, 80), (96, 130), (66, 95), (100, 64), (128, 160)])
@pytest.mark.parametrize("radius", [4, 15, 30])
def test_an_object_on_any_border_comes_back_whole_and_once(centre, radius):
    truth = disc(SHAPE, *centre, radius).astype(int)
    merged = merge(seen(truth), SHAPE)
    assert len(merged) == 1
    np.testing.assert_array_equal(painted(merged), truth)


def test_an_object_larger_than_the_windows_is_put_together():
    truth = disc(SHAPE, 100, 130, 90).astype(int)
    merged = merge(seen(truth), SHAPE)
    assert len(merged) == 1
    np.testing.assert_array_equal(painted(merged), truth)


def test_touching_objects_on_a_border_stay_two():
    truth = disc(SHAPE, 80, 70, 18).astype(int)
    truth[disc(SHAPE, 80, 106, 18) & (truth == 0)] = 2
    merged = merge(seen(truth), SHAPE)
    assert len(merged) == 2
    assert sorted(one.mask.sum() for one in merged) == sorted(np.bincount(truth.ravel())[1:])


def test_the_order_of_the_objects_does_not_matter():
    random = np.random.default_rng(3)
    truth = np.zeros(SHAPE, int)
    for number in range(1, 13):
        row, column = random.integers(0, SHAPE[0]), random.integers(0, SHAPE[1])
        truth[disc(SHAPE, row, column, random.integers(4, 25)) & (truth == 0)] = number
    found = seen(truth)
    first = merge(found, SHAPE)
    for _ in range(3):
        again = merge([found[i] for i in random.permutation(len(found))], SHAPE)
        assert [one.box for one in again] == [one.box for one in first]
        np.testing.assert_array_equal(painted(again), painted(first))


def test_the_whole_view_wins_over_cut_ones_and_keeps_the_best_score():
    window, other = Tile(0, 0, 96), Tile(0, 64, 96)
    cut = PlacedObject(window, (70.0, 40.0, 96.0, 60.0), 0.95, np.ones((20, 26), bool))
    whole = PlacedObject(other, (70.0, 40.0, 110.0, 60.0), 0.7, np.ones((20, 40), bool))
    merged = merge([cut, whole], (96, 160))
    assert [(one.box, one.score) for one in merged] == [(whole.box, 0.95)]


def test_a_frames_own_border_cuts_nothing():
    at_the_edge = PlacedObject(Tile(0, 0, 96), (0.0, 0.0, 9.0, 9.0), 0.9, np.ones((9, 9), bool))
    inner = PlacedObject(Tile(64, 0, 96), (0.0, 64.0, 9.0, 80.0), 0.9, np.ones((16, 9), bool))
    assert not is_cut(at_the_edge, SHAPE)
    assert is_cut(inner, SHAPE)


def test_a_worse_repetition_is_dropped_and_a_small_overlap_is_not():
    window = Tile(0, 0, 96)
    mask = np.ones((20, 20), bool)
    objects = [
        PlacedObject(window, (20.0, 20.0, 40.0, 40.0), 0.9, mask),
        PlacedObject(window, (23.0, 20.0, 43.0, 40.0), 0.8, mask),
        PlacedObject(window, (35.0, 20.0, 55.0, 40.0), 0.7, mask),
    ]
    assert [one.score for one in merge(objects, SHAPE)] == [0.9, 0.7]


def test_objects_survive_their_file(tmp_path):
    random = np.random.default_rng(0)
    objects = [
        PlacedObject(Tile(64, 0, 96), (3.25, 70.5, 15.0, 81.125), 0.75, random.random((12, 12)) > 0.5),
        PlacedObject(Tile(0, 0, 96), (1.0, 2.0, 4.0, 9.0), 0.25, np.ones((7, 3), bool), has_outline=False),
    ]
    write_objects(tmp_path / "objects.parquet", objects)
    back = read_objects(tmp_path / "objects.parquet")
    assert [(one.window, one.box, one.score, one.has_outline) for one in back] == [
        (one.window, one.box, one.score, one.has_outline) for one in objects
    ]
    for one, other in zip(back, objects, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)
    assert [one.score for one in read_objects(tmp_path / "objects.parquet", 0.5)] == [0.75]
    write_objects(tmp_path / "none.parquet", [])
    assert read_objects(tmp_path / "none.parquet", 0.5) == []

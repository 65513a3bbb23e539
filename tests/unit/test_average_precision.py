"""Average precision of boxes and mask crops against pycocotools, and of weighted tiles."""

import numpy as np
import pytest
from basinwatch.datasets.tiles import Label
from basinwatch.detectors import Objects
from basinwatch.evaluation.average_precision import COCO_IOUS, Ranking, average_precision
from basinwatch.evaluation.scores import compare
from basinwatch.inference.instances import Instances
from basinwatch.inference.object_overlaps import compare_boxes, compare_masks, instance_boxes
from coco_oracle import coco_precisions

SIDE = 64


def disc(row, column, radius):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def random_tile(random):
    """Up to four true discs in their own quarters, and detections: shifted copies that may overlap, and false ones."""
    truth, masks = [], []
    for quarter in range(random.integers(0, 5)):
        row, column = 32 * (quarter // 2) + 16, 32 * (quarter % 2) + 16
        radius = random.uniform(4, 12)
        truth.append(Label(disc(row, column, radius), bool(random.random() < 0.25)))
        for _ in range(random.integers(0, 3)):
            shift = random.integers(-4, 5, 2)
            masks.append(disc(row + shift[0], column + shift[1], radius * random.uniform(0.7, 1.3)))
    masks += [disc(*random.uniform(8, 56, 2), 5) for _ in range(random.integers(0, 2))]
    scores = np.sort(random.permutation(np.linspace(0.1, 0.9, 9973))[: len(masks)])[::-1]
    return truth, masks, scores.astype(np.float32)


def objects(masks, scores, with_masks=True):
    """Detections as an instance detector gives them."""
    crops, boxes = [], []
    for mask in masks:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
        crops.append(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    return Objects(np.array(boxes, np.float32).reshape(-1, 4), scores, crops if with_masks else None)


@pytest.mark.parametrize("kind", ["segm", "bbox"])
@pytest.mark.parametrize("seed", range(3))
def test_precision_at_all_ten_overlaps_equals_pycocotools(kind, seed, capsys):
    random = np.random.default_rng(seed)
    tiles = [random_tile(random) for _ in range(30)]
    compared = []
    for truth, masks, scores in tiles:
        found = objects(masks, scores)
        score = scores.astype(float)
        boxes = compare_boxes(found.boxes.astype(float), score, score, truth)
        compared.append(boxes if kind == "bbox" else compare_masks(found, truth))
    expected = coco_precisions(tiles, kind)
    assert 0.05 < expected.mean() < 0.95
    assert [average_precision(compared, iou) for iou in COCO_IOUS] == pytest.approx(expected, abs=1e-9)


def test_mask_crops_compare_like_the_same_masks_in_a_label_map():
    truth = [Label(disc(20, 20, 8)), Label(disc(50, 20, 6)), Label(disc(40, 50, 9), ignore=True)]
    masks = [disc(21, 22, 7), disc(41, 49, 8), disc(5, 60, 4)]
    labels = np.zeros((SIDE, SIDE), np.int32)
    for number, mask in enumerate(masks, 1):
        labels[mask] = number
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    area = np.array([mask.sum() for mask in masks])
    painted = compare(Instances(labels, scores.astype(float), scores.astype(float), area), truth)
    crops = compare_masks(objects(masks, scores), truth)
    for name in ("score", "iou", "centre_inside", "ignored_share", "area_similarity"):
        np.testing.assert_allclose(getattr(crops, name), getattr(painted, name), err_msg=name)


def test_objects_without_masks_have_no_mask_overlap():
    with pytest.raises(ValueError, match="without masks"):
        compare_masks(objects([disc(20, 20, 5)], np.array([0.5], np.float32), with_masks=False), [])


def test_boxes_of_instances_are_those_of_their_pixels():
    labels = np.zeros((20, 30), np.int32)
    labels[4:9, 10:12] = 1
    labels[15, 29] = 2
    found = Instances(labels, np.ones(2), np.ones(2), np.array([10, 1]))
    assert instance_boxes(found).tolist() == [[10, 4, 12, 9], [29, 15, 30, 16]]


def test_nothing_found_where_nothing_is_compares_without_fault():
    empty = objects([], np.zeros(0, np.float32))
    assert compare_masks(empty, []).iou.shape == (0, 0)
    nothing = np.zeros(0)
    assert compare_boxes(empty.boxes.astype(float), nothing, nothing, [Label(disc(9, 9, 3))]).iou.shape == (0, 1)


def test_a_weighted_tile_counts_as_if_it_were_repeated():
    random = np.random.default_rng(5)
    tiles = [random_tile(random) for _ in range(12)]
    compared = [compare_masks(objects(masks, scores), truth) for truth, masks, scores in tiles]
    weights = random.integers(0, 4, len(tiles))
    repeated = [c for c, times in zip(compared, weights, strict=True) for _ in range(times)]
    assert Ranking.of(compared).average_precision(weights) == pytest.approx(average_precision(repeated), abs=1e-12)

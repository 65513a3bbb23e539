"""Scores against published rows, brute force and pycocotools."""

import numpy as np
import pytest
from basinwatch.datasets.tiles import IGNORED, Label
from basinwatch.evaluation.average_precision import average_precision
from basinwatch.evaluation.scores import (
    ObjectScores,
    assign,
    choose_thresholds,
    compare,
    confusion,
    false_alarms_per_1000_km2,
    match,
    object_scores,
    pixel_scores,
)
from basinwatch.inference.instances import Instances, InstanceSettings, find_instances
from coco_oracle import coco_precisions
from sklearn.metrics import cohen_kappa_score, precision_score, recall_score


def instances(masks, scores):
    labels = np.zeros(masks[0].shape, np.int32)
    for number, mask in enumerate(masks, start=1):
        labels[mask] = number
    area = np.bincount(labels.ravel(), minlength=len(masks) + 1)[1:]
    return Instances(labels, np.array(scores, float), np.array(scores, float), area)


def rectangle(top, left, bottom, right, shape=(64, 64)):
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def random_scene(random):
    """Up to six true rectangles, detections that are shifted copies, some of them on ignored ground."""
    truth, found, scores = [], [], []
    taken = np.zeros((64, 64), bool)
    for cell in random.permutation(16)[: random.integers(0, 7)]:
        top, left = 16 * (cell // 4), 16 * (cell % 4)
        truth.append(Label(rectangle(top + 3, left + 3, top + 12, left + 12), bool(random.random() < 0.25)))
        if random.random() < 0.8:
            down, right = random.integers(-2, 3, 2)
            found.append(rectangle(top + 3 + down, left + 3 + right, top + 12 + down, left + 12 + right))
            taken |= found[-1]
    for cell in random.permutation(16)[:2]:
        top, left = 16 * (cell // 4), 16 * (cell % 4)
        false = rectangle(top + 5, left + 5, top + 11, left + 11)
        if not (false & taken).any():
            found.append(false)
            taken |= false
    scores = random.permutation(np.linspace(0.3, 0.9, 997))[: len(found)]
    return truth, found, scores


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_equals_pycocotools(seed, capsys):
    random = np.random.default_rng(seed)
    scenes = [random_scene(random) for _ in range(25)]
    empty = instances([np.zeros((64, 64), bool)], [0.0]).select(np.array([False]))
    compared = [compare(instances(f, s) if f else empty, t) for t, f, s in scenes]
    expected = coco_precisions(scenes, "segm")[0]
    assert 0.2 < expected < 0.98
    assert average_precision(compared) == pytest.approx(expected, abs=1e-9)


def test_pixel_scores_equal_their_definition_without_ignored_pixels():
    random = np.random.default_rng(3)
    target = random.choice([0, 1, 2, IGNORED], (40, 50), p=[0.6, 0.2, 0.1, 0.1]).astype(np.uint8)
    predicted = random.random((40, 50)) < 0.4
    counts = confusion(target, predicted)
    use = target != IGNORED
    truth = (target == 1) | (target == 2)
    ious = [
        (use & (truth == c) & (predicted == c)).sum() / (use & ((truth == c) | (predicted == c))).sum() for c in (0, 1)
    ]
    recalls = [(use & (truth == c) & (predicted == c)).sum() / (use & (truth == c)).sum() for c in (0, 1)]
    scores = pixel_scores(counts)
    assert scores.background_iou == pytest.approx(ious[0])
    assert scores.basin_iou == pytest.approx(ious[1])
    assert scores.mean_iou == pytest.approx(np.mean(ious))
    assert scores.mean_accuracy == pytest.approx(np.mean(recalls))
    assert scores.accuracy == pytest.approx((truth == predicted)[use].mean())
    assert scores.kappa == pytest.approx(cohen_kappa_score(truth[use], predicted[use]))
    assert scores.precision == pytest.approx(precision_score(truth[use], predicted[use]))
    assert scores.recall == pytest.approx(recall_score(truth[use], predicted[use]))


# Lin et al. 2022, table 1, percent: MIoU, IoU of background, IoU of subsidence.
PUBLISHED = {
    "FCN-32s": (73.68, 98.21, 49.15), "FCN-16s": (78.35, 98.50, 58.20), "FCN-8s": (79.32, 98.58, 60.05),
    "PSPNet": (79.21, 98.65, 59.77), "DeepLabv3": (79.71, 98.57, 60.85), "U-Net": (79.24, 98.27, 60.20),
    "ECA-UNet": (80.58, 98.41, 62.74),
}  # fmt: skip


@pytest.mark.parametrize("network", PUBLISHED)
def test_mean_iou_of_a_published_row_is_that_of_counts_with_its_two_class_ious(network):
    mean_iou, background, basin = (v / 100 for v in PUBLISHED[network])
    errors = 10**6
    correct = [round(2 * errors * iou / (1 - iou)) for iou in (background, basin)]
    scores = pixel_scores(np.array([[correct[0], errors], [errors, correct[1]]]))
    assert (scores.background_iou, scores.basin_iou) == pytest.approx((background, basin), abs=1e-6)
    assert scores.mean_iou == pytest.approx(mean_iou, abs=1.01e-4)


def test_f1_of_the_published_precision_and_recall_is_theirs():
    """Precision 0.669 and recall 0.797 make F1 0.727."""
    scores = ObjectScores(669 * 797, 331 * 797, 669 * 203)
    assert (scores.precision, scores.recall) == pytest.approx((0.669, 0.797))
    assert scores.f1 == pytest.approx(0.727, abs=5e-4)


def test_matching_is_one_to_one_and_the_best_score_chooses_first():
    truth = [Label(rectangle(10, 10, 20, 30))]
    found = instances([rectangle(10, 10, 20, 21), rectangle(10, 21, 20, 30)], [0.6, 0.9])
    hit, _ = match(compare(found, truth))
    assert hit.tolist() == [True, False]
    hit, _ = match(compare(found, truth), None)
    assert hit.tolist() == [False, True]
    assert object_scores([compare(found, truth)]) == ObjectScores(1, 1, 0)


def test_every_detection_knows_its_basin_and_how_alike_their_areas_are():
    truth = [Label(rectangle(0, 0, 10, 10)), Label(rectangle(30, 30, 40, 40))]
    compared = compare(instances([rectangle(30, 30, 38, 40), rectangle(50, 0, 60, 10)], [0.6, 0.9]), truth)
    assert assign(compared).tolist() == [1, -1]
    np.testing.assert_allclose(compared.area_similarity, [[0.8, 0.8], [1, 1]])


def test_a_detection_on_ignored_ground_is_neither_hit_nor_false_alarm():
    truth = [Label(rectangle(0, 0, 10, 10), ignore=True), Label(rectangle(30, 30, 40, 40))]
    found = instances([rectangle(0, 0, 8, 8), rectangle(50, 50, 58, 58)], [0.9, 0.5])
    assert object_scores([compare(found, truth)]) == ObjectScores(0, 1, 1)
    assert object_scores([compare(found, truth)], None) == ObjectScores(0, 1, 1)


def test_a_centroid_in_the_basin_counts_however_poor_the_outline():
    truth = [Label(rectangle(10, 10, 50, 50))]
    found = instances([rectangle(28, 28, 32, 32)], [0.5])
    assert object_scores([compare(found, truth)]).true_positives == 0
    assert object_scores([compare(found, truth)], None) == ObjectScores(1, 0, 0)


def test_nothing_found_and_nothing_there_are_scored_without_fault():
    empty = find_instances(np.zeros((64, 64)), InstanceSettings())
    assert object_scores([compare(empty, [])]) == ObjectScores(0, 0, 0)
    assert object_scores([compare(empty, [Label(rectangle(1, 1, 9, 9))])]).recall == 0
    assert average_precision([compare(empty, [Label(rectangle(1, 1, 9, 9))])]) == 0
    assert np.isnan(average_precision([compare(empty, [])]))


def test_false_alarms_are_counted_per_thousand_square_kilometres():
    assert false_alarms_per_1000_km2(ObjectScores(5, 3, 0), 250) == 12


def test_the_chosen_thresholds_have_the_best_f1_of_all():
    random = np.random.default_rng(8)
    truths, maps = [], []
    for _ in range(6):
        top, left = random.integers(4, 40, 2)
        basin, false = rectangle(top, left, top + 14, left + 14), rectangle(50, 50, 60, 60)
        halo = rectangle(top - 3, left - 3, top + 17, left + 17)
        truths.append([Label(basin)])
        maps.append(np.select([basin, halo, false], [0.85, 0.45, 0.65], 0.05))
    chosen, scores = choose_thresholds(maps, truths, 12)
    assert chosen.threshold in (0.5, 0.6, 0.7, 0.8)
    assert chosen.peak_threshold in (0.7, 0.8)
    assert scores.f1 == 1

"""Boxes, anchors and the assignment of locations to basins, against closed forms, peers and loops."""

import math

import numpy as np
import pytest
import torch
from basinwatch.datasets.tiles import IGNORED
from basinwatch.detectors.anchors import assign_anchors, cluster_anchors, place_anchors
from basinwatch.detectors.assignment import AssignmentSettings, assign
from basinwatch.detectors.boxes import (
    SelectionSettings,
    centred_boxes,
    matched_iou,
    matched_loss,
    pair_loss,
    select_objects,
    shape_iou,
)
from basinwatch.detectors.locations import counted_locations, focal_loss, locate
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torchvision import ops

KINDS = ("iou", "giou", "diou", "ciou")
STRIDES = (8, 16, 32)
CPU = torch.device("cpu")


def random_boxes(count, seed, side=64.0):
    random = torch.Generator().manual_seed(seed)
    centres = torch.rand(count, 2, generator=random) * side
    return centred_boxes(centres, 4 + torch.rand(count, 2, generator=random) * side / 2)


@pytest.mark.parametrize("kind", KINDS)
def test_identical_boxes_have_no_loss(kind):
    boxes = random_boxes(5, 0)
    torch.testing.assert_close(matched_loss(kind, boxes, boxes), torch.zeros(5), atol=1e-5, rtol=0)


def test_distance_loss_of_disjoint_unit_boxes_is_one_plus_squared_distance_over_squared_diagonal():
    boxes, truth = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[3.0, 4, 4, 5]])
    torch.testing.assert_close(matched_loss("diou", boxes, truth), torch.tensor([1 + 25 / 41]))


def test_generalised_loss_of_disjoint_unit_boxes_is_one_plus_the_empty_share_of_their_hull():
    boxes, truth = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[3.0, 4, 4, 5]])
    torch.testing.assert_close(matched_loss("giou", boxes, truth), torch.tensor([1 + 18 / 20]))


def test_loss_of_overlap_alone_is_blind_to_how_far_disjoint_boxes_are_apart():
    boxes, truth = torch.tensor([[0.0, 0, 2, 2], [0.0, 0, 1, 1]]), torch.tensor([[1.0, 0, 3, 2], [8.0, 0, 9, 1]])
    torch.testing.assert_close(matched_loss("iou", boxes, truth), torch.tensor([2 / 3, 1.0]))


def test_complete_loss_of_crossed_boxes_adds_what_their_shapes_differ():
    """Zheng et al. 2020: v = 4/π² (arctan 2 − arctan ½)², weighted by v / (1 − IoU + v)."""
    boxes, truth = torch.tensor([[0.0, 0.5, 2, 1.5]]), torch.tensor([[0.5, 0.0, 1.5, 2]])
    v = 4 / math.pi**2 * (math.atan(2) - math.atan(0.5)) ** 2
    expected = 1 - 1 / 3 + v**2 / (1 - 1 / 3 + v)
    torch.testing.assert_close(matched_loss("ciou", boxes, truth), torch.tensor([expected]))


@pytest.mark.parametrize("kind", KINDS)
def test_losses_of_matched_boxes_are_the_diagonal_of_those_of_all_pairs(kind):
    boxes, truth = random_boxes(20, 1), random_boxes(20, 2)
    torch.testing.assert_close(
        matched_loss(kind, boxes, truth), pair_loss(kind, boxes, truth).diagonal(), atol=1e-5, rtol=1e-5
    )


def test_overlap_of_sizes_is_that_of_boxes_with_one_centre():
    sizes = 1 + 9 * torch.rand(6, 2, generator=torch.Generator().manual_seed(0))
    boxes = centred_boxes(torch.zeros(6, 2), sizes)
    torch.testing.assert_close(shape_iou(sizes, sizes), ops.box_iou(boxes, boxes))


def test_focal_loss_is_torchvision_s_where_truth_is_0_or_1():
    logits = 4 * torch.randn(50, generator=torch.Generator().manual_seed(0))
    truth = (torch.arange(50) % 3 == 0).float()
    for alpha, gamma in ((0.25, 2.0), (0.5, 0.0), (0.8, 1.5)):
        theirs = ops.sigmoid_focal_loss(logits, truth, alpha, gamma)
        torch.testing.assert_close(focal_loss(logits, truth, alpha, gamma), theirs)


def test_focal_loss_is_least_where_the_answer_is_the_truth():
    truth = torch.tensor([0.3, 0.6, 0.9])
    logits = torch.logit(truth).requires_grad_()
    loss = focal_loss(logits, truth, 0.25, 2.0).sum()
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-9)
    torch.testing.assert_close(logits.grad, torch.zeros(3), atol=1e-6, rtol=0)


def test_objects_are_the_best_of_each_cluster_clipped_to_the_tile():
    boxes = torch.tensor([[[-5.0, 2, 10, 12], [-4, 2, 10, 12], [20, 20, 40, 50], [3, 3, 3, 9], [50, 70, 60, 80]]])
    scores = torch.tensor([[0.6, 0.9, 0.7, 0.95, 0.005]])
    objects = select_objects(scores, boxes, (32, 48), SelectionSettings())[0]
    np.testing.assert_allclose(objects.scores, [0.9, 0.7])
    np.testing.assert_allclose(objects.boxes, [[0, 2, 10, 12], [20, 20, 40, 32]])
    assert len(select_objects(scores, boxes, (32, 48), SelectionSettings(max_objects=1))[0]) == 1


def test_locations_run_map_by_map_and_row_by_row():
    locations = locate((32, 64), STRIDES, CPU)
    assert locations.strides.tolist() == [8.0] * 32 + [16.0] * 8 + [32.0] * 2
    assert locations.centres[[0, 1, 8, 32, 41]].tolist() == [[4, 4], [12, 4], [4, 12], [8, 8], [48, 16]]


def test_a_location_counts_unless_the_pixel_at_its_centre_is_ignored():
    target = torch.zeros(1, 32, 64, dtype=torch.uint8)
    target[0, 12, 20] = IGNORED
    target[0, 3, 3] = IGNORED
    counted = counted_locations(target, STRIDES)
    assert counted.shape == (1, 42)
    assert (~counted[0]).nonzero()[:, 0].tolist() == [8 + 2]
    assert (~counted_locations(target, STRIDES, 3)[0]).nonzero()[:, 0].tolist() == [30, 31, 32]


def row_of_locations(count):
    """Centres 10 px apart along a row, and their strides."""
    centres = torch.stack([10.0 * torch.arange(count) + 5, torch.full((count,), 5.0)], dim=1)
    return centres, torch.full((count,), 10.0)


def shrunk(box, iou):
    """A box inside another with this intersection over union."""
    left, top, right, bottom = box
    return [left, top, left + (right - left) * iou, bottom]


def test_a_basin_gets_as_many_locations_as_its_summed_overlap():
    centres, strides = row_of_locations(3)
    truth = torch.tensor([[5.0, 0, 25, 10]])
    boxes = torch.tensor([shrunk(truth[0].tolist(), iou) for iou in (0.4, 0.9, 0.8)])
    place, owner = assign(torch.zeros(3), boxes, centres, strides, truth, AssignmentSettings())
    assert place.tolist() == [1, 2]
    assert owner.tolist() == [0, 0]


def test_by_the_printed_rule_a_basin_gets_as_many_locations_as_a_tenth_of_its_summed_cost():
    centres, strides = row_of_locations(3)
    truth = torch.tensor([[5.0, 0, 25, 10]])
    boxes = torch.tensor([shrunk(truth[0].tolist(), iou) for iou in (0.4, 0.9, 0.8)])
    rule = AssignmentSettings(k_rule="cost_sum", box_cost="iou")
    for logit, wanted in ((-3.0, 1), (-7.0, 2), (-9.0, 3)):
        cost = sum(float(functional.softplus(torch.tensor(-logit))) + 3 * (1 - iou) for iou in (0.4, 0.9, 0.8))
        assert round(0.1 * cost) == wanted
        assert len(assign(torch.full((3,), logit), boxes, centres, strides, truth, rule)[0]) == wanted


def test_a_location_two_basins_want_goes_to_the_one_it_costs_less():
    centres, strides = row_of_locations(1)
    truth = torch.tensor([[0.0, 0, 10, 10], [2.0, 0, 12, 10]])
    for box, winner in (([0.0, 0, 11, 10], 0), ([1.0, 0, 12, 10], 1)):
        place, owner = assign(torch.zeros(1), torch.tensor([box]), centres, strides, truth, AssignmentSettings())
        assert (place.tolist(), owner.tolist()) == ([0], [winner])


def test_locations_far_from_a_centre_never_answer_for_it():
    locations = locate((64, 64), (8,), CPU)
    for middle, radius, cells in ((28, 1.5, 9), (32, 1.5, 16), (28, 0.5, 1), (32, 0.5, 4)):
        truth = torch.tensor([[middle - 12.0, middle - 12, middle + 12, middle + 12]])
        boxes = truth.expand(64, 4)
        rule = AssignmentSettings(candidates=64, radius=radius)
        place, _ = assign(torch.zeros(64), boxes, locations.centres, locations.strides, truth, rule)
        assert len(place) == cells
        assert (locations.centres[place] - middle).abs().max() <= radius * 8


def test_tiles_without_basins_have_no_positive_location():
    locations = locate((64, 64), STRIDES, CPU)
    place, owner = assign(
        torch.zeros(84),
        random_boxes(84, 0),
        locations.centres,
        locations.strides,
        torch.zeros(0, 4),
        AssignmentSettings(),
    )
    assert len(place) == len(owner) == 0


def looped(logits, boxes, locations, truth, rule):
    """The assignment as the papers tell it, one basin and one location at a time."""
    claims = {}
    cost = functional.softplus(-logits)[None] + rule.box_weight * pair_loss(rule.box_cost, truth, boxes)
    iou = ops.box_iou(truth, boxes)
    for basin, box in enumerate(truth):
        middle = (box[:2] + box[2:]) / 2
        near = [
            a for a in range(len(boxes))
            if (locations.centres[a] - middle).abs().max() <= rule.radius * locations.strides[a]
        ]  # fmt: skip
        best = sorted(near, key=lambda a: -float(iou[basin, a]))[: rule.candidates]
        if rule.k_rule == "iou_sum":
            wanted = int(sum(float(iou[basin, a]) for a in best))
        else:
            wanted = round(sum(0.1 * float(cost[basin, a]) for a in best))
        for a in sorted(near, key=lambda a: float(cost[basin, a]))[: max(wanted, 1)]:
            if a not in claims or cost[basin, a] < cost[claims[a], a]:
                claims[a] = basin
    return claims


@pytest.mark.parametrize("k_rule", ["iou_sum", "cost_sum"])
@given(seed=st.integers(0, 10**6), basins=st.integers(1, 5), candidates=st.sampled_from([5, 10, 15, 20]))
@settings(max_examples=15, deadline=None)
def test_assignment_is_that_of_a_loop_over_basins_and_locations(k_rule, seed, basins, candidates):
    random = torch.Generator().manual_seed(seed)
    locations, truth = locate((64, 64), STRIDES, CPU), random_boxes(basins, seed)
    noise = 3 * torch.randn(84, 4, generator=random)
    boxes = random_boxes(84, seed + 1) if seed % 2 else truth[torch.arange(84) % basins] + noise.clamp(-4, 4) / 3
    logits, rule = torch.randn(84, generator=random), AssignmentSettings(k_rule=k_rule, candidates=candidates)
    place, owner = assign(logits, boxes, locations.centres, locations.strides, truth, rule)
    assert dict(zip(place.tolist(), owner.tolist(), strict=True)) == looped(logits, boxes, locations, truth, rule)


def test_a_basin_s_anchor_is_the_best_shaped_one_in_the_cell_of_its_centre():
    sizes = [[10, 10], [10, 40], [60, 60]]
    anchors = place_anchors(sizes, (64, 64), STRIDES, CPU)
    truth = centred_boxes(torch.tensor([[21.0, 35.0], [40.0, 10.0]]), torch.tensor([[12.0, 30.0], [50.0, 55.0]]))
    place, owner = assign_anchors(truth, anchors)
    assert anchors.sizes_px[place].tolist() == [[10, 40], [60, 60]]
    assert anchors.locations.corners[place].tolist() == [[1, 2], [1, 0]]
    assert owner.tolist() == [0, 1]
    torch.testing.assert_close(anchors.boxes[place[1]], torch.tensor([18.0, -14.0, 78.0, 46.0]))


def test_with_a_threshold_anchors_next_to_the_centre_answer_too():
    anchors = place_anchors([[20, 20], [20, 20], [200, 200]], (64, 64), STRIDES, CPU)
    truth = centred_boxes(torch.tensor([[21.0, 35.0]]), torch.tensor([[20.0, 20.0]]))
    place, _ = assign_anchors(truth, anchors, 0.5)
    cells = {
        (int(s), *map(int, c))
        for s, c in zip(anchors.locations.strides[place], anchors.locations.corners[place], strict=True)
    }
    assert cells == {(8, 2, 4), (8, 3, 4), (8, 2, 3), (16, 1, 2), (16, 0, 2), (16, 1, 1)}


def test_clustered_anchors_are_the_middles_of_well_separated_sizes():
    random = np.random.default_rng(0)
    middles = np.array([[8.0, 10.0], [30.0, 20.0], [60.0, 90.0]])
    boxes = np.concatenate([m * random.uniform(0.9, 1.1, (50, 2)) for m in middles])
    found = np.array(cluster_anchors(random.permutation(boxes), 3))
    np.testing.assert_allclose(found, middles, rtol=0.03)
    assert list(found.prod(axis=1)) == sorted(found.prod(axis=1))
    with pytest.raises(ValueError, match="too few"):
        cluster_anchors(boxes[:2], 3)


def test_matched_overlap_agrees_with_all_pairs():
    boxes, truth = random_boxes(30, 3), random_boxes(30, 4)
    torch.testing.assert_close(matched_iou(boxes, truth), ops.box_iou(boxes, truth).diagonal())

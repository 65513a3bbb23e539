"""What instance detectors learn from, against pycocotools."""

import numpy as np
import torch
from basinwatch.datasets.tiles import IGNORED
from basinwatch.detectors.targets import boxes_and_masks, mostly_ignored
from pycocotools import mask as coco


def test_boxes_and_masks_are_those_of_the_numbered_basins_without_ignored_ground():
    random = np.random.default_rng(0)
    target = np.zeros((3, 24, 40), np.uint8)
    for number in (1, 2, 5):
        top, left = random.integers(0, 12, 2)
        target[0, top : top + 8, left + 4 * number : left + 4 * number + 9] = number
    target[0, 20:, :5] = IGNORED
    target[1] = IGNORED
    (boxes, masks), *empty = boxes_and_masks(torch.from_numpy(target))
    present = [number for number in (1, 2, 5) if (target[0] == number).any()]
    assert boxes.dtype == torch.float32
    assert masks.dtype == torch.bool
    for number, box, mask in zip(present, boxes, masks, strict=True):
        np.testing.assert_array_equal(mask, target[0] == number)
        left, top, width, height = coco.toBbox(coco.encode(np.asfortranarray(target[0] == number)))
        assert box.tolist() == [left, top, left + width, top + height]
    for boxes, masks in empty:
        assert boxes.shape == (0, 4)
        assert masks.shape == (0, 24, 40)


def test_a_box_is_mostly_ignored_when_more_than_half_of_its_part_of_the_tile_is():
    tile = torch.zeros(20, 30, dtype=torch.uint8)
    tile[:10] = IGNORED
    tile[:, 25:] = 1
    boxes = [
        [0, 0, 10, 10], [0, 0, 10, 20], [0, 0, 10, 19], [0.4, 0.4, 9.6, 19.4], [0, -50, 10, 12], [0, 8, 10, 12],
        [26, 0, 40, 30], [-9, -9, 0, 0], [40, 40, 50, 50], [0, 0, 30, 11],
    ]  # fmt: skip
    padded = np.full((140, 140), 2)
    padded[60:80, 60:90] = tile == IGNORED
    expected = []
    for left, top, right, bottom in np.rint(boxes).astype(int) + 60:
        part = padded[top:bottom, left:right]
        part = part[part < 2]
        expected.append(bool(part.size and part.mean() > 0.5))
    assert mostly_ignored(tile, torch.tensor(boxes)).tolist() == expected

"""Boxes: how well two agree, and which of many candidates are objects.

Boxes are left, top, right, bottom in pixels; the first pixel spans 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision import ops

from basinwatch.detectors.registry import Objects

_SIMILARITIES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "iou": ops.box_iou,
    "giou": ops.generalized_box_iou,
    "diou": ops.distance_box_iou,
    "ciou": ops.complete_box_iou,
}


@dataclass(frozen=True)
class SelectionSettings:
    """Which candidates are reported.

    Parameters
    ----------
    min_score
        Candidates below are dropped; low, so that average precision can be computed.
    nms_iou
        Of two candidates that overlap more, the lower-scored is dropped.
    max_objects
        Most objects of a tile.
    """

    min_score: float = 0.01
    nms_iou: float = 0.5
    max_objects: int = 100

    def __post_init__(self) -> None:
        if not (0 <= self.min_score < 1 and 0 < self.nms_iou <= 1 and self.max_objects >= 1):
            raise ValueError(f"{self} must satisfy 0 <= min_score < 1, 0 < nms_iou <= 1 and max_objects >= 1")


_CANDIDATES = 2000
_LARGEST_LOG_SIZE = 6.0


def centred_boxes(centres: Tensor, sizes: Tensor) -> Tensor:
    """Boxes (…, 4) of these centres (…, 2), x first, and sizes (…, 2), width first."""
    return torch.cat([centres - sizes / 2, centres + sizes / 2], dim=-1)


def stretch(logarithms: Tensor) -> Tensor:
    """Return by how much to stretch a box whose answer is the logarithm of it; limited to e⁻⁶ to e⁶."""
    return logarithms.clamp(-_LARGEST_LOG_SIZE, _LARGEST_LOG_SIZE).exp()


def check_similarity(kind: str) -> str:
    """Return `kind` if it is a measure known here.

    Raises
    ------
    ValueError
        If it is not.
    """
    if kind not in _SIMILARITIES:
        raise ValueError(f"box loss {kind!r} is not one of {', '.join(_SIMILARITIES)}")
    return kind


def pair_loss(kind: str, boxes: Tensor, truth: Tensor) -> Tensor:
    """One minus the similarity of all pairs.

    Parameters
    ----------
    kind
        ``iou``, ``giou`` (Rezatofighi et al. 2019), ``diou`` or ``ciou`` (Zheng et al. 2020).
    boxes, truth
        float32 (n, 4) and (m, 4).

    Returns
    -------
    Tensor
        (n, m).
    """
    return 1 - _SIMILARITIES[kind](boxes, truth)


def matched_loss(kind: str, boxes: Tensor, truth: Tensor) -> Tensor:
    """One minus the similarity of each box (n, 4) and its own truth (n, 4), see :func:`pair_loss`."""
    if kind == "iou":
        return 1 - matched_iou(boxes, truth)
    losses = {
        "giou": ops.generalized_box_iou_loss,
        "diou": ops.distance_box_iou_loss,
        "ciou": ops.complete_box_iou_loss,
    }
    loss: Tensor = losses[kind](boxes, truth)
    return loss


def matched_iou(boxes: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union of each box (n, 4) and its own truth (n, 4)."""
    corner = torch.minimum(boxes[:, 2:], truth[:, 2:]) - torch.maximum(boxes[:, :2], truth[:, :2])
    common = corner.clamp(min=0).prod(dim=1)
    return common / (ops.box_area(boxes) + ops.box_area(truth) - common)


def shape_iou(sizes: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union (n, m) of widths and heights (n, 2) and (m, 2), as if they had one centre."""
    common = torch.minimum(sizes[:, None], truth[None]).prod(dim=2)
    return common / (sizes.prod(dim=1)[:, None] + truth.prod(dim=1)[None] - common)


def select_objects(scores: Tensor, boxes: Tensor, shape: tuple[int, int], settings: SelectionSettings) -> list[Objects]:
    """Keep the best candidates of every tile by greedy non-maximum suppression.

    Parameters
    ----------
    scores
        float32 (tiles, n) in 0…1.
    boxes
        float32 (tiles, n, 4); clipped to the tile.
    shape
        Rows and columns of the tile.
    """
    boxes = ops.clip_boxes_to_image(boxes.detach(), shape)
    return [_select(score, box, settings) for score, box in zip(scores.detach(), boxes, strict=True)]


def _select(scores: Tensor, boxes: Tensor, settings: SelectionSettings) -> Objects:
    """:func:`select_objects` of one tile."""
    scores, order = scores.sort(descending=True, stable=True)
    kept = (scores >= settings.min_score) & (boxes[order, 2:] > boxes[order, :2]).all(dim=1)
    scores, boxes = scores[kept][:_CANDIDATES], boxes[order][kept][:_CANDIDATES]
    best = ops.nms(boxes, scores, settings.nms_iou)[: settings.max_objects]
    return Objects(boxes[best].cpu().numpy(), scores[best].cpu().numpy())

"""The anchor-based YOLO that Yu et al. (2022) start from and compare with, written from their description.

Same backbone and neck as YOLO-Basin, but nearest enlargement, one convolution as head, anchors at three scales,
positive samples also in the cells next to a basin's centre, cross-entropy of objectness and the GIoU loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from basinwatch.detectors.anchors import Anchors, Sizes, assign_anchors, check_sizes, flatten_anchor_maps, place_anchors
from basinwatch.detectors.boxes import centred_boxes, matched_loss, select_objects, stretch
from basinwatch.detectors.darknet import SCALES, STRIDES, choose_variant
from basinwatch.detectors.locations import PRIOR_LOGIT, counted_locations
from basinwatch.detectors.pretrained import start_from
from basinwatch.detectors.registry import Objects, register
from basinwatch.detectors.targets import boxes_and_masks
from basinwatch.detectors.yolo import CspYolo
from basinwatch.detectors.yolov3 import PUBLISHED_ANCHORS


class YoloAnchor(CspYolo):
    """Boxes of basins from anchors.

    Parameters
    ----------
    anchors
        Widths and heights in pixels, equally many for each of the three scales, the finest first; best clustered from
        the training data, see :func:`basinwatch.detectors.anchors.cluster_anchors`.
    anchor_iou
        Anchors whose size overlaps a basin's at least so much answer for it; its best one always does.
    box_loss
        See :func:`basinwatch.detectors.boxes.pair_loss`.
    light
        Whether 3×3 convolutions are depthwise separable; the first step of Yu et al. (2022), table 4.
    options
        Of :class:`basinwatch.detectors.yolo.CspYolo`.
    """

    def __init__(
        self,
        *,
        anchors: Sizes = PUBLISHED_ANCHORS,
        anchor_iou: float = 0.25,
        box_loss: str = "giou",
        light: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(light=light, upsampling="nearest", box_loss=box_loss, **options)
        self.anchors, self.anchor_iou = anchors, anchor_iou
        self.per_cell = check_sizes(anchors, len(STRIDES))
        self.heads = nn.ModuleList(nn.Conv2d(w, 5 * self.per_cell, 1) for w in self.backbone.widths)
        for head in self.heads:
            nn.init.constant_(head.bias[::5], PRIOR_LOGIT)  # type: ignore[index]
        start_from(self, self.weights, {}, "backbone.")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Anchors]:
        """Map (n, channels, y, x) to objectness logits (n, a) and boxes (n, a, 4), float32, and its anchors."""
        maps = [head(m) for head, m in zip(self.heads, self.pyramid(x), strict=True)]
        raw = flatten_anchor_maps(maps, self.per_cell)
        anchors = place_anchors(self.anchors, (x.shape[2], x.shape[3]), STRIDES, x.device)
        return raw[..., 0], _decode(raw[..., 1:], anchors), anchors

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy of anchors not on ignored ground and box loss, per anchor that answers for a basin."""
        logits, boxes, anchors = self(x)
        wanted = torch.zeros_like(logits)
        box_losses = [boxes.new_zeros(0)]
        for tile, (truth, _) in enumerate(boxes_and_masks(target)):
            place, owner = assign_anchors(truth, anchors, self.anchor_iou)
            box_losses.append(matched_loss(self.box_loss, boxes[tile, place], truth[owner]))
            wanted[tile, place] = 1.0
        box_loss = torch.cat(box_losses)
        positives = max(len(box_loss), 1)
        counted = counted_locations(target, STRIDES, self.per_cell) | (wanted > 0)
        entropy = functional.binary_cross_entropy_with_logits(logits, wanted, counted.float(), reduction="sum")
        return {"objectness": entropy / positives, "box": self.box_weight * box_loss.sum() / positives}

    def predict(self, x: Tensor) -> list[Objects]:
        """Best boxes of every tile, see :meth:`InstanceDetector.predict`."""
        logits, boxes, _ = self(x)
        return select_objects(logits.sigmoid(), boxes, (x.shape[2], x.shape[3]), self.selection)


def _decode(raw: Tensor, anchors: Anchors) -> Tensor:
    """Boxes (n, a, 4) of raw answers (n, a, 4); a centre may lie half a cell outside its own."""
    offset = 2 * raw[..., :2].sigmoid() - 0.5
    centre = (anchors.locations.corners + offset) * anchors.locations.strides[:, None]
    return centred_boxes(centre, stretch(raw[..., 2:]) * anchors.sizes_px)


@register("yolo_anchor")
def yolo_anchor(variant: str = "S", **options: Any) -> YoloAnchor:
    """Build the anchor-based YOLO.

    Parameters
    ----------
    variant
        ``L``, ``M`` or ``S``.
    options
        Of :class:`YoloAnchor`; they win over the variant.
    """
    return YoloAnchor(**(choose_variant(SCALES, variant) | options))

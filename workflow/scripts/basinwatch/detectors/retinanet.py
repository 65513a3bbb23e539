"""RetinaNet (Lin et al. 2017): one stage with anchors and the focal loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision import ops
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.retinanet import RetinaNet_ResNet50_FPN_Weights, RetinaNetHead
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from basinwatch.detectors.boxes import select_objects
from basinwatch.detectors.pyramid import RATIOS, STRIDES, anchor_boxes, choose_anchors
from basinwatch.detectors.pyramid_detector import PyramidDetector
from basinwatch.detectors.registry import Objects, register
from basinwatch.detectors.targets import boxes_and_masks, mostly_ignored

_COCO = RetinaNet_ResNet50_FPN_Weights.COCO_V1
_OCTAVES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
_STRIDES = STRIDES[1:]
_HEAD_CONVOLUTIONS = 5
_CLASSES = 2
_BASIN = 1
_CODER = BoxCoder((1.0, 1.0, 1.0, 1.0))
_MATCHER = Matcher(0.5, 0.4, allow_low_quality_matches=True)


@register("retinanet")
class RetinaNet(PyramidDetector):
    """Boxes of basins from nine anchors per cell of five maps.

    Parameters
    ----------
    anchors
        ``published``, ``small`` (half as large) or the side of the smallest anchors on each map in pixels.
    pyramid_width
        Channels of the pyramid and the head.
    options
        Of :class:`basinwatch.detectors.pyramid_detector.PyramidDetector`.
    """

    def __init__(self, *, anchors: str | Sequence[int] = "published", pyramid_width: int = 256, **options: Any) -> None:
        super().__init__(2, LastLevelP6P7, pyramid_width=pyramid_width, **options)
        sizes = tuple(tuple(int(side * octave) for octave in _OCTAVES) for side in choose_anchors(anchors))
        self.anchors = AnchorGenerator(sizes, (RATIOS,) * len(sizes))
        self.head = RetinaNetHead(pyramid_width, self.anchors.num_anchors_per_location()[0], _CLASSES)
        self.finish(_COCO, _STRIDES[-1], _HEAD_CONVOLUTIONS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (n, channels, y, x) to logits (n, a, classes), deltas (n, a, 4) and anchors (a, 4), float32."""
        maps = list(self.backbone(x).values())
        answers = self.head(maps)
        anchors = torch.cat(anchor_boxes(self.anchors, maps, _STRIDES))
        return answers["cls_logits"].float(), answers["bbox_regression"].float(), anchors

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Focal loss of anchors not mostly on ignored ground, and L1 of those with a basin, per such anchor."""
        logits, deltas, anchors = self(x)
        truth = [boxes for boxes, _ in boxes_and_masks(target)]
        owners = [_match(anchors, boxes, tile) for boxes, tile in zip(truth, target, strict=True)]
        wanted = [{"boxes": b, "labels": torch.full((len(b),), _BASIN, device=b.device)} for b in truth]
        answers = {"cls_logits": logits, "bbox_regression": deltas}
        losses = self.head.compute_loss(wanted, answers, [anchors] * len(x), owners)
        return {"class": losses["classification"], "box": losses["bbox_regression"]}

    def predict(self, x: Tensor) -> list[Objects]:
        """Best boxes of every tile, see :meth:`InstanceDetector.predict`."""
        logits, deltas, anchors = self(x)
        moved = _CODER.decode_single(deltas.flatten(0, 1), anchors.repeat(len(x), 1)).view_as(deltas)
        return select_objects(logits[..., _BASIN].sigmoid(), moved, (x.shape[2], x.shape[3]), self.selection)


def _match(anchors: Tensor, boxes: Tensor, tile: Tensor) -> Tensor:
    """Return the number of each anchor's basin, or torchvision's numbers for background and for not counted."""
    if len(boxes):
        owner: Tensor = _MATCHER(ops.box_iou(boxes, anchors))
    else:
        owner = torch.full((len(anchors),), Matcher.BELOW_LOW_THRESHOLD, device=anchors.device)
    owner[(owner == Matcher.BELOW_LOW_THRESHOLD) & mostly_ignored(tile, anchors)] = Matcher.BETWEEN_THRESHOLDS
    return owner

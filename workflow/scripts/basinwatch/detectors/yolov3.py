"""YOLOv3 with Darknet-53: anchors at three scales (Redmon & Farhadi 2018)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import ops

from basinwatch.detectors.anchors import Anchors, Sizes, assign_anchors, check_sizes, flatten_anchor_maps, place_anchors
from basinwatch.detectors.boxes import SelectionSettings, centred_boxes, select_objects, stretch
from basinwatch.detectors.darknet import STRIDES, Darknet53, convolution
from basinwatch.detectors.locations import counted_locations
from basinwatch.detectors.pretrained import start_from
from basinwatch.detectors.registry import InstanceDetector, Objects, register
from basinwatch.detectors.targets import boxes_and_masks
from basinwatch.encoding import DEFAULT, channels

PUBLISHED_ANCHORS = (
    (10, 13), (16, 30), (33, 23), (30, 61), (62, 45), (59, 119), (116, 90), (156, 198), (373, 326),
)  # fmt: skip
_BOX_WEIGHT = 2.0
_NECK_REACH = 3


def _alternating(inputs: int, width: int) -> nn.Sequential:
    """Five convolutions, 1×1 to `width` and 3×3 to twice as many in turn."""
    return nn.Sequential(
        convolution(inputs, width, activation="leaky"),
        convolution(width, 2 * width, 3, activation="leaky"),
        convolution(2 * width, width, activation="leaky"),
        convolution(width, 2 * width, 3, activation="leaky"),
        convolution(2 * width, width, activation="leaky"),
    )


@register("yolov3")
class YoloV3(InstanceDetector):
    """Boxes of basins from anchors.

    Parameters
    ----------
    width
        Share of the published channels.
    classes
        Classes told apart beside objectness; a basin is the first.
    anchors
        Widths and heights in pixels, equally many for each of the three scales, the finest first.
    ignore_iou
        Anchors that overlap a basin more than this without being its best are not asked for objectness.
    encoding
        What it sees, see :mod:`basinwatch.encoding`.
    weights
        ``none``, or the safetensors file to start from.
    selection
        Of :class:`basinwatch.detectors.boxes.SelectionSettings`.
    """

    stride = STRIDES[-1]

    def __init__(
        self,
        *,
        width: float = 1.0,
        classes: int = 1,
        anchors: Sizes = PUBLISHED_ANCHORS,
        ignore_iou: float = 0.5,
        encoding: str = DEFAULT,
        weights: str = "none",
        **selection: Any,
    ) -> None:
        super().__init__()
        self.encoding, self.anchors, self.ignore_iou = encoding, anchors, ignore_iou
        self.per_cell = check_sizes(anchors, len(STRIDES))
        self.selection = SelectionSettings(**selection)
        self.backbone = Darknet53(channels(encoding), round(32 * width))
        fine, middle, coarse = (w // 2 for w in self.backbone.widths)
        self.blocks = nn.ModuleList(
            [_alternating(2 * coarse, coarse), _alternating(3 * middle, middle), _alternating(3 * fine, fine)]
        )
        self.reduce = nn.ModuleList(convolution(2 * w, w, activation="leaky") for w in (middle, fine))
        outputs = self.per_cell * (5 + classes)
        self.heads = nn.ModuleList(
            nn.Sequential(convolution(w, 2 * w, 3, activation="leaky"), nn.Conv2d(2 * w, outputs, 1))
            for w in (fine, middle, coarse)
        )
        self.halo = self.backbone.reach_px + _NECK_REACH * sum(STRIDES)
        start_from(self, weights, {}, "backbone.")

    def _maps(self, x: Tensor) -> list[Tensor]:
        """Raw answers (n, anchors · (5 + classes), y, x), the finest map first."""
        fine, middle, coarse = self.backbone(x)
        coarse = self.blocks[0](coarse)
        enlarged = functional.interpolate(self.reduce[0](coarse), scale_factor=2.0, mode="nearest")
        middle = self.blocks[1](torch.cat([enlarged, middle], dim=1))
        enlarged = functional.interpolate(self.reduce[1](middle), scale_factor=2.0, mode="nearest")
        fine = self.blocks[2](torch.cat([enlarged, fine], dim=1))
        return [head(m) for head, m in zip(self.heads, (fine, middle, coarse), strict=True)]

    def forward(self, x: Tensor) -> tuple[Tensor, Anchors]:
        """Map (n, channels, y, x) to raw answers (n, a, 5 + classes), float32, of its anchors.

        An answer is centre x and y, width and height, objectness, classes.
        """
        return (
            flatten_anchor_maps(self._maps(x), self.per_cell),
            place_anchors(self.anchors, (x.shape[2], x.shape[3]), STRIDES, x.device),
        )

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Losses per tile of centres, sizes, objectness and classes, the first two weighted double."""
        raw, anchors = self(x)
        wanted = torch.zeros_like(raw[..., 4])
        counted = counted_locations(target, STRIDES, self.per_cell)
        centre, size, kind = (raw.new_zeros(()) for _ in range(3))
        for tile, (truth, _) in enumerate(boxes_and_masks(target)):
            place, owner = assign_anchors(truth, anchors)
            found, (offset, growth) = raw[tile, place], _encode(truth[owner], anchors, place)
            centre = centre + functional.binary_cross_entropy_with_logits(found[:, :2], offset, reduction="sum")
            size = size + functional.mse_loss(found[:, 2:4], growth, reduction="sum")
            first = torch.zeros_like(found[:, 5:])
            first[:, :1] = 1
            kind = kind + functional.binary_cross_entropy_with_logits(found[:, 5:], first, reduction="sum")
            counted[tile] &= ~(ops.box_iou(anchors.boxes, truth) > self.ignore_iou).any(dim=1)
            counted[tile, place], wanted[tile, place] = True, 1.0
        objectness = functional.binary_cross_entropy_with_logits(raw[..., 4], wanted, counted.float(), reduction="sum")
        losses = {"centre": _BOX_WEIGHT * centre, "size": _BOX_WEIGHT * size, "objectness": objectness, "class": kind}
        return {name: value / len(x) for name, value in losses.items()}

    def predict(self, x: Tensor) -> list[Objects]:
        """Best boxes of every tile, see :meth:`InstanceDetector.predict`."""
        raw, anchors = self(x)
        scores = raw[..., 4].sigmoid() * raw[..., 5].sigmoid()
        return select_objects(scores, _decode(raw, anchors), (x.shape[2], x.shape[3]), self.selection)


def _encode(truth: Tensor, anchors: Anchors, place: Tensor) -> tuple[Tensor, Tensor]:
    """Place of the centre in its cell and logarithm of the size against the anchor, (p, 2) each, of boxes (p, 4)."""
    middle = (truth[:, :2] + truth[:, 2:]) / 2
    offset = middle / anchors.locations.strides[place, None] - anchors.locations.corners[place]
    return offset, ((truth[:, 2:] - truth[:, :2]) / anchors.sizes_px[place]).log()


def _decode(raw: Tensor, anchors: Anchors) -> Tensor:
    """Boxes (n, a, 4) of raw answers; undoes :func:`_encode`."""
    centre = (anchors.locations.corners + raw[..., :2].sigmoid()) * anchors.locations.strides[:, None]
    return centred_boxes(centre, stretch(raw[..., 2:4]) * anchors.sizes_px)

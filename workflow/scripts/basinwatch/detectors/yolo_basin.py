"""YOLO-Basin and Light YOLO-Basin: anchor-free boxes of basins with adaptive assignment (Yu et al. 2022).

What the paper leaves open follows YOLOX (Ge et al. 2021), from which its network derives: the widths, depths and costs
of all six published variants come out as printed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from basinwatch.detectors.assignment import AssignmentSettings, assign
from basinwatch.detectors.boxes import centred_boxes, matched_iou, matched_loss, select_objects, stretch
from basinwatch.detectors.darknet import SCALES, STRIDES, choose_variant, convolution, spatial_convolution
from basinwatch.detectors.locations import PRIOR_LOGIT, Locations, counted_locations, flatten_maps, focal_loss, locate
from basinwatch.detectors.pretrained import start_from
from basinwatch.detectors.registry import Objects, register
from basinwatch.detectors.targets import boxes_and_masks
from basinwatch.detectors.yolo import CspYolo

CENTERS = ("linear", "sigmoid")


def _branch(width: int, outputs: int, light: bool) -> nn.Sequential:
    """Two 3×3 convolutions and a 1×1 to the answer."""
    layers = [spatial_convolution(width, width, light=light) for _ in range(2)]
    return nn.Sequential(*layers, nn.Conv2d(width, outputs, 1))


class _DoubleHead(nn.Module):
    """Objectness and box of one scale from separate branches."""

    def __init__(self, inputs: int, width: int, light: bool) -> None:
        super().__init__()
        self.reduce = convolution(inputs, width)
        self.objectness, self.box = _branch(width, 1, light), _branch(width, 4, light)
        nn.init.constant_(self.objectness[-1].bias, PRIOR_LOGIT)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, y, x) to (n, 5, y, x): objectness, centre x and y, logarithm of width and height."""
        x = self.reduce(x)
        return torch.cat([self.objectness(x), self.box(x)], dim=1)


class _SingleHead(nn.Module):
    """Objectness and box of one scale from one branch."""

    def __init__(self, inputs: int, width: int, light: bool) -> None:
        super().__init__()
        self.reduce, self.both = convolution(inputs, width), _branch(width, 5, light)
        nn.init.constant_(self.both[-1].bias[:1], PRIOR_LOGIT)  # type: ignore[index]

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, y, x) to the same five as :class:`_DoubleHead`."""
        answers: Tensor = self.both(self.reduce(x))
        return answers


class YoloBasin(CspYolo):
    """Boxes of basins, one candidate per cell of three maps.

    Parameters
    ----------
    head_width, light_head
        Channels of the head, the same in every published variant, and whether it is depthwise separable too.
    double_head
        Whether objectness and box come from branches of their own; without: the third step of Yu et al., table 4.
    center
        ``linear``: a cell may answer for a centre outside it, as in YOLOX. ``sigmoid``: the centre stays in the cell,
        as Yu et al. (2022), fig. 7, draw; then only the cells that contain a basin's centre may answer for it.
    k_rule, candidates
        See :class:`basinwatch.detectors.assignment.AssignmentSettings`.
    box_loss
        Of the answers and of the assignment's cost, see :func:`basinwatch.detectors.boxes.pair_loss`.
    focal_alpha, focal_gamma
        See :func:`basinwatch.detectors.locations.focal_loss`.
    soft_obj
        Whether objectness is to be the intersection over union of the box rather than 1; ranks boxes by how exact
        they are.
    options
        Of :class:`basinwatch.detectors.yolo.CspYolo`.
    """

    def __init__(
        self,
        *,
        head_width: int = 256,
        light_head: bool = False,
        double_head: bool = True,
        center: str = "linear",
        k_rule: str = "iou_sum",
        candidates: int = 10,
        box_loss: str = "diou",
        focal_alpha: float = 0.25,
        focal_gamma: float = 2.0,
        soft_obj: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(upsampling="bilinear", box_loss=box_loss, **options)
        if center not in CENTERS:
            raise ValueError(f"center {center!r} is not one of {', '.join(CENTERS)}")
        self.center, self.soft_obj = center, soft_obj
        self.focal_alpha, self.focal_gamma = focal_alpha, focal_gamma
        radius = 1.5 if center == "linear" else 0.5
        self.assignment = AssignmentSettings(k_rule, candidates, radius, box_loss)
        head = _DoubleHead if double_head else _SingleHead
        self.heads = nn.ModuleList(head(w, head_width, light_head) for w in self.backbone.widths)
        self.halo += 2 * self.stride
        start_from(self, self.weights, {}, "backbone.")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (n, channels, y, x) to objectness logits (n, a) and boxes (n, a, 4) of all locations, float32."""
        maps = [head(m) for head, m in zip(self.heads, self.pyramid(x), strict=True)]
        raw = flatten_maps(maps)
        return raw[..., 0], self._boxes(raw[..., 1:], _locations(x))

    def _boxes(self, raw: Tensor, locations: Locations) -> Tensor:
        """Boxes (n, a, 4) from raw answers (n, a, 4)."""
        offset = raw[..., :2] if self.center == "linear" else raw[..., :2].sigmoid()
        stride = locations.strides[:, None]
        centre = (locations.corners + offset) * stride
        return centred_boxes(centre, stretch(raw[..., 2:]) * stride)

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Focal loss of objectness over locations not on ignored ground and box loss, per location with a basin."""
        logits, boxes = self(x)
        locations = _locations(x)
        wanted = torch.zeros_like(logits)
        box_losses = [boxes.new_zeros(0)]
        for tile, (truth, _) in enumerate(boxes_and_masks(target)):
            place, owner = assign(
                logits[tile], boxes[tile], locations.centres, locations.strides, truth, self.assignment
            )
            found, basins = boxes[tile, place], truth[owner]
            box_losses.append(matched_loss(self.box_loss, found, basins))
            wanted[tile, place] = matched_iou(found, basins).detach() if self.soft_obj else 1.0
        box_loss = torch.cat(box_losses)
        positives = max(len(box_loss), 1)
        objectness = focal_loss(logits, wanted, self.focal_alpha, self.focal_gamma)
        counted = counted_locations(target, STRIDES) | (wanted > 0)
        return {
            "objectness": (objectness * counted).sum() / positives,
            "box": self.box_weight * box_loss.sum() / positives,
        }

    def predict(self, x: Tensor) -> list[Objects]:
        """Best boxes of every tile, see :meth:`InstanceDetector.predict`."""
        logits, boxes = self(x)
        return select_objects(logits.sigmoid(), boxes, (x.shape[2], x.shape[3]), self.selection)


@register("yolo_basin")
def yolo_basin(variant: str = "S", **options: Any) -> YoloBasin:
    """Build YOLO-Basin.

    Parameters
    ----------
    variant
        ``L``, ``M`` or ``S`` as published; ``S128``: S with a head as narrow as the rest, at half the cost.
    options
        Of :class:`YoloBasin`; they win over the variant.
    """
    narrow = SCALES["S"] | {"head_width": 128}
    return YoloBasin(**(choose_variant(SCALES | {"S128": narrow}, variant) | {"light": False} | options))


@register("light_yolo_basin")
def light_yolo_basin(variant: str = "S", **options: Any) -> YoloBasin:
    """Build Light YOLO-Basin.

    Parameters
    ----------
    variant
        ``L``, ``M`` or ``S`` as published; ``XS``: S with a head as narrow and light as the rest, a fifth of the cost.
    options
        Of :class:`YoloBasin`; they win over the variant.
    """
    smallest = SCALES["S"] | {"head_width": 128, "light_head": True}
    return YoloBasin(**(choose_variant(SCALES | {"XS": smallest}, variant) | {"light": True} | options))


def _locations(x: Tensor) -> Locations:
    """Locations of a batch of tiles."""
    return locate((x.shape[2], x.shape[3]), STRIDES, x.device)

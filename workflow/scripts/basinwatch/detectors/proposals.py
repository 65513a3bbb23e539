"""Region proposals (Ren et al. 2015) on a feature pyramid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead, concat_box_prediction_layers

from basinwatch.detectors.pyramid import RATIOS, STRIDES, anchor_boxes
from basinwatch.detectors.targets import mostly_ignored

BOX_BETA = 1 / 9


@dataclass(frozen=True)
class ProposalSettings:
    """What is proposed, and from how many anchors proposing is learnt.

    Parameters
    ----------
    anchors_px
        Side of the anchors of each map.
    training, prediction
        Most proposals of each map before non-maximum suppression, and of a tile after it.
    nms_iou
        Of two proposals of a map that overlap more, the lower-scored is dropped.
    sampled
        Anchors per tile that the loss counts, at most half of them basins.
    """

    anchors_px: Sequence[int]
    training: tuple[int, int] = (2000, 2000)
    prediction: tuple[int, int] = (1000, 1000)
    nms_iou: float = 0.7
    sampled: int = 256

    def __post_init__(self) -> None:
        if min(*self.training, *self.prediction, self.sampled) < 1 or not 0 < self.nms_iou <= 1:
            raise ValueError(f"{self} must have counts of at least 1 and 0 < nms_iou <= 1")


@dataclass(frozen=True)
class Proposals:
    """Proposals for a batch of tiles and what they were made from.

    Parameters
    ----------
    boxes
        Per tile (m, 4), the best first, without gradient.
    logits, deltas
        (n, a) and (n, a, 4): how likely each anchor holds a basin, and how to move it there.
    anchors
        (a, 4).
    """

    boxes: list[Tensor]
    logits: Tensor
    deltas: Tensor
    anchors: Tensor


class _Head(RPNHead):
    """Answers in float32 whatever the features' precision."""

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Objectness and deltas of every map."""
        logits, deltas = super().forward([feature.to(self.cls_logits.weight.dtype) for feature in x])
        return [answer.float() for answer in logits], [answer.float() for answer in deltas]


class ProposalNetwork(RegionProposalNetwork):
    """Proposals from five maps of a pyramid."""

    def __init__(self, width: int, settings: ProposalSettings) -> None:
        anchors = AnchorGenerator(tuple((side,) for side in settings.anchors_px), (RATIOS,) * len(settings.anchors_px))
        (many, some), (fewer, few) = settings.training, settings.prediction
        super().__init__(
            anchors,
            _Head(width, len(RATIOS)),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=settings.sampled,
            positive_fraction=0.5,
            pre_nms_top_n={"training": many, "testing": fewer},
            post_nms_top_n={"training": some, "testing": few},
            nms_thresh=settings.nms_iou,
        )

    def propose(self, features: Mapping[str, Tensor], shape: tuple[int, int]) -> Proposals:
        """Propose boxes in tiles of `shape` (rows, columns)."""
        maps = list(features.values())
        logits, deltas = self.head(maps)
        per_map = [answer[0].numel() for answer in logits]
        logits, deltas = concat_box_prediction_layers(logits, deltas)
        anchors, tiles = torch.cat(anchor_boxes(self.anchor_generator, maps, STRIDES[: len(maps)])), len(maps[0])
        moved = self.box_coder.decode_single(deltas.detach(), anchors.repeat(tiles, 1)).view(tiles, -1, 4)
        boxes, _ = self.filter_proposals(moved, logits, [shape] * tiles, per_map)
        return Proposals(boxes, logits.view(tiles, -1), deltas.view(tiles, -1, 4), anchors)

    def loss(self, proposals: Proposals, truth: Sequence[Tensor], target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy of sampled anchors and smooth L1 of those with a basin, both per sampled anchor.

        Anchors mostly on ignored ground are not sampled as background.

        Parameters
        ----------
        truth
            Per tile boxes (m, 4) of the basins.
        target
            uint8 (n, y, x).
        """
        every = [proposals.anchors] * len(target)
        labels, owners = self.assign_targets_to_anchors(every, [{"boxes": boxes} for boxes in truth])
        for label, tile in zip(labels, target, strict=True):
            label[(label == 0) & mostly_ignored(tile, proposals.anchors)] = -1
        positive, negative = (torch.stack(chosen).bool() for chosen in self.fg_bg_sampler(labels))
        sampled = positive | negative
        wanted = torch.stack(self.box_coder.encode(owners, every))
        entropy = functional.binary_cross_entropy_with_logits(
            proposals.logits[sampled], torch.stack(labels)[sampled], reduction="sum"
        )
        moves = functional.smooth_l1_loss(proposals.deltas[positive], wanted[positive], beta=BOX_BETA, reduction="sum")
        count = sampled.sum().clamp(min=1)
        return {"proposal_objectness": entropy / count, "proposal_box": moves / count}

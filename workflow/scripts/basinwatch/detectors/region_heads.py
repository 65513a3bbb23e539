"""What the second stage makes of proposals: scores, boxes and masks (Girshick 2015; He et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads, project_masks_on_boxes
from torchvision.ops import MultiScaleRoIAlign

from basinwatch.datasets.tiles import IGNORED
from basinwatch.detectors.boxes import SelectionSettings
from basinwatch.detectors.proposals import BOX_BETA
from basinwatch.detectors.registry import Objects
from basinwatch.detectors.roi_pooling import LEVELS, DeformableRoIPool, RoIPool
from basinwatch.detectors.targets import mostly_ignored

POOLINGS = ("align", "pool", "deform")
BASIN = 1
_CLASSES = 2
_BOX_BINS, _MASK_BINS = 7, 14
_MASK_LAYERS = 4


@dataclass(frozen=True)
class RegionSettings:
    """Parts of the second stage, and from how many proposals it learns.

    Parameters
    ----------
    pooling
        ``align``, ``pool`` or ``deform``: how the box branch gets its features; the mask branch always aligns.
    box_width, mask_width
        Channels of the fully connected layers and of the convolutions; without a `mask_width` there are no masks.
    sampled, positive_share
        Proposals per tile that the losses count, and the largest share of basins among them.
    """

    pooling: str = "align"
    box_width: int = 1024
    mask_width: int | None = 256
    sampled: int = 512
    positive_share: float = 0.25

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise ValueError(f"roi_pool {self.pooling!r} is not one of {', '.join(POOLINGS)}")
        if self.sampled < 1 or not 0 < self.positive_share <= 1:
            raise ValueError(f"{self} must have at least 1 sampled and 0 < positive_share <= 1")


class _BoxHead(TwoMLPHead):
    """Takes features of any precision."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (k, c, y, x) to (k, width)."""
        answer: Tensor = super().forward(x.to(self.fc6.weight.dtype))
        return answer


class _BoxPredictor(FastRCNNPredictor):
    """Answers in float32."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (k, classes) and deltas (k, 4 · classes)."""
        scores, deltas = super().forward(x)
        return scores.float(), deltas.float()


class _MaskHead(MaskRCNNHeads):
    """Takes features of any precision."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (k, c, y, x) to (k, width, y, x)."""
        answer: Tensor = super().forward(x.to(self[0][0].weight.dtype))
        return answer


def _pooling(kind: str, width: int) -> nn.Module:
    """Pooling of the box branch."""
    if kind == "deform":
        return DeformableRoIPool(width, _BOX_BINS)
    return RoIPool(_BOX_BINS) if kind == "pool" else MultiScaleRoIAlign(LEVELS, _BOX_BINS, 2)


class RegionHeads(RoIHeads):
    """Box branch and, if wanted, mask branch."""

    def __init__(self, width: int, settings: RegionSettings, selection: SelectionSettings) -> None:
        super().__init__(
            _pooling(settings.pooling, width),
            _BoxHead(width * _BOX_BINS**2, settings.box_width),
            _BoxPredictor(settings.box_width, _CLASSES),
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=settings.sampled,
            positive_fraction=settings.positive_share,
            bbox_reg_weights=None,
            score_thresh=selection.min_score,
            nms_thresh=selection.nms_iou,
            detections_per_img=selection.max_objects,
        )
        if settings.mask_width is not None:
            self.mask_roi_pool = MultiScaleRoIAlign(LEVELS, _MASK_BINS, 2)
            self.mask_head = _MaskHead(width, [settings.mask_width] * _MASK_LAYERS, 1)
            self.mask_predictor = MaskRCNNPredictor(settings.mask_width, settings.mask_width, _CLASSES)

    def loss(
        self,
        features: Mapping[str, Tensor],
        proposals: Sequence[Tensor],
        truth: Sequence[tuple[Tensor, Tensor]],
        target: Tensor,
    ) -> dict[str, Tensor]:
        """Losses of sampled proposals; those mostly on ignored ground are left out.

        Parameters
        ----------
        features
            Maps of the pyramid by name.
        proposals
            Per tile (m, 4).
        truth
            Per tile boxes and masks of the basins, see :func:`basinwatch.detectors.targets.boxes_and_masks`.
        target
            uint8 (n, y, x).
        """
        known = [box[~mostly_ignored(tile, box)] for box, tile in zip(proposals, target, strict=True)]
        wanted = [
            {"boxes": box, "masks": mask, "labels": torch.full((len(box),), BASIN, device=box.device)}
            for box, mask in truth
        ]
        boxes, owners, labels, moves = self.select_training_samples(known, wanted)
        label = torch.cat(labels)
        scores, deltas = self._score(features, boxes, target)
        own = slice(4 * BASIN, 4 * BASIN + 4)
        shift = functional.smooth_l1_loss(
            deltas[label == BASIN, own], torch.cat(moves)[label == BASIN], beta=BOX_BETA, reduction="sum"
        )
        count = max(len(label), 1)
        losses = {
            "class": functional.cross_entropy(scores, label, reduction="sum") / count,
            "box": shift / count,
        }
        if self.has_mask():
            basins = [chosen == BASIN for chosen in labels]
            inside = [box[basin] for box, basin in zip(boxes, basins, strict=True)]
            whose = [owner[basin] for owner, basin in zip(owners, basins, strict=True)]
            losses["mask"] = self._mask_loss(features, inside, whose, [mask for _, mask in truth], target)
        return losses

    def _score(self, features: Mapping[str, Tensor], boxes: list[Tensor], tiles: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and deltas of boxes given per tile."""
        shapes = [(tiles.shape[-2], tiles.shape[-1])] * len(tiles)
        answer: tuple[Tensor, Tensor] = self.box_predictor(self.box_head(self.box_roi_pool(features, boxes, shapes)))
        return answer

    def _mask_logits(self, features: Mapping[str, Tensor], boxes: list[Tensor], tiles: Tensor) -> Tensor:
        """Logits (k, y, x) of basin within boxes given per tile, float32."""
        shapes = [(tiles.shape[-2], tiles.shape[-1])] * len(tiles)
        pooled = self.mask_roi_pool(features, boxes, shapes)
        logits: Tensor = self.mask_predictor(self.mask_head(pooled))[:, BASIN].float()
        return logits

    def _mask_loss(
        self,
        features: Mapping[str, Tensor],
        boxes: list[Tensor],
        owners: Sequence[Tensor],
        masks: Sequence[Tensor],
        target: Tensor,
    ) -> Tensor:
        """Mean cross-entropy of the masks within boxes, ignored ground left out."""
        logits = self._mask_logits(features, boxes, target)
        side = logits.shape[-1]
        parts = list(zip(boxes, owners, masks, target, strict=True))
        wanted = torch.cat([project_masks_on_boxes(mask, box, owner, side) for box, owner, mask, _ in parts])
        weight = torch.cat(
            [1 - project_masks_on_boxes((tile == IGNORED)[None], box, owner * 0, side) for box, owner, _, tile in parts]
        )
        entropy = functional.binary_cross_entropy_with_logits(logits, wanted, weight, reduction="sum")
        return entropy / weight.sum().clamp(min=1)

    def detect(self, features: Mapping[str, Tensor], proposals: list[Tensor], tiles: Tensor) -> list[Objects]:
        """Best objects of every tile of a batch (n, channels, y, x); those without a pixel in their mask are none."""
        shape = (tiles.shape[2], tiles.shape[3])
        scores, deltas = self._score(features, proposals, tiles)
        boxes, best, _ = self.postprocess_detections(scores, deltas, proposals, [shape] * len(tiles))
        found = [(box.cpu().numpy(), score.cpu().numpy()) for box, score in zip(boxes, best, strict=True)]
        if not self.has_mask():
            return [Objects(box, score) for box, score in found]
        probability = self._mask_logits(features, boxes, tiles).sigmoid().cpu().split([len(box) for box in boxes])
        return [_with_masks(*objects, maps) for objects, maps in zip(found, probability, strict=True)]


def _with_masks(boxes: NDArray[np.float32], scores: NDArray[np.float32], maps: Tensor) -> Objects:
    """Objects of a tile whose masks have a pixel, from maps of probability (m, y, x) that span the boxes."""
    masks = [crop_mask(probability, box) for probability, box in zip(maps, boxes, strict=True)]
    kept = [place for place, mask in enumerate(masks) if mask.any()]
    return Objects(boxes[kept], scores[kept], [masks[place] for place in kept])


def crop_mask(probability: Tensor, box: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mask over the pixels that a box touches, see :class:`basinwatch.detectors.registry.Objects`.

    Parameters
    ----------
    probability
        float32 (y, x), its cells spread evenly over the box; 0 beyond.
    box
        float32 (4,), left, top, right, bottom in pixels.
    """
    left, top, right, bottom = (float(edge) for edge in box)
    x = _share(left, right)
    y = _share(top, bottom)
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)
    values = functional.grid_sample(probability[None, None], grid[None], padding_mode="zeros", align_corners=False)
    mask: NDArray[np.bool_] = (values[0, 0] >= 0.5).numpy()
    return mask


def _share(low: float, high: float) -> Tensor:
    """Where between `low` (−1) and `high` (1) the centres of the pixels lie that the range touches."""
    centres = torch.arange(math.floor(low), math.ceil(high)) + 0.5
    return 2 * (centres - low) / (high - low) - 1

"""Detectors that propose regions first and judge them then.

Mask R-CNN (He et al. 2017), Faster R-CNN (Ren et al. 2015), Deform R-CNN (Dai et al. 2017) and InSARNet, on feature
pyramids (Lin et al. 2017), without any resizing of the tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights, MaskRCNN_ResNet50_FPN_Weights

from basinwatch.detectors.proposals import ProposalNetwork, ProposalSettings
from basinwatch.detectors.pyramid import choose_anchors
from basinwatch.detectors.pyramid_detector import PyramidDetector
from basinwatch.detectors.region_heads import RegionHeads, RegionSettings
from basinwatch.detectors.registry import Objects, register
from basinwatch.detectors.roi_pooling import OFFSET_RATE
from basinwatch.detectors.targets import boxes_and_masks

_COCO = {True: MaskRCNN_ResNet50_FPN_Weights.COCO_V1, False: FasterRCNN_ResNet50_FPN_Weights.COCO_V1}
_COARSEST = 64
_OFFSETS = "roi_heads.box_roi_pool.offset."


class TwoStage(PyramidDetector):
    """Boxes and, if wanted, masks of basins.

    Parameters
    ----------
    masks
        Whether to give masks.
    roi_pool
        See :class:`basinwatch.detectors.region_heads.RegionSettings`.
    anchors
        ``published``, ``small`` (half as large) or the side of the anchors on each of the five maps in pixels.
    train_proposals, test_proposals, proposal_nms_iou, sampled_anchors
        See :class:`basinwatch.detectors.proposals.ProposalSettings`.
    sampled_rois, positive_share
        See :class:`basinwatch.detectors.region_heads.RegionSettings`.
    pyramid_width, box_width, mask_width
        Channels of the pyramid and of the branches.
    options
        Of :class:`basinwatch.detectors.pyramid_detector.PyramidDetector`.
    """

    def __init__(
        self,
        *,
        masks: bool,
        roi_pool: str = "align",
        anchors: str | Sequence[int] = "published",
        train_proposals: Sequence[int] = (2000, 2000),
        test_proposals: Sequence[int] = (1000, 1000),
        proposal_nms_iou: float = 0.7,
        sampled_anchors: int = 256,
        sampled_rois: int = 512,
        positive_share: float = 0.25,
        pyramid_width: int = 256,
        box_width: int = 1024,
        mask_width: int = 256,
        **options: Any,
    ) -> None:
        super().__init__(1, pyramid_width=pyramid_width, **options)
        before, after = train_proposals
        few_before, few_after = test_proposals
        proposing = ProposalSettings(
            choose_anchors(anchors), (before, after), (few_before, few_after), proposal_nms_iou, sampled_anchors
        )
        self.rpn = ProposalNetwork(pyramid_width, proposing)
        judging = RegionSettings(roi_pool, box_width, mask_width if masks else None, sampled_rois, positive_share)
        self.roi_heads = RegionHeads(pyramid_width, judging, self.selection)
        self.layer_rates = {_OFFSETS: OFFSET_RATE} if roi_pool == "deform" else {}
        self.finish(_COCO[masks], _COARSEST, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Map (n, channels, y, x) to the maps of the pyramid by name, the finest first."""
        features: dict[str, Tensor] = self.backbone(x)
        return features

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Losses of both stages, see :meth:`Detector.loss`; samples are drawn from torch's global generator."""
        features, truth = self(x), boxes_and_masks(target)
        proposals = self.rpn.propose(features, (x.shape[2], x.shape[3]))
        exact = {name: feature.float() for name, feature in features.items()}
        return self.rpn.loss(proposals, [boxes for boxes, _ in truth], target) | self.roi_heads.loss(
            exact, proposals.boxes, truth, target
        )

    def predict(self, x: Tensor) -> list[Objects]:
        """Best objects of every tile, see :meth:`InstanceDetector.predict`."""
        features = self(x)
        proposals = self.rpn.propose(features, (x.shape[2], x.shape[3]))
        exact = {name: feature.float() for name, feature in features.items()}
        return self.roi_heads.detect(exact, proposals.boxes, x)


@register("mask_rcnn")
def mask_rcnn(**options: Any) -> TwoStage:
    """Build Mask R-CNN; `options` of :class:`TwoStage`."""
    published: dict[str, Any] = {"masks": True}
    return TwoStage(**(published | options))


@register("faster_rcnn")
def faster_rcnn(**options: Any) -> TwoStage:
    """Build Faster R-CNN with RoIPool; `options` of :class:`TwoStage`."""
    published: dict[str, Any] = {"masks": False, "roi_pool": "pool"}
    return TwoStage(**(published | options))


@register("deform_rcnn")
def deform_rcnn(**options: Any) -> TwoStage:
    """Build Faster R-CNN with RoIAlign and deformable convolutions; `options` of :class:`TwoStage`."""
    published: dict[str, Any] = {"masks": False, "deformed": True}
    return TwoStage(**(published | options))


@register("insarnet")
def insarnet(**options: Any) -> TwoStage:
    """Build InSARNet: Mask R-CNN with involution and deformable RoI pooling.

    The ablations of its paper switch one or both off: `backbone` ``resnet50`` instead of ``rednet50``, `roi_pool`
    ``align`` instead of ``deform``.

    Parameters
    ----------
    options
        Of :class:`TwoStage`.
    """
    published: dict[str, Any] = {"masks": True, "backbone": "rednet50", "roi_pool": "deform"}
    return TwoStage(**(published | options))

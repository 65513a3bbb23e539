"""DeepLabV3 (Chen et al. 2017) on a dilated ResNet, from torchvision's parts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.segmentation import DeepLabV3_ResNet50_Weights
from torchvision.models.segmentation.deeplabv3 import ASPP, ASPPConv

from basinwatch.detectors.class_scores import basin_logit, check_classes, initialise
from basinwatch.detectors.dilated_resnet import (
    LAST_CHANNELS,
    PUBLISHED,
    RESNET50,
    DilatedResNet,
    demand_several_tiles,
    reach_px,
)
from basinwatch.detectors.losses import segmentation_loss
from basinwatch.detectors.pretrained import start_from
from basinwatch.detectors.registry import SemanticDetector, register
from basinwatch.encoding import DEFAULT, channels

_RATES = {8: (12, 24, 36), 16: (6, 12, 18)}
_PUBLISHED = PUBLISHED | {"coco": DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1}


class _DilatedBranch(ASPPConv):
    """A dilated convolution that may compute in another precision than what surrounds it."""

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = super().forward(x.to(self[0].weight.dtype))
        return result.to(x.dtype)


@register("deeplabv3")
class DeepLabV3(SemanticDetector):
    """Scores from the last map seen at several dilations beside its mean over the window.

    Parameters
    ----------
    output_stride
        Pixels per cell of the last map. Published is 8, with rates 12, 24 and 36, which on tiles of 256 pixels sample
        hardly anything but padding; 16, with 6, 12 and 18, suits them better.
    depths, width_per_group
        The backbone, see :class:`basinwatch.detectors.dilated_resnet.DilatedResNet`; ResNet-50 unless told.
    hidden
        Channels of each branch and of the head.
    classes, encoding, positive_weight, dice_weight
        As for :class:`basinwatch.detectors.unet.UNet`.
    weights
        ``none``, ``imagenet``, ``coco`` or a safetensors file, see :mod:`basinwatch.detectors.pretrained`.
    """

    free_size = False

    def __init__(
        self,
        output_stride: int = 8,
        depths: Sequence[int] = RESNET50,
        width_per_group: int = 64,
        hidden: int = 256,
        classes: int = 2,
        encoding: str = DEFAULT,
        positive_weight: float = 1.0,
        dice_weight: float = 1.0,
        weights: str = "none",
    ) -> None:
        super().__init__()
        self.encoding, self.positive_weight, self.dice_weight = encoding, positive_weight, dice_weight
        self.stride = output_stride
        self.backbone = DilatedResNet(channels(encoding), output_stride, depths, width_per_group)
        rates = _RATES[output_stride]
        self.halo = reach_px(output_stride, depths, head_cells=rates[-1] + 1)
        pooling = ASPP(LAST_CHANNELS, rates, hidden)
        for place, rate in enumerate(rates, 1):
            pooling.convs[place] = _DilatedBranch(LAST_CHANNELS, hidden, rate)
        self.classifier = nn.Sequential(
            pooling,
            nn.Conv2d(hidden, hidden, 3, padding=1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(inplace=True),
            nn.Conv2d(hidden, check_classes(classes), 1),
        )  # fmt: skip
        initialise(self, self.classifier[-1])  # type: ignore[arg-type]
        start_from(self, weights, _PUBLISHED, "backbone.")

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, y, x), sides multiples of `stride`, to logits (n, 1, y, x)."""
        scores = self.classifier(self.backbone(x)[1])
        return basin_logit(functional.interpolate(scores, scale_factor=float(self.stride), mode="bilinear"))

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy and Dice, see :meth:`Detector.loss`."""
        demand_several_tiles(x, self.training)
        return segmentation_loss(self(x)[:, 0], target, self.positive_weight, self.dice_weight)

    def to_fast(self, dtype: torch.dtype) -> None:
        """Cast, but leave the dilated branches as they are where AMX is slower with them than float32."""
        super().to_fast(dtype)
        if dtype == torch.bfloat16 and torch.cpu.get_capabilities().get("amx_bf16"):
            for module in self.modules():
                if isinstance(module, _DilatedBranch):
                    module.float()

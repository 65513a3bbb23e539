"""DeepLabV3 (Chen et al. 2017) on a dilated ResNet, from torchvision's parts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.segmentation import DeepLabV3_ResNet50_Weights
from torchvision.models.segmentation.deeplabv3 import ASPP, ASPPConv

from basinwatch.detectors.class_scores import initialise
from basinwatch.detectors.dilated_resnet import LAST_CHANNELS, PUBLISHED, DilatedDetector
from basinwatch.detectors.pretrained import start_from
from basinwatch.detectors.registry import register

_RATES = {8: (12, 24, 36), 16: (6, 12, 18)}
_PUBLISHED = PUBLISHED | {"coco": DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1}


class _DilatedBranch(ASPPConv):
    """A dilated convolution that may compute in another precision than what surrounds it."""

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = super().forward(x.to(self[0].weight.dtype))
        return result.to(x.dtype)


@register("deeplabv3")
class DeepLabV3(DilatedDetector):
    """Scores from the last map seen at several dilations beside its mean over the window.

    Parameters
    ----------
    output_stride
        Pixels per cell of the last map. Published is 8, with rates 12, 24 and 36, which on tiles of 256 pixels sample
        hardly anything but padding; 16, with 6, 12 and 18, suits them better.
    hidden
        Channels of each branch and of the head.
    weights
        ``none``, ``imagenet``, ``coco`` or a safetensors file, see :mod:`basinwatch.detectors.pretrained`.
    options
        Of :class:`basinwatch.detectors.dilated_resnet.DilatedDetector`.
    """

    def __init__(self, output_stride: int = 8, hidden: int = 256, weights: str = "none", **options: Any) -> None:
        super().__init__(output_stride, **options)
        rates = _RATES[output_stride]
        self.halo += rates[-1] * output_stride
        pooling = ASPP(LAST_CHANNELS, rates, hidden)
        for place, rate in enumerate(rates, 1):
            pooling.convs[place] = _DilatedBranch(LAST_CHANNELS, hidden, rate)
        self.classifier = nn.Sequential(
            pooling,
            nn.Conv2d(hidden, hidden, 3, padding=1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(inplace=True),
            nn.Conv2d(hidden, self.classes, 1),
        )  # fmt: skip
        initialise(self, self.classifier[-1])  # type: ignore[arg-type]
        start_from(self, weights, _PUBLISHED, "backbone.")

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, y, x), sides multiples of `stride`, to logits (n, 1, y, x)."""
        return self.enlarged(self.classifier(self.backbone(x)[1]))

    def to_fast(self, dtype: torch.dtype) -> None:
        """Cast, but leave the dilated branches as they are where AMX is slower with them than float32."""
        super().to_fast(dtype)
        if dtype == torch.bfloat16 and torch.cpu.get_capabilities().get("amx_bf16"):
            for module in self.modules():
                if isinstance(module, _DilatedBranch):
                    module.float()

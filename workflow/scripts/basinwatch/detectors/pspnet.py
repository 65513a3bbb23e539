"""PSPNet (Zhao et al. 2017): pyramid pooling on a dilated ResNet."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from basinwatch.detectors.class_scores import initialise
from basinwatch.detectors.dilated_resnet import LAST_CHANNELS, MIDDLE_CHANNELS, PUBLISHED, DilatedDetector
from basinwatch.detectors.pretrained import start_from
from basinwatch.detectors.registry import register

_BINS = (1, 2, 3, 6)
_STRIDE = 8


def _reduction(inputs: int, outputs: int, size: int) -> nn.Sequential:
    """Convolution, batch normalisation and ReLU."""
    convolution = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _head(inputs: int, hidden: int, classes: int) -> nn.Sequential:
    """Scores from a map."""
    return nn.Sequential(_reduction(inputs, hidden, 3), nn.Dropout2d(0.1), nn.Conv2d(hidden, classes, 1))


@register("pspnet")
class PSPNet(DilatedDetector):
    """Scores from the last map beside its means over 1, 4, 9 and 36 parts of the window.

    Parameters
    ----------
    hidden
        Channels of each pooled map and of the head.
    auxiliary_weight
        Weight of the loss of a second head on the third stage, used in training only; 0 for none.
    weights
        ``none``, ``imagenet`` or a safetensors file, see :mod:`basinwatch.detectors.pretrained`.
    options
        Of :class:`basinwatch.detectors.dilated_resnet.DilatedDetector`.
    """

    def __init__(self, hidden: int = 512, auxiliary_weight: float = 0.4, weights: str = "none", **options: Any) -> None:
        super().__init__(_STRIDE, **options)
        self.auxiliary_weight = auxiliary_weight
        self.pyramid = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(bins), _reduction(LAST_CHANNELS, hidden, 1)) for bins in _BINS
        )
        self.head = _head(LAST_CHANNELS + len(_BINS) * hidden, hidden, self.classes)
        self.auxiliary = _head(MIDDLE_CHANNELS, hidden // 2, self.classes) if auxiliary_weight else None
        initialise(self, *(head[-1] for head in (self.head, self.auxiliary) if head))  # type: ignore[arg-type]
        start_from(self, weights, PUBLISHED, "backbone.")

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, y, x), sides multiples of `stride`, to logits (n, 1, y, x)."""
        return self.enlarged(self.head(self._with_means(self.backbone(x)[1])))

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy and Dice of both heads, see :meth:`Detector.loss`."""
        self.demand_several_tiles(x)
        middle, last = self.backbone(x)
        losses = self.score_loss(self.enlarged(self.head(self._with_means(last))), target)
        if self.auxiliary:
            auxiliary = self.score_loss(self.enlarged(self.auxiliary(middle)), target)
            losses |= {f"auxiliary_{name}": self.auxiliary_weight * value for name, value in auxiliary.items()}
        return losses

    def _with_means(self, x: Tensor) -> Tensor:
        """Append the pooled maps, enlarged bilinearly."""
        means = [functional.interpolate(level(x), x.shape[-2:], mode="bilinear") for level in self.pyramid]
        return torch.cat([x, *means], dim=1)

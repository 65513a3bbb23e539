"""PSPNet (Zhao et al. 2017): pyramid pooling on a dilated ResNet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from basinwatch.detectors.class_scores import basin_logit, check_classes, initialise
from basinwatch.detectors.dilated_resnet import (
    LAST_CHANNELS,
    MIDDLE_CHANNELS,
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

_BINS = (1, 2, 3, 6)


def _reduction(inputs: int, outputs: int, size: int) -> nn.Sequential:
    """Convolution, batch normalisation and ReLU."""
    convolution = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _head(inputs: int, hidden: int, classes: int) -> nn.Sequential:
    """Scores from a map."""
    return nn.Sequential(_reduction(inputs, hidden, 3), nn.Dropout2d(0.1), nn.Conv2d(hidden, classes, 1))


@register("pspnet")
class PSPNet(SemanticDetector):
    """Scores from the last map beside its means over 1, 4, 9 and 36 parts of the window.

    Parameters
    ----------
    depths, width_per_group
        The backbone, see :class:`basinwatch.detectors.dilated_resnet.DilatedResNet`; ResNet-50 unless told.
    hidden
        Channels of each pooled map and of the head.
    auxiliary_weight
        Weight of the loss of a second head on the third stage, used in training only; 0 for none.
    classes, encoding, positive_weight, dice_weight
        As for :class:`basinwatch.detectors.unet.UNet`.
    weights
        ``none``, ``imagenet`` or a safetensors file, see :mod:`basinwatch.detectors.pretrained`.
    """

    free_size = False
    stride = 8

    def __init__(
        self,
        depths: Sequence[int] = RESNET50,
        width_per_group: int = 64,
        hidden: int = 512,
        auxiliary_weight: float = 0.4,
        classes: int = 2,
        encoding: str = DEFAULT,
        positive_weight: float = 1.0,
        dice_weight: float = 1.0,
        weights: str = "none",
    ) -> None:
        super().__init__()
        self.encoding, self.positive_weight, self.dice_weight = encoding, positive_weight, dice_weight
        self.auxiliary_weight = auxiliary_weight
        self.backbone = DilatedResNet(channels(encoding), self.stride, depths, width_per_group)
        self.halo = reach_px(self.stride, depths, head_cells=1)
        self.pyramid = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(bins), _reduction(LAST_CHANNELS, hidden, 1)) for bins in _BINS
        )
        self.head = _head(LAST_CHANNELS + len(_BINS) * hidden, hidden, check_classes(classes))
        self.auxiliary = _head(MIDDLE_CHANNELS, hidden // 2, classes) if auxiliary_weight else None
        initialise(self, *(head[-1] for head in (self.head, self.auxiliary) if head))  # type: ignore[arg-type]
        start_from(self, weights, PUBLISHED, "backbone.")

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, y, x), sides multiples of `stride`, to logits (n, 1, y, x)."""
        return self._logits(self.head, self._with_means(self.backbone(x)[1]))

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy and Dice of both heads, see :meth:`Detector.loss`."""
        demand_several_tiles(x, self.training)
        middle, last = self.backbone(x)
        weights = self.positive_weight, self.dice_weight
        losses = segmentation_loss(self._logits(self.head, self._with_means(last))[:, 0], target, *weights)
        if self.auxiliary:
            auxiliary = segmentation_loss(self._logits(self.auxiliary, middle)[:, 0], target, *weights)
            losses |= {f"auxiliary_{name}": self.auxiliary_weight * value for name, value in auxiliary.items()}
        return losses

    def _with_means(self, x: Tensor) -> Tensor:
        """Append the pooled maps, enlarged bilinearly."""
        means = [functional.interpolate(level(x), x.shape[-2:], mode="bilinear") for level in self.pyramid]
        return torch.cat([x, *means], dim=1)

    def _logits(self, head: nn.Module, x: Tensor) -> Tensor:
        """Logits of basin in the input's resolution."""
        return basin_logit(functional.interpolate(head(x), scale_factor=float(self.stride), mode="bilinear"))

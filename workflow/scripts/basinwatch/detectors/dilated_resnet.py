"""ResNet with dilation in place of its last strides, the backbone of PSPNet and DeepLab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import ResNet50_Weights
from torchvision.models.resnet import Bottleneck, ResNet

from basinwatch.detectors.class_scores import ScoringDetector, basin_logit
from basinwatch.encoding import channels
from basinwatch.errors import InputError

MIDDLE_CHANNELS, LAST_CHANNELS = 1024, 2048
RESNET50 = (3, 4, 6, 3)
PUBLISHED = {"imagenet": ResNet50_Weights.IMAGENET1K_V1}


class DilatedResNet(ResNet):
    """Stages of a ResNet (He et al. 2016).

    Parameters
    ----------
    inputs
        Channels of the input.
    output_stride
        Pixels per cell of the last map: 8 or 16.
    depths
        Blocks of each stage.
    width_per_group
        Channels of the 3×3 convolutions of the first stage; 64 in the published networks.

    Raises
    ------
    ValueError
        If stride or depths do not fit.
    """

    def __init__(self, inputs: int, output_stride: int, depths: Sequence[int], width_per_group: int) -> None:
        if output_stride not in (8, 16) or len(depths) != 4:
            raise ValueError(f"output_stride {output_stride} and depths {depths} must be 8 or 16 and four numbers")
        super().__init__(
            Bottleneck,
            list(depths),
            width_per_group=width_per_group,
            zero_init_residual=True,
            replace_stride_with_dilation=[False, output_stride == 8, True],
        )
        self.conv1 = nn.Conv2d(inputs, 64, 7, 2, 3, bias=False)
        del self.avgpool, self.fc

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (n, inputs, y, x) to what the third and the fourth stage give."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        middle = self.layer3(self.layer2(self.layer1(x)))
        return middle, self.layer4(middle)


class DilatedDetector(ScoringDetector):
    """Scores from the last map of a dilated ResNet, with means over the window.

    Parameters
    ----------
    output_stride
        Pixels per cell of the last map: 8 or 16.
    depths, width_per_group
        See :class:`DilatedResNet`; ResNet-50 unless told.
    scoring
        Of :class:`basinwatch.detectors.class_scores.ScoringDetector`.
    """

    free_size = False

    def __init__(
        self, output_stride: int, *, depths: Sequence[int] = RESNET50, width_per_group: int = 64, **scoring: Any
    ) -> None:
        super().__init__(**scoring)
        self.stride = output_stride
        self.backbone = DilatedResNet(channels(self.encoding), output_stride, depths, width_per_group)
        self.halo = _reach_px(output_stride, depths)

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy and Dice, see :meth:`Detector.loss`."""
        self.demand_several_tiles(x)
        return super().loss(x, target)

    def demand_several_tiles(self, x: Tensor) -> None:
        """Refuse batches whose pooled maps leave nothing to normalise over.

        Raises
        ------
        InputError
            If there is one tile only in training.
        """
        if self.training and len(x) == 1:
            raise InputError(
                "training: found a batch of 1 tile, expected at least 2, since maps pooled to one pixel are normalised "
                "over the batch; raise batch_size."
            )

    def enlarged(self, scores: Tensor) -> Tensor:
        """Logit of basin per pixel (n, 1, y, x) from scores per cell of the last map."""
        return basin_logit(functional.interpolate(scores, scale_factor=float(self.stride), mode="bilinear"))


def _reach_px(output_stride: int, depths: Sequence[int]) -> int:
    """Pixels beyond which an output pixel cannot see, where the head sees one cell to either side."""
    blocks = zip((4, 4, 8, 16), (4, 8, 16, 32), depths, strict=True)
    stages = sum(first + (depth - 1) * step for first, step, depth in blocks)
    return 3 + 2 + stages + output_stride + 3 * output_stride // 2 - 1

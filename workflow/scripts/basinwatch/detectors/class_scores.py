"""What published segmentation networks share: scores per class become one logit, which cross-entropy and Dice teach."""

from __future__ import annotations

import math

from torch import Tensor, nn

from basinwatch.detectors.basinnet import BASIN_SHARE
from basinwatch.detectors.losses import segmentation_loss
from basinwatch.detectors.registry import SemanticDetector
from basinwatch.encoding import DEFAULT


class ScoringDetector(SemanticDetector):
    """A network that scores the classes of every pixel.

    Parameters
    ----------
    classes
        Scores per pixel: 2 as published, or 1.
    encoding
        What it sees, see :mod:`basinwatch.encoding`.
    positive_weight, dice_weight
        Weight of basin pixels in the cross-entropy, and of the Dice loss beside it; published are 1 and 0.

    Raises
    ------
    ValueError
        If the number of classes is neither 1 nor 2.
    """

    def __init__(
        self, *, classes: int = 2, encoding: str = DEFAULT, positive_weight: float = 1.0, dice_weight: float = 1.0
    ) -> None:
        super().__init__()
        if classes not in (1, 2):
            raise ValueError(f"classes is {classes}, expected 2 as published or 1")
        self.classes, self.encoding = classes, encoding
        self.positive_weight, self.dice_weight = positive_weight, dice_weight

    def loss(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy and Dice, see :meth:`Detector.loss`."""
        return self.score_loss(self(x), target)

    def score_loss(self, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy and Dice of logits (n, 1, y, x)."""
        return segmentation_loss(logits[:, 0], target, self.positive_weight, self.dice_weight)


def basin_logit(scores: Tensor) -> Tensor:
    """Logit of basin (n, 1, y, x) from scores (n, classes, y, x).

    The published networks score background and basin; the sigmoid of the difference is the softmax of the two, and
    their cross-entropies are equal. A single score is the logit itself.
    """
    return scores if scores.shape[1] == 1 else scores[:, 1:] - scores[:, :1]


def initialise(network: nn.Module, *heads: nn.Conv2d) -> None:
    """Draw convolutions after He et al. (2015), fan-out; `heads`, which score, start from the usual share of basins."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for head in heads:
        nn.init.normal_(head.weight, std=0.01)
        nn.init.constant_(head.bias[-1:], math.log(BASIN_SHARE / (1 - BASIN_SHARE)))  # type: ignore[index]

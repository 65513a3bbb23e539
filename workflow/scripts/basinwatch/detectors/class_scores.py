"""What published segmentation networks share: scores per class become one logit."""

from __future__ import annotations

import math

from torch import Tensor, nn

from basinwatch.detectors.basinnet import BASIN_SHARE


def basin_logit(scores: Tensor) -> Tensor:
    """Logit of basin (n, 1, y, x) from scores (n, classes, y, x).

    The published networks score background and basin; the sigmoid of the difference is the softmax of the two, and
    their cross-entropies are equal. A single score is the logit itself.
    """
    return scores if scores.shape[1] == 1 else scores[:, 1:] - scores[:, :1]


def check_classes(classes: int) -> int:
    """Return the number of scores per pixel if it is 1 or 2.

    Raises
    ------
    ValueError
        If it is not.
    """
    if classes not in (1, 2):
        raise ValueError(f"classes is {classes}, expected 2 as published or 1")
    return classes


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

"""Losses that several families of detectors share."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from basinwatch.datasets.tiles import IGNORED


def segmentation_loss(logits: Tensor, target: Tensor, positive_weight: float, dice_weight: float) -> dict[str, Tensor]:
    """Cross-entropy per pixel and soft Dice over the batch, both without ignored pixels.

    Parameters
    ----------
    logits
        (n, y, x).
    target
        uint8 (n, y, x), see :func:`basinwatch.datasets.tiles.instance_target`.
    positive_weight
        Weight of basin pixels in the cross-entropy.
    dice_weight
        Weight of the Dice loss (Milletari, Navab & Ahmadi 2016).
    """
    basin = ((target > 0) & (target != IGNORED)).float()
    return mask_loss(logits, basin, (target != IGNORED).float(), positive_weight, dice_weight)


def mask_loss(
    logits: Tensor, truth: Tensor, counted: Tensor, positive_weight: float, dice_weight: float
) -> dict[str, Tensor]:
    """Losses of :func:`segmentation_loss` for a truth of 0 and 1 where `counted` is 1, all float (n, y, x)."""
    logits = logits.float()
    weight = counted * (1 + (positive_weight - 1) * truth)
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, weight, reduction="sum")
    probability = logits.sigmoid() * counted
    truth = truth * counted
    dice = 1 - (2 * (probability * truth).sum() + 1) / (probability.sum() + truth.sum() + 1)
    return {"entropy": entropy / weight.sum().clamp(min=1), "dice": dice_weight * dice}

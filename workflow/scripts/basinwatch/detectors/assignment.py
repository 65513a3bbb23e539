"""Which locations of an anchor-free detector answer for which basin."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torchvision import ops

from basinwatch.detectors.boxes import check_similarity, pair_loss

K_RULES = ("iou_sum", "cost_sum")


@dataclass(frozen=True)
class AssignmentSettings:
    """How many and which locations a basin gets.

    Parameters
    ----------
    k_rule
        ``iou_sum``: as many as the candidates' summed intersection over union, as in YOLOX (Ge et al. 2021); grows as
        the boxes improve. ``cost_sum``: as many as a tenth of their summed cost, as Yu et al. (2022), eq. 6, print;
        falls as the boxes improve.
    candidates
        Candidates of a basin: the locations of the largest intersection over union (Z of eq. 6).
    radius
        Only locations at most so many strides from a basin's centre, along rows and columns, may answer for it.
    box_cost
        Which box loss enters the cost, see :func:`basinwatch.detectors.boxes.pair_loss`.
    box_weight
        Its weight beside the cross-entropy of the objectness (α of eq. 5).
    cost_share
        λ of eq. 6.
    """

    k_rule: str = "iou_sum"
    candidates: int = 10
    radius: float = 1.5
    box_cost: str = "diou"
    box_weight: float = 3.0
    cost_share: float = 0.1

    def __post_init__(self) -> None:
        check_similarity(self.box_cost)
        if self.k_rule not in K_RULES:
            raise ValueError(f"k_rule {self.k_rule!r} is not one of {', '.join(K_RULES)}")
        if self.candidates < 1 or self.radius < 0.5:
            raise ValueError("candidates must be at least 1 and radius at least 0.5")


@torch.no_grad()
def assign(
    logits: Tensor, boxes: Tensor, centres: Tensor, strides: Tensor, truth: Tensor, settings: AssignmentSettings
) -> tuple[Tensor, Tensor]:
    """Give every basin of a tile its cheapest locations; one that two want goes to whom it costs less.

    Approximates the optimal transport of Ge et al. (2021) as Yu et al. (2022) describe.

    Parameters
    ----------
    logits, boxes
        What the locations predict: float32 (a,) objectness and (a, 4).
    centres, strides
        Pixel position (a, 2), x first, and spacing (a,) of the locations.
    truth
        float32 (m, 4), the basins' boxes.

    Returns
    -------
    tuple
        Locations that answer for a basin (p,), ascending, and the basin each answers for (p,).
    """
    middle = (truth[:, :2] + truth[:, 2:]) / 2
    near = ((centres - middle[:, None]).abs() <= settings.radius * strides[:, None]).all(dim=2)
    place = near.any(dim=0).nonzero()[:, 0]
    if not len(place):
        return place, place
    near = near[:, place]
    cost = functional.softplus(-logits[place]) + settings.box_weight * pair_loss(settings.box_cost, truth, boxes[place])
    cost = cost.masked_fill(~near, torch.inf)
    wanted = _counts(cost, ops.box_iou(truth, boxes[place]).masked_fill(~near, -1), settings)
    rank = cost.argsort(dim=1, stable=True).argsort(dim=1)
    cheapest, owner = cost.masked_fill(rank >= wanted[:, None], torch.inf).min(dim=0)
    won = cheapest.isfinite()
    return place[won], owner[won]


def _counts(cost: Tensor, iou: Tensor, settings: AssignmentSettings) -> Tensor:
    """Locations every basin gets, (m,); (m, n) `cost` is infinite and `iou` −1 where a location may not answer."""
    best, place = (ranked[:, : settings.candidates] for ranked in iou.sort(dim=1, descending=True, stable=True))
    if settings.k_rule == "iou_sum":
        count = best.clamp(min=0).sum(dim=1).floor()
    else:
        count = (settings.cost_share * cost.gather(1, place).masked_fill(best < 0, 0)).sum(dim=1).round()
    return count.clamp(min=1)

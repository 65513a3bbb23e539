"""Optimisers by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from basinwatch.errors import InputError

NAMES = ("adamw", "adam", "sgd")


@dataclass(frozen=True)
class OptimizerSettings:
    """How gradients become steps.

    Parameters
    ----------
    name
        ``adamw`` (decoupled weight decay), ``adam`` or ``sgd`` with momentum.
    weight_decay
        Of kernels only, not of normalisation and biases.
    momentum
        Decay of the mean gradient (β₁ of Adam).
    second_momentum
        Decay of the mean squared gradient (β₂ of Adam).
    clip_norm
        Largest norm of the gradient; None lets it be.
    """

    name: str = "adamw"
    weight_decay: float = 1e-2
    momentum: float = 0.9
    second_momentum: float = 0.999
    clip_norm: float | None = 5.0

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise InputError(
                f"training.optimizer.name: found {self.name!r}, expected one of {', '.join(NAMES)}; correct the name."
            )


def build_optimizer(network: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """Optimiser of all parameters that learn; its learning rate is set step by step."""
    groups = _groups(network, settings.weight_decay)
    if settings.name == "sgd":
        return torch.optim.SGD(groups, momentum=settings.momentum)
    family = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return family(groups, betas=(settings.momentum, settings.second_momentum))


def _groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameters with and without weight decay."""
    learning = [p for p in network.parameters() if p.requires_grad]
    kernels, others = [p for p in learning if p.ndim > 1], [p for p in learning if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def limit_gradient(network: nn.Module, settings: OptimizerSettings) -> None:
    """Shorten the gradient to the settings' norm."""
    if settings.clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)

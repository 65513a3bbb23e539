"""Optimisers by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
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
    layer_rates
        Learning rates of single layers in shares of the others', by the beginning of their parameters' names; wins
        over what the detector asks for itself.
    """

    name: str = "adamw"
    weight_decay: float = 1e-2
    momentum: float = 0.9
    second_momentum: float = 0.999
    clip_norm: float | None = 5.0
    layer_rates: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise InputError(
                f"training.optimizer.name: found {self.name!r}, expected one of {', '.join(NAMES)}; correct the name."
            )


def build_optimizer(network: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """Optimiser of all parameters that learn; the rate is set step by step, see :func:`set_learning_rate`.

    Raises
    ------
    InputError
        If a rate is given for a layer that does not exist.
    """
    groups = _groups(network, settings)
    if settings.name == "sgd":
        return torch.optim.SGD(groups, momentum=settings.momentum)
    family = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return family(groups, betas=(settings.momentum, settings.second_momentum))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every layer."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["rate_share"]


def _groups(network: nn.Module, settings: OptimizerSettings) -> list[dict[str, Any]]:
    """Parameters with and without weight decay, for every rate."""
    learning = {name: p for name, p in network.named_parameters() if p.requires_grad}
    share = _rate_shares(list(learning), getattr(network, "layer_rates", {}), settings.layer_rates)
    return [
        {
            "params": [p for name, p in learning.items() if share[name] == wanted and (p.ndim > 1) == kernels],
            "weight_decay": settings.weight_decay if kernels else 0.0,
            "rate_share": wanted,
        }
        for wanted, kernels in product(sorted({1.0, *share.values()}, reverse=True), (True, False))
    ]


def _rate_shares(names: Sequence[str], own: Mapping[str, float], wanted: Mapping[str, float]) -> dict[str, float]:
    """Share of the learning rate of every parameter; what is `wanted` wins over a detector's `own`."""
    for start in wanted:
        if not any(name.startswith(start) for name in names):
            raise InputError(
                f"training.optimizer.layer_rates: found {start!r}, expected the beginning of a parameter's name such "
                f"as {names[0]!r}; correct or remove it."
            )
    shares = [*wanted.items(), *own.items()]
    return {name: next((share for start, share in shares if name.startswith(start)), 1.0) for name in names}


def limit_gradient(network: nn.Module, settings: OptimizerSettings) -> float:
    """Shorten the gradient to the settings' norm, and return the norm it had."""
    longest = math.inf if settings.clip_norm is None else settings.clip_norm
    return float(torch.nn.utils.clip_grad_norm_(network.parameters(), longest))

"""How the learning rate develops over a training run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from basinwatch.errors import InputError


@dataclass(frozen=True)
class ScheduleSettings:
    """Shape of the learning rate over time; its peak is set apart.

    Parameters
    ----------
    kind
        ``constant``; ``cosine`` (half a cosine to 0, Loshchilov & Hutter 2017); ``poly``; ``step`` and ``exponential``
        (times `factor` every `every_steps`, at once or little by little).
    warmup_steps
        The rate rises linearly over so many steps.
    power, poly_form
        ``outer``: (1 − t)^power with t from 0 to 1; ``inner``: 1 − t^power, as Yu et al. (2022) print it.
    factor, every_steps
        Of ``step`` and ``exponential``.
    """

    kind: str = "cosine"
    warmup_steps: int = 100
    power: float = 0.9
    poly_form: str = "outer"
    factor: float = 0.1
    every_steps: int = 1000

    def __post_init__(self) -> None:
        if self.kind not in _SHAPES:
            raise _wrong("kind", self.kind, f"one of {', '.join(_SHAPES)}")
        if self.poly_form not in ("outer", "inner"):
            raise _wrong("poly_form", self.poly_form, "outer or inner")
        if self.every_steps < 1 or self.warmup_steps < 0:
            raise _wrong("every_steps and warmup_steps", f"{self.every_steps}, {self.warmup_steps}", "at least 1 and 0")


def _wrong(key: str, found: object, expected: str) -> InputError:
    """Say what is wrong with a setting."""
    return InputError(f"training.schedule.{key}: found {found!r}, expected {expected}; correct the setting.")


def _poly(step: int, steps: int, settings: ScheduleSettings) -> float:
    """Polynomial decay."""
    share: float = step / steps
    decayed: float = (1 - share) ** settings.power if settings.poly_form == "outer" else 1 - share**settings.power
    return decayed


_SHAPES: dict[str, Callable[[int, int, ScheduleSettings], float]] = {
    "constant": lambda step, steps, settings: 1.0,
    "cosine": lambda step, steps, settings: (1 + math.cos(math.pi * step / steps)) / 2,
    "poly": _poly,
    "step": lambda step, steps, settings: settings.factor ** (step // settings.every_steps),
    "exponential": lambda step, steps, settings: settings.factor ** (step / settings.every_steps),
}


def learning_rate(step: int, steps: int, peak: float, settings: ScheduleSettings) -> float:
    """Rate of step 0 … `steps` − 1: the warm-up, then the schedule over the steps that remain."""
    if step < settings.warmup_steps:
        return peak * (step + 1) / settings.warmup_steps
    remaining = max(steps - settings.warmup_steps, 1)
    return peak * _SHAPES[settings.kind](step - settings.warmup_steps, remaining, settings)

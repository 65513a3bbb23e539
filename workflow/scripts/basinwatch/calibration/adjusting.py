"""Settings of the simulator that a calibration may change, one number at a time, and how far."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from basinwatch.simulation.settings import Settings

# A trailing 0 or 1 is the lower or upper end of a range.
ADJUSTABLE = (
    "basins.peak_mm.1", "atmosphere.delay_mm", "atmosphere.delay_spread", "coherence.factor.0", "coherence.factor.1",
    "coherence.disturbance.0", "coherence.disturbance.1", "speckle.looks.0", "speckle.looks.1", "filter.share",
)  # fmt: skip
TEXTURE = ("speckle.texture_share", "speckle.texture_px")
STEP = math.log(1.3)
LARGEST_CHANGE = math.log(3)
_LEAST = {"speckle.looks.0": 1.0}
_DIGITS = 3


def value_of(settings: Settings, name: str) -> Any:
    """Value of a setting, or of one end of its range, by its dotted name."""
    section, key, *end = name.split(".")
    value = getattr(getattr(settings, section), key)
    return value[int(end[0])] if end else value


def replaced(settings: Settings, name: str, value: Any) -> Settings:
    """Return settings with another value of one setting or end of a range."""
    section, key, *end = name.split(".")
    group = getattr(settings, section)
    if end:
        both = list(getattr(group, key))
        both[int(end[0])] = value
        value = tuple(both)
    return replace(settings, **{section: replace(group, **{key: value})})


def scaled(settings: Settings, name: str, factor: float) -> Settings:
    """Multiply a number, to three digits."""
    return replaced(settings, name, rounded(factor * value_of(settings, name)))


def moved(settings: Settings, step: Iterable[float]) -> Settings:
    """Move the logarithms of all adjustable settings."""
    for name, change in zip(ADJUSTABLE, step, strict=True):
        settings = scaled(settings, name, math.exp(change)) if change else settings
    return settings


def limits(settings: Settings, name: str) -> tuple[float, float]:
    """Least and largest change of a setting's logarithm.

    Shares stay below 1 and looks above; the ends of a range meet at most in the middle.
    """
    value, low, high = value_of(settings, name), -LARGEST_CHANGE, LARGEST_CHANGE
    if name.endswith("share") and value > 0:
        high = min(high, -math.log(value))
    if name in _LEAST:
        low = max(low, math.log(_LEAST[name] / value))
    if name.endswith(".0"):
        high = min(high, _half_width(settings, name[:-2]))
    if name.endswith(".1"):
        low = max(low, -_half_width(settings, name[:-2]))
    return min(low, -1e-9), max(high, 1e-9)


def _half_width(settings: Settings, name: str) -> float:
    """Half the logarithm of a range's upper over its lower end."""
    low, high = value_of(settings, name)
    return math.log(high / low) / 2 if low > 0 else math.inf


def trial_step(settings: Settings, name: str) -> float:
    """Change of a setting's logarithm to measure its effect with: 30 % up where its limits allow, else down."""
    return STEP if limits(settings, name)[1] >= STEP else -STEP


def differences(before: Settings, after: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """Whole settings (both ends of a range) that a calibration changed: old and new values by dotted name."""
    names = dict.fromkeys([name.removesuffix(".0").removesuffix(".1") for name in ADJUSTABLE] + list(TEXTURE))
    changed = [name for name in names if value_of(before, name) != value_of(after, name)]
    return {n: value_of(before, n) for n in changed}, {n: value_of(after, n) for n in changed}


def rounded(value: float) -> float:
    """Three significant digits."""
    return float(f"{value:.{_DIGITS}g}")

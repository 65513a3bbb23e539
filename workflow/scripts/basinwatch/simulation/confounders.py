"""What looks like a basin but is none: draws of the parameters, and the phase and gaps they cause."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit

from basinwatch.simulation.geometry import PHASE_PER_MM, Spacing
from basinwatch.simulation.randomness import log_uniform

LOOKALIKES = ("uplift", "groundwater", "volcano", "landslide", "plateau")
DEFECTS = ("burst_step", "gaps", "slanted_edge")
Field = NDArray[np.float32]

_FAR_PLATEAU = 40.0
_SLIDE_EDGE_M = 30.0


def draw(rng: Generator, size_px: int, share: float) -> list[dict[str, Any]]:
    """Draw each kind with chance `share`; lengths in metres, `mm` away from the satellite, phases in radians."""
    found = []
    for kind in (*LOOKALIKES, *DEFECTS):
        place = {"kind": kind, "row": rng.uniform(0, size_px), "column": rng.uniform(0, size_px)}
        place["direction_deg"] = rng.uniform(0, 360)
        parameters = _parameters(kind, rng)
        if rng.random() < share:
            found.append(place | parameters)
    return found


def _parameters(kind: str, rng: Generator) -> dict[str, float]:
    """Ranges of one kind."""
    if kind == "uplift":
        sigma = rng.uniform(90, 400)
        return {"mm": -rng.uniform(5, 30), "along_m": sigma * rng.uniform(1, 1.8), "across_m": sigma}
    if kind == "groundwater":
        sigma = rng.uniform(2000, 8000)
        return {"mm": log_uniform(rng, 5, 40), "along_m": sigma * rng.uniform(1, 1.8), "across_m": sigma}
    if kind == "volcano":
        sign, depth = rng.choice([-1.0, 1.0]), rng.uniform(1500, 6000)
        return {"mm": sign * log_uniform(rng, 10, 80), "depth_m": depth}
    if kind == "landslide":
        sign, length, width = rng.choice([-1.0, 1.0]), rng.uniform(150, 600), rng.uniform(60, 200)
        return {"mm": sign * log_uniform(rng, 4, 60), "along_m": length, "across_m": width}
    if kind == "plateau":
        height = rng.choice([-1.0, 1.0]) * rng.uniform(20, 120)
        radius = rng.uniform(80, 400)
        return {
            "height_m": height,
            "along_m": radius * rng.uniform(1, 1.8), "across_m": radius, "edge_m": rng.uniform(10, 60),
        }  # fmt: skip
    if kind == "burst_step":
        return {"rad": rng.normal(0, 0.5)}
    if kind == "gaps":
        return {
            "along_m": log_uniform(rng, 60, 600),
            "across_m": log_uniform(rng, 40, 200),
            "count": int(rng.integers(1, 6)),
        }
    return {"depth": rng.uniform(0.05, 0.4)}


def _axes(
    item: Mapping[str, Any], shape: tuple[int, int], spacing: Spacing
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Metres along and across an item's direction from its centre."""
    rows = (np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(item["row"])) * np.float32(spacing.y)
    columns = (np.arange(shape[1], dtype=np.float32)[None] - np.float32(item["column"])) * np.float32(spacing.x)
    sine, cosine = (np.float32(f(math.radians(item["direction_deg"]))) for f in (math.sin, math.cos))
    return columns * sine - rows * cosine, columns * cosine + rows * sine


def phase(
    items: Sequence[Mapping[str, Any]], shape: tuple[int, int], spacing: Spacing, rad_per_metre: float
) -> NDArray[np.float32]:
    """Sum of the phases of all items in radians; `rad_per_metre` is what a metre of height error leaves."""
    total = np.zeros(shape, np.float32)
    for item in items:
        if item["kind"] in _SHAPES:
            along, across = _axes(item, shape, spacing)
            total += np.float32(_strength(item, rad_per_metre)) * _SHAPES[item["kind"]](item, along, across)
    return total


def _strength(item: Mapping[str, Any], rad_per_metre: float) -> float:
    """Phase of an item where it is strongest."""
    if "mm" in item:
        return float(item["mm"] * PHASE_PER_MM)
    return float(item["height_m"] * rad_per_metre if "height_m" in item else item["rad"])


def _step(item: Mapping[str, Any], along: Field, across: Field) -> Field:
    return (along > 0).astype(np.float32)


def _plateau(item: Mapping[str, Any], along: Field, across: Field) -> Field:
    """Return a flat top whose edge falls as a logistic curve (spoil heaps, pits)."""
    inside = (1 - np.hypot(along / item["along_m"], across / item["across_m"])) * item["across_m"]
    return _logistic(inside / item["edge_m"])


def _landslide(item: Mapping[str, Any], along: Field, across: Field) -> Field:
    """Return a plateau along the slope with a Gaussian profile across it."""
    half = item["along_m"] / 2
    edges = _logistic((along + half) / _SLIDE_EDGE_M) - _logistic((along - half) / _SLIDE_EDGE_M)
    slide: Field = edges * np.exp(-2 * (across / item["across_m"]) ** 2)
    return slide


def _point_source(item: Mapping[str, Any], along: Field, across: Field) -> Field:
    """Vertical movement over a point source at depth (Mogi 1958): (d²/(ρ² + d²))^1.5."""
    ratio = (along**2 + across**2) / np.float32(item["depth_m"] ** 2)
    movement: Field = (1 + ratio) ** np.float32(-1.5)
    return movement


def _bowl(item: Mapping[str, Any], along: Field, across: Field) -> Field:
    bowl: Field = np.exp(-0.5 * ((along / item["along_m"]) ** 2 + (across / item["across_m"]) ** 2))
    return bowl


def _logistic(value: Field) -> Field:
    logistic: Field = expit(np.clip(value, -_FAR_PLATEAU, _FAR_PLATEAU))
    return logistic


_SHAPES = {
    "burst_step": _step,
    "plateau": _plateau,
    "landslide": _landslide,
    "volcano": _point_source,
    "uplift": _bowl,
    "groundwater": _bowl,
}


def gaps(items: Sequence[Mapping[str, Any]], shape: tuple[int, int], spacing: Spacing) -> NDArray[np.bool_]:
    """Pixels without data: layover-like patches in a row, and everything beyond a slanted image edge."""
    missing = np.zeros(shape, np.bool_)
    for item in items:
        along, across = _axes(item, shape, spacing)
        if item["kind"] == "slanted_edge":
            missing |= along > np.quantile(along, 1 - item["depth"])
        elif item["kind"] == "gaps":
            pitch = 2.5 * item["across_m"]
            beside = np.abs(across) < pitch * (item["count"] - 0.5)
            stripe = np.mod(across + pitch / 2, pitch) - pitch / 2
            missing |= beside & (np.hypot(along / item["along_m"], stripe / item["across_m"]) < 1)
    return missing

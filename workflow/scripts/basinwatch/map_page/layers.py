"""Pictures of all stacks of an area, thinned so that the page stays small enough to send by mail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.map_page import images
from basinwatch.map_page.images import Layer
from basinwatch.map_page.plane import Plane
from basinwatch.rasters import decode_share
from basinwatch.report.products import Area, PairProducts, StackProducts

# Base64 makes four bytes of three: 16.5 MB of pictures are 22 MB of the 25 MB a page may have.
DATED_BYTES, FIXED_BYTES = 13_000_000, 3_500_000
# Noise in 33 and in 16 colours, the worst that can come, as measured on random codes.
_PHASE_BYTES_PER_PX, _COHERENCE_BYTES_PER_PX, _FIXED_BYTES_PER_PX = 0.65, 0.51, 0.77
# Header, palette and name of a picture of a date, before base64, as measured on pictures of 1 to 60 pixels a side.
_PICTURE_BYTES = 250
_BASE64 = 4 / 3
_MAX_SIDE_PX = 2400


@dataclass(frozen=True)
class Budget:
    """How many pixels of a grid become one of the page, per side, in pictures of every date and in the others."""

    dated: float
    fixed: float


def budget(stacks: Sequence[StackProducts], text_bytes: int = 0) -> Budget:
    """Choose how far rasters are thinned, so that even pictures of pure noise fit beside so much text.

    Where their headers and the text alone take all there is, every picture of a date becomes a pixel or two.
    """
    pictures = sum(1 + (pair.coherence is not None) for stack in stacks for pair in stack.pairs)
    dated_bytes = max(DATED_BYTES - pictures * _PICTURE_BYTES - text_bytes / _BASE64, pictures, 1)
    fixed = sum(_pixels(stack) * (1 + 2 * (stack.rate is not None)) * _FIXED_BYTES_PER_PX for stack in stacks)
    dated = sum(
        _pixels(stack) * (_PHASE_BYTES_PER_PX + _COHERENCE_BYTES_PER_PX * (pair.coherence is not None))
        for stack in stacks
        for pair in stack.pairs
    )
    least = max(1.0, *(max(stack.grid.shape) / _MAX_SIDE_PX for stack in stacks))
    return Budget(max(least, math.sqrt(dated / dated_bytes)), max(least, math.sqrt(fixed / FIXED_BYTES)))


def _pixels(stack: StackProducts) -> int:
    """Pixels of a stack's grid."""
    return stack.grid.width * stack.grid.height


def stack_layers(
    area: Area, plane: Plane, rate_threshold_mm_yr: float, text_bytes: int
) -> tuple[list[Layer], list[dict[str, Any]]]:
    """Draw every layer of every stack.

    Parameters
    ----------
    text_bytes
        What the page holds beside them.

    Returns
    -------
    layers, stacks
        The kinds of picture that occur; per stack its name, its bounds in the plane (west, south, east, north), `fixed`
        pictures by kind, and `dated` ones by kind as a list over the area's pairs, None where the stack lacks one.
    """
    thin = budget(area.stacks, text_bytes)
    rates = {stack.name: _rates(stack, plane, thin.fixed) for stack in area.stacks if stack.rate is not None}
    days = {stack.name: _days(stack, plane, thin.fixed) for stack in area.stacks}
    limit = _rate_limit(list(rates.values()), rate_threshold_mm_yr)
    longest = max([1.0, *(float(np.nanmax(np.where(seen, shown, 0))) for shown, seen in days.values())])
    kinds = _kinds(area, limit, longest)
    drawn = []
    for stack in area.stacks:
        fixed = {"activity": kinds["activity"].uri(images.activity_codes(*days[stack.name], longest))}
        if stack.name in rates:
            fixed["rate"] = kinds["rate"].uri(images.rate_codes(*rates[stack.name], limit))
        if stack.statistic is not None:
            classes = plane.read(stack.statistic, "class", stack.grid, thin.fixed)
            fixed["hotspots"] = kinds["hotspots"].uri(images.hotspot_codes(classes))
        dated = _dated(stack, area.pairs, plane, kinds, thin.dated)
        place = [round(edge, 2) for edge in plane.bounds(stack.grid)]
        drawn.append({"name": stack.name, "bounds": place, "fixed": fixed, "dated": dated})
    return list(kinds.values()), drawn


def _kinds(area: Area, limit: float, longest: float) -> dict[str, Layer]:
    """Layers that occur in an area, in the order a page offers them."""
    pairs = [pair for stack in area.stacks for pair in stack.pairs]
    lengths = {pair.meta.get("wavelength_m") for pair in pairs}
    offered = {
        "phase": (images.phase_layer(lengths.pop() if len(lengths) == 1 else None), bool(pairs)),
        "coherence": (images.coherence_layer(), any(pair.coherence is not None for pair in pairs)),
        "rate": (images.rate_layer(limit), any(stack.rate is not None for stack in area.stacks)),
        "hotspots": (images.hotspot_layer(), any(stack.statistic is not None for stack in area.stacks)),
        "activity": (images.activity_layer(longest), True),
    }
    return {key: layer for key, (layer, occurs) in offered.items() if occurs}


def _dated(
    stack: StackProducts, names: Sequence[str], plane: Plane, kinds: dict[str, Layer], thin: float
) -> dict[str, list[str | None]]:
    """Pictures of every pair: phase, and coherence where there is any."""
    known = {pair.name: pair for pair in stack.pairs}
    pairs = [known.get(name) for name in names]
    draw = {"phase": _phase, "coherence": _coherence}
    return {
        key: [draw[key](pair, stack, plane, kinds[key], thin) for pair in pairs]
        for key in draw
        if key in kinds and any(pairs)
    }


def _phase(pair: PairProducts | None, stack: StackProducts, plane: Plane, layer: Layer, thin: float) -> str | None:
    """Draw one interferogram, None where the stack has none."""
    if pair is None:
        return None
    return layer.uri(images.phase_codes(plane.read(pair.phase, "wrapped_phase", stack.grid, thin)))


def _coherence(pair: PairProducts | None, stack: StackProducts, plane: Plane, layer: Layer, thin: float) -> str | None:
    """Draw the coherence of one pair, None where the stack has none."""
    if pair is None or pair.coherence is None:
        return None
    stored = plane.read(pair.coherence, "coherence", stack.grid, thin)
    return layer.uri(images.coherence_codes(decode_share(stored.astype(np.uint8))))


def _rates(stack: StackProducts, plane: Plane, thin: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Rates in mm/yr and where they count as measured."""
    if stack.rate is None:
        raise ValueError(f"stack {stack.name} has no rate map")
    values = plane.read(stack.rate, "rate_mm_yr", stack.grid, thin)
    if stack.quality is None:
        return values, np.isfinite(values)
    return values, plane.read(stack.quality, "measured", stack.grid, thin) > 0


def _days(stack: StackProducts, plane: Plane, thin: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Days with a detection and where any pair could have had one."""
    observed = plane.read(stack.activity, "observed_days", stack.grid, thin)
    return plane.read(stack.activity, "active_days", stack.grid, thin), observed > 0


def _rate_limit(rates: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]], threshold: float) -> float:
    """End of a symmetric colour scale that few pixels exceed, as a round number of mm/yr."""
    known = [np.abs(values[measured & np.isfinite(values)]) for values, measured in rates]
    found = np.concatenate(known) if known else np.empty(0)
    wanted = max(2 * threshold, float(np.percentile(found, 99.5)) if found.size else 0.0)
    step = 10 ** math.floor(math.log10(wanted))
    return next(factor * step for factor in (1, 1.5, 2, 3, 5, 7.5, 10) if factor * step >= wanted)

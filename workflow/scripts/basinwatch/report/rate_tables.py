"""Tables of what lies behind and follows from a rate map: corrections, scores, development of hot spots, motion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from basinwatch.rasters import read_bands
from basinwatch.report.products import Area, EmergingProducts, FusedMotion, StackProducts
from basinwatch.report.tables import NONE, Column, Table, area_column, count, frame_table, number, words
from basinwatch.vectors import Footprint, footprints

_LISTED = 4
_SCORES = ("precision", "recall", "iou", "kappa")
_AGAINST = {
    "pixels": "pixels in clusters of subsidence",
    "subsiding": "pixels that subside",
    "moving": "pixels that move",
    "cold_90": "cold spots, 90 %",
    "cold_95": "cold spots, 95 %",
    "cold_99": "cold spots, 99 %",
}


def network_sentence(stack: StackProducts) -> str:
    """Say how well the pairs of a stack hang together."""
    facts = stack.network
    subsets = facts.get("subsets", 1)
    joined = "all connected" if subsets == 1 else f"in {subsets} subsets that no pair connects"
    remarks = " ".join(f"{remark[0].upper()}{remark[1:]}" for remark in facts.get("remarks", []))
    return (
        f"Stack {stack.name}: {count(facts['pairs'], 'pair')} of {count(facts['scenes'], 'scene')}, {joined}, with "
        f"{count(facts.get('triplets', 0), 'loop')} of three pairs. {remarks}"
    ).strip()


def corrections_table(stack: StackProducts, settings: Mapping[str, Any]) -> Table:
    """Tell step by step what was corrected before and after the inversion.

    Parameters
    ----------
    settings
        Section ``sbas`` of the configuration.
    """
    headings, kinds = ("step", "what was done"), ("text", "text")
    return Table(f"Corrections of stack {stack.name}", headings, kinds, tuple(_steps(stack, settings)))


def _steps(stack: StackProducts, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the steps in their order with what they did."""
    facts, found = stack.network, stack.corrections
    yield "reference", f"{facts.get('reference_px', 0):,} pixels of stable ground are zero by definition"
    yield "pairs left out", _listed(found.get("pairs_left_out", []), "pair") or "none"
    yield "dates without any pair", _listed(found.get("dates_without_pair", []), "date") or "none"
    yield "loops of three pairs", _loops(found.get("closure", {}))
    yield "whole cycles", _repairs(facts, settings.get("closure", {}).get("repair", False))
    yield "delay of the air", _delay(found.get("delay"))
    yield "ramp", "a surface is taken from every date" if found.get("ramp") else "none"
    height = found.get("height_error", NONE)
    yield "error of the elevation model", height if height == "removed" else f"not estimated: {height}"
    yield "principal components", _components(found.get("principal", []))
    yield "pairs read", _reading(facts.get("update", {}))


def _reading(update: Mapping[str, Any]) -> str:
    """Say whether all pairs were read, or those of new scenes only and since when the reference stands."""
    if update.get("mode") != "appended":
        return "all"
    new = f"{count(update['pairs'], 'pair')} of {count(update['dates'], 'new date')}"
    return f"{new}; the reference stands since {update['reference_since']}"


def _listed(names: Sequence[str], noun: str) -> str:
    """Count names and list the first few."""
    if not names:
        return ""
    rest = len(names) - _LISTED
    return f"{count(len(names), noun)}: {', '.join(names[:_LISTED])}" + (f" and {rest} more" if rest > 0 else "")


def _loops(closure: Mapping[str, Any]) -> str:
    """Say how well loops close."""
    if not closure.get("loops"):
        return "none, so nothing checks the unwrapping"
    rms = list(closure.get("pair_rms_rad", {}).values())
    worst = f"; the worst pair misses by {max(rms):.2f} rad (root mean square)" if rms else ""
    bad = _listed(closure.get("bad_pairs", []), "bad pair")
    return f"{closure['loops']} on stable ground{worst}; {bad or 'no bad pair'}"


def _repairs(facts: Mapping[str, Any], is_on: bool) -> str:
    """Say how many observations were put on another cycle."""
    if not is_on:
        return "repair is switched off"
    observations, pixels = facts.get("repaired_observations", 0), facts.get("repaired_px", 0)
    return f"{count(observations, 'observation')} of {count(pixels, 'pixel')} repaired" if pixels else "none to repair"


def _delay(table: Sequence[Mapping[str, Any]] | None) -> str:
    """Say from how many dates a delay was taken, and why not from the others."""
    if table is None:
        return "no delays are used"
    used = sum(row["applied"] for row in table)
    without = sum(row["before_mm"] is None for row in table)
    worse = len(table) - used - without
    rest = [f"{count(without, 'date')} without a usable map"] if without else []
    rest += [f"{count(worse, 'date')} that it would not calm"] if worse else []
    return f"taken from {used} of {count(len(table), 'date')}" + (f"; not from {' and '.join(rest)}" if rest else "")


def _components(modes: Sequence[Mapping[str, Any]]) -> str:
    """Say how much principal components took out."""
    if not modes:
        return "none"
    shares = ", ".join(f"{mode['share']:.0%}" for mode in modes)
    return f"{count(len(modes), 'component')} taken out, {shares} of the residual variance of stable ground"


def scores_table(stack: StackProducts) -> Table:
    """Scores of the detections, pixel by pixel, against everything the rate map may mean by subsidence."""
    scores = {"pixels": stack.summary.get("pixels", {})} | dict(stack.summary.get("classes", {}))
    rows = [
        (_AGAINST.get(name, words(name)), *(number(2)(found.get(score)) for score in _SCORES))
        for name, found in scores.items()
    ]
    headings = ("detections against", "precision", "recall", "intersection over union", "kappa")
    return Table(f"Scores of stack {stack.name} on measured ground", headings, ("text", *["number"] * 4), tuple(rows))


def pattern_table(name: str, emerging: EmergingProducts) -> Table:
    """Areas of a stack by the development of their hot spots, largest first."""
    area, area_in = area_column(emerging.areas)
    columns = (
        Column("zone", "area", "text", words),
        Column("pattern", "pattern", "text", words),
        Column("kind", "kind", "text", words),
        area_in,
        Column("mean_tau", "trend of z (Kendall's tau)", "number", number(2)),
    )
    return frame_table(f"Development of the hot spots of stack {name}", emerging.areas.assign(area=area), columns)


def motion_table(area: Area, fused: FusedMotion) -> Table:
    """Motion of every basin from both directions of flight, in the order of the basins."""
    east, up = read_bands(fused.motion, "east_mm_yr", "up_mm_yr")
    slope = None if fused.slope is None else read_bands(fused.slope, "downslope_mm_yr")[0]
    rows = pd.DataFrame([
        {"basin": name} | _motion_of(place, east, up, slope)
        for name, place in zip(area.basins["basin"], _places(area, fused), strict=True)
    ])  # fmt: skip
    columns = (
        Column("basin", "basin", "text", words),
        Column("measured", "seen by both directions", "number", number(0, 100, " %")),
        Column("up", "mean motion up (mm/yr)", "number", number(1)),
        Column("deepest", "strongest subsidence (mm/yr)", "number", number(1)),
        Column("west", "fastest to the west (mm/yr)", "number", number(1)),
        Column("east", "fastest to the east (mm/yr)", "number", number(1)),
        Column("downslope", "mean down the slope (mm/yr)", "number", number(1)),
    )
    return frame_table("Motion of the basins", rows, columns)


def _places(area: Area, fused: FusedMotion) -> list[Footprint]:
    """Pixels of the basins on the grid of the fusion."""
    return footprints(area.basins.to_crs(fused.grid.crs_wkt).geometry, fused.grid)


def _motion_of(
    place: Footprint, east: NDArray[Any], up: NDArray[Any], slope: NDArray[Any] | None
) -> dict[str, float | None]:
    """Numbers of one basin; None where nothing is measured."""
    across, along = place.of(east), place.of(up)
    known = np.isfinite(along)
    found: dict[str, float | None] = {"measured": float(known.mean()) if known.size else 0.0}
    if known.any():
        found |= {
            "up": float(along[known].mean(dtype=np.float64)),
            "deepest": float(along[known].min()),
            "west": abs(min(float(across[known].min()), 0.0)),
            "east": max(float(across[known].max()), 0.0),
        }
    if slope is not None:
        downhill = place.of(slope)
        downhill = downhill[np.isfinite(downhill)]
        found["downslope"] = float(downhill.mean(dtype=np.float64)) if downhill.size else None
    return found

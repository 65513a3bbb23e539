"""Response to coherence: one fixed field of moving basins seen in twelve-day pairs through the seasons."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from basinwatch.datasets.tiles import Label, LabelledTile
from basinwatch.evaluation.scores import compare, match
from basinwatch.experiments.controlled import (
    FIRST_TILE,
    LEVEL_BLOCK,
    PLACE_BLOCK,
    SLANTED_DEG,
    Record,
    Setup,
    bare_settings,
    los_share,
    observed,
)
from basinwatch.experiments.design import CLASSES, DETECTORS, MIN_IOU, PAIR_DAYS, PAIRS, READINGS, Reading, log_spaced
from basinwatch.experiments.floor import masks
from basinwatch.experiments.reference import Template, unit_phasors
from basinwatch.experiments.search import Search
from basinwatch.inference.instances import Instances
from basinwatch.simulation import coherence
from basinwatch.simulation.atmosphere import seasonal_strength
from basinwatch.simulation.drawing import Component, draw
from basinwatch.simulation.geometry import PHASE_PER_MM
from basinwatch.simulation.randomness import generator
from basinwatch.simulation.rendering import Ground, move_ground, render, true_coherence

logger = logging.getLogger(__name__)

COLUMNS = (
    "reading", "pair", "day_of_year", "delay_mm", "coherence_true", "coherence_sample", "coherence_filtered",
    *(f"{kind}_{part}" for kind in CLASSES for part in ("basins", *DETECTORS)),
    "delineated", "false_basins",
)  # fmt: skip
STRONG_MM = 30.0
_FIELD_NUMBER = FIRST_TILE - 1
_PEAKS_MM = (8.0, 150.0)
# No face leaves its cell within the series.
_CELL_PX, _ADVANCE_PX_PER_DAY = 128, (1 / 60, 1 / 20)
# Deep enough for bowls of several pixels, run far enough for an increment that no longer changes.
_BASINS = {
    "gaussian_share": 0.0, "depth_m": (400.0, 800.0), "tan_influence_angle": (1.6, 2.2), "run_m": (600.0, 900.0),
    "rate_per_day": (0.02, 0.1),
}  # fmt: skip
_FIRST_DAY = 9.0
_DELAY_MM, _DELAY_SPREAD = 2.2, 0.55
_LEVEL_SPREAD, _LOWEST_LEVEL = 0.05, 0.03
# The filter as interferograms commonly pass it before anyone looks at them.
_ALPHA, _WINDOW_PX = 0.6, 32


def measure(
    field: Sequence[Record], reading: Reading, pairs: Sequence[int], setup: Setup, search: Search
) -> Iterator[dict[str, Any]]:
    """Simulate, search and score pair by pair.

    Parameters
    ----------
    field
        Basins from :func:`moving_field`.
    reading
        Whether the seasonal coherence (0.9 in January, 0.6 in July) is true or what filtered phase reads.
    pairs
        Numbers of the twelve-day pairs.
    setup
        Its `tile_px` is the side of the scene.
    search
        Model under test.

    Yields
    ------
    Rows with :data:`COLUMNS`: mean true coherence of the scene, its mean estimate from unfiltered samples and its mean
    reading from filtered phase; per class of basins their number and how many either detector found.
    """
    for done, number in enumerate(pairs, start=1):
        record = pair_record(field, reading, number, setup)
        tile, ground = render(record), move_ground(record)
        yield (
            {"reading": reading, "pair": number}
            | _conditions(record, tile, ground)
            | _scores(search(tile), _reference(record, tile, ground), ground)
        )
        logger.info("%d of %d pairs", done, len(pairs))


def moving_field(count: int, setup: Setup) -> list[Record]:
    """Draw faces at work, one per cell of a lattice, at the middle of the series.

    Line-of-sight peaks are log-spaced from 8 to 150 mm in twelve days and dealt at random.
    """
    advance = tuple(pixels * setup.pixel_m for pixels in _ADVANCE_PX_PER_DAY)
    ranges = _BASINS | {"counts": (*[0.0] * count, 1.0), "advance_m_per_day": advance}
    basins: list[Record] = draw(bare_settings(setup, SLANTED_DEG, ranges), _FIELD_NUMBER)["basins"]
    rng = generator(setup.seed, _FIELD_NUMBER, Component.DEFORMATION, PLACE_BLOCK)
    peaks = rng.permutation(log_spaced(*_PEAKS_MM, count))
    columns = setup.tile_px // _CELL_PX
    rows = -(-count // columns)
    for place, (basin, peak_mm) in enumerate(zip(basins, peaks, strict=True)):
        basin["row"] = (place // columns + 0.5) * setup.tile_px / rows
        basin["column"] = (place % columns + 0.5) * setup.tile_px / columns
        basin["peak_mm"] = float(peak_mm) / los_share(basin, setup, SLANTED_DEG)
    return basins


def pair_record(field: Sequence[Record], reading: Reading, number: int, setup: Setup) -> Record:
    """Record of one pair: the field where its faces are by then, coherence and turbulence of the season."""
    counted = FIRST_TILE + READINGS.index(reading) * PAIRS + number
    record = draw(bare_settings(setup, SLANTED_DEG, {"counts": (1.0,)}), counted)
    day = (_FIRST_DAY + PAIR_DAYS * number) % 365.25
    rng = generator(setup.seed, counted, Component.COHERENCE, LEVEL_BLOCK)
    level = coherence.seasonal(day)
    if reading == "filtered":
        level = coherence.true_from_reading(level, setup.looks)
    level = float(np.clip(level + rng.normal(0, _LEVEL_SPREAD), _LOWEST_LEVEL, coherence.CEILING))
    delay = _DELAY_MM * math.exp(rng.normal(0, _DELAY_SPREAD)) * seasonal_strength(day)
    moved = [advanced(basin, PAIR_DAYS * (number - PAIRS / 2), setup) for basin in field]
    filtered = record["noise"] | {"alpha": _ALPHA, "window": _WINDOW_PX}
    return observed(record, level, delay) | {"basins": moved, "day_of_year": day, "noise": filtered}


def advanced(basin: Record, days: float, setup: Setup) -> Record:
    """Move the face, and the basin with it, by some days of its advance; the increment itself stays the same."""
    way, direction = days * basin["advance_m_per_day"], math.radians(basin["direction_deg"])
    return basin | {
        "row": basin["row"] - way * math.cos(direction) / setup.pixel_m,
        "column": basin["column"] + way * math.sin(direction) / setup.pixel_m,
    }


def scene(setup: Setup, side_px: int) -> Setup:
    """Return the same observation of a scene of another size."""
    return replace(setup, tile_px=side_px)


def _conditions(record: Record, tile: LabelledTile, ground: Ground) -> dict[str, Any]:
    """Season, turbulence and the three coherences."""
    if tile.coherence is None:
        raise ValueError("the pair was rendered without coherence")
    filtered = coherence.phasor_coherence(unit_phasors(tile.phase))
    delay = record["atmosphere"]["delay_mm"] / math.cos(math.radians(record["incidence_deg"]))
    return {
        "day_of_year": round(record["day_of_year"], 2),
        "delay_mm": round(delay, 3),
        "coherence_true": round(float(true_coherence(record, ground).mean()), 4),
        "coherence_sample": round(float(tile.coherence.mean()), 4),
        "coherence_filtered": round(float(filtered.mean()), 4),
    }


def _reference(record: Record, tile: LabelledTile, ground: Ground) -> list[bool]:
    """Which basins the reference detector finds; chance is judged by the same pair without basins."""
    phasors, empty = unit_phasors(tile.phase), unit_phasors(render(record | {"basins": []}).phase)
    rng = generator(record["seed"], record["tile_id"], Component.DEFORMATION, PLACE_BLOCK)
    return [Template(patch).found(phasors, empty, rng) for patch in ground.patches]


def _scores(found: Instances, reference: Sequence[bool], ground: Ground) -> dict[str, Any]:
    """Count basins and hits by class."""
    truth = masks(ground.patches, found.labels.shape)
    compared = compare(found, [Label(mask) for mask in truth])
    hit, _ = match(compared, None)
    strong = np.array([patch.phase.max() / PHASE_PER_MM >= STRONG_MM for patch in ground.patches])
    members = {"all": np.ones(len(strong), bool), "strong": strong, "weak": ~strong}
    hits = {"model": compared.centre_inside.any(axis=0), "reference": np.array(reference, bool)}
    counts = {f"{kind}_basins": int(chosen.sum()) for kind, chosen in members.items()}
    for name, seen in hits.items():
        counts |= {f"{kind}_{name}": int((chosen & seen).sum()) for kind, chosen in members.items()}
    overlapping = compared.iou.max(axis=0, initial=0.0) >= MIN_IOU
    return counts | {"delineated": int(overlapping.sum()), "false_basins": int((~hit).sum())}

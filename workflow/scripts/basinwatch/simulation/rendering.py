"""Render one drawn record to a labelled tile: phase, the coherence a user would have, and labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from basinwatch.datasets.tiles import Label, LabelledTile
from basinwatch.goldstein import filter_goldstein
from basinwatch.phase import wrap
from basinwatch.simulation import atmosphere, coherence, confounders, gacos_pairs, labels, speckle
from basinwatch.simulation.deformation import Patch, basin_patch
from basinwatch.simulation.drawing import Component
from basinwatch.simulation.geometry import Spacing, height_phase, line_of_sight
from basinwatch.simulation.randomness import generator
from basinwatch.simulation.settings import Labels
from basinwatch.simulation.sources import NO_SOURCES, Sources

Phase = NDArray[np.float32]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Ground:
    """What is the same however the noise falls: basins, all movement (radians, (y, x)), pixels without data."""

    patches: list[Patch]
    sinking: Phase
    moved: Phase
    missing: NDArray[np.bool_]


def render(record: Record, sources: Sources = NO_SOURCES) -> LabelledTile:
    """Render a drawn record; pure given the record and the sources it was drawn with."""
    ground = move_ground(record)
    total = ground.moved + atmosphere_phase(record, sources)
    truth = true_coherence(record, ground)
    if "uniform_rad" in record["noise"]:
        phase, estimate = _uniform_noise(record, total), None
    else:
        phase, estimate = _observe(record, total, truth, ground.missing)
    phase *= np.float32(record["phase_sign"])
    phase[ground.missing] = np.nan
    if estimate is not None:
        estimate[ground.missing] = np.nan
    number = record["tile_id"]
    found, area = find_labels(record, ground, truth), math.prod(record["spacing_m"])
    return LabelledTile(number, phase, estimate, found, f"simulated-{number}", area)


def move_ground(record: Record) -> Ground:
    """Line-of-sight phase of all basins and look-alikes."""
    shape, spacing = shape_of(record), Spacing(*record["spacing_m"])
    line = line_of_sight(record["incidence_deg"], record["heading_deg"], record["looking"])
    patches = [
        basin_patch(basin, shape, spacing, record["days"], line, field_rng(record, Component.DEFORMATION, block))
        for block, basin in enumerate(record["basins"], start=1)
    ]
    sinking = np.zeros(shape, np.float32)
    for patch in patches:
        patch.add_to(sinking)
    moved = sinking + confounders.phase(record["confounders"], shape, spacing, height_sensitivity(record))
    return Ground(patches, sinking, moved, confounders.gaps(record["confounders"], shape, spacing))


def shape_of(record: Record) -> tuple[int, int]:
    """Rows and columns of a tile."""
    return record["size_px"], record["size_px"]


def field_rng(record: Record, component: Component, block: int = 1) -> Generator:
    """Random numbers of one random field of a tile."""
    return generator(record["seed"], record["tile_id"], component, block)


def height_sensitivity(record: Record) -> float:
    """Phase in radians that a metre of height error leaves."""
    baseline = record["baseline_m"]
    return height_phase(1.0, baseline, record["incidence_deg"]) if record["incidence_deg"] > 0 else 0.0


def delay_rad(record: Record) -> float:
    """√D(10 km) of the line-of-sight delay in radians."""
    return float(atmosphere.delay_phase(record["atmosphere"]["delay_mm"], record["incidence_deg"]))


def atmosphere_phase(record: Record, sources: Sources = NO_SOURCES) -> Phase:
    """Delay, ramp, constant offset and residual topography, in radians."""
    air, spacing, shape = record["atmosphere"], Spacing(*record["spacing_m"]), shape_of(record)
    total = _air(record, sources)
    total += atmosphere.ramp(shape, spacing, air["ramp_rad_per_25km"]) + np.float32(record["offset_rad"])
    if air["height_error_m"]:
        rng = field_rng(record, Component.TERRAIN)
        error = np.float32(air["height_error_m"] * height_sensitivity(record))
        total += error * atmosphere.smooth_field(rng, shape, air["height_error_correlation_m"], spacing)
    if air["stratified_mm_per_km"]:
        total += layered_delay_phase(record, sources)
    return total


def layered_delay_phase(record: Record, sources: Sources) -> Phase:
    """Delay that follows the terrain along the line of sight, in radians."""
    air = record["atmosphere"]
    layers = atmosphere.power_law_delay if air["stratified_law"] == "power" else atmosphere.layered_delay
    zenith_mm = layers(_terrain_heights(record, sources), air["stratified_mm_per_km"])
    phase: Phase = atmosphere.delay_phase(zenith_mm, record["incidence_deg"])
    return phase


def _air(record: Record, sources: Sources) -> Phase:
    """Delay along the line of sight in radians, from random fields or real maps."""
    shape, spacing, rng = shape_of(record), Spacing(*record["spacing_m"]), field_rng(record, Component.TURBULENCE)
    if record["atmosphere"]["gacos"] is None:
        return atmosphere.turbulence(rng, shape, spacing, delay_rad(record))
    fine = atmosphere.fine_turbulence(rng, shape, spacing, delay_rad(record))
    return fine + mapped_delay_phase(record, sources)


def mapped_delay_phase(record: Record, sources: Sources) -> Phase:
    """Delay of the drawn pair of real maps along the line of sight, in radians."""
    shape, spacing = shape_of(record), Spacing(*record["spacing_m"])
    zenith_m = gacos_pairs.render(record["atmosphere"]["gacos"], sources.delays, shape, spacing)
    phase: Phase = atmosphere.delay_phase(1000 * zenith_m, record["incidence_deg"])
    return phase


def _terrain_heights(record: Record, sources: Sources) -> Phase:
    """Heights in metres, real or fractal."""
    air, spacing, shape = record["atmosphere"], Spacing(*record["spacing_m"]), shape_of(record)
    if air["terrain"] is None:
        rng = field_rng(record, Component.TERRAIN, 2)
        return atmosphere.terrain(rng, shape, spacing, air["relief_m"] / 2)
    if sources.terrain is None:
        raise ValueError("the record was drawn with an elevation model; render it with the same sources")
    return sources.terrain.crop(shape, spacing, *air["terrain"])


def true_coherence(record: Record, ground: Ground) -> Phase:
    """Background with land cover and water, reduced where the ground moves; full under uniform noise."""
    if "uniform_rad" in record["noise"]:
        return np.ones(shape_of(record), np.float32)
    drawn, spacing, shape = record["coherence"], Spacing(*record["spacing_m"]), shape_of(record)
    rngs = [field_rng(record, Component.COHERENCE, block) for block in range(1, 5)]
    level = coherence.background(rngs[0], shape, drawn["mean"], drawn["spread"], drawn["correlation_m"], spacing)
    if drawn["cover_share"]:
        cover = coherence.patches(rngs[1], shape, drawn["cover_share"], drawn["cover_correlation_m"], spacing)
        level[cover] *= np.float32(drawn["cover_factor"])
    level *= coherence.gradient_loss(ground.moved)
    if record["basins"]:
        level *= coherence.disturbance(rngs[2], ground.sinking, drawn["disturbance"], drawn["patchiness_m"], spacing)
    if drawn["water_share"]:
        water = coherence.patches(rngs[3], shape, drawn["water_share"], drawn["water_correlation_m"], spacing)
        level[water] = coherence.WATER
    return np.clip(level, coherence.FLOOR, coherence.CEILING)


def find_labels(record: Record, ground: Ground, truth: Phase) -> list[Label]:
    """Label every basin that counts."""
    rule = Labels(**record["labels"])
    seen = np.where(ground.missing, np.float32(0), truth)
    conditions = labels.Conditions(
        seen, partial(phase_noise_rad, record), Spacing(*record["spacing_m"]), delay_rad(record)
    )
    found = [labels.label_of(basin, conditions, rule) for basin in labels.merge_touching(ground.patches)]
    return [label for label in found if label is not None]


def phase_noise_rad(record: Record, level: float) -> float:
    """Return the standard deviation of the phase at a true coherence."""
    if "uniform_rad" in record["noise"]:
        return float(record["noise"]["uniform_rad"] / math.sqrt(3))
    bounded = min(max(level, coherence.FLOOR), coherence.CEILING)
    return speckle.phase_noise_rad(bounded, record["noise"]["looks"])


def _observe(record: Record, total: Phase, truth: Phase, missing: NDArray[np.bool_]) -> tuple[Phase, Phase | None]:
    """Speckle, resampling texture, filter; phase and the coherence a processor would deliver."""
    noise, kind, rng = record["noise"], record["coherence"]["estimate"], field_rng(record, Component.SPECKLE)
    estimate = None
    if kind == "sample":
        signal, sample = speckle.multilook(rng, total, truth, noise["looks"])
        estimate = coherence.smoothed(sample)
    else:
        signal = speckle.multilook_interferogram(rng, total, truth, noise["looks"])
    if noise["texture_px"]:
        signal = speckle.smooth_along(signal, noise["texture_axis"], noise["texture_px"])
    signal[missing] = 0
    if noise["alpha"]:
        signal = filter_goldstein(signal, noise["alpha"], noise["window"])
    if kind == "phasor":
        estimate = coherence.phasor_coherence(signal)
    return np.angle(signal), estimate


def _uniform_noise(record: Record, total: Phase) -> Phase:
    """Add uniform noise to the phase and wrap it."""
    halfwidth = record["noise"]["uniform_rad"]
    noise = field_rng(record, Component.SPECKLE).uniform(-halfwidth, halfwidth, total.shape).astype(np.float32)
    return wrap(total + noise).astype(np.float32)

"""One simulated tile: draw its parameters, then render them.

Randomness is counter-based, keyed by seed, tile number and component: any tile can be made alone, in
any order, and a change of one component leaves the numbers of all others untouched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from basinwatch.datasets import LabelledTile
from basinwatch.goldstein import filter_goldstein
from basinwatch.phase import wrap
from basinwatch.simulation import atmosphere, coherence, confounders, labels, speckle
from basinwatch.simulation.deformation import Patch, basin_patch
from basinwatch.simulation.geometry import PHASE_PER_MM, height_phase, line_of_sight
from basinwatch.simulation.settings import Range, Settings

__all__ = ["Component", "Settings", "draw", "generator", "render"]

Phase = NDArray[np.float32]
_STRONG_DELAY = 3.5


class Component(IntEnum):
    """Independent sources of randomness of a tile."""

    SCENE = 0
    DEFORMATION = 1
    TURBULENCE = 2
    TERRAIN = 3
    COHERENCE = 4
    SPECKLE = 5
    CONFOUNDERS = 6


def generator(seed: int, number: int, component: int, block: int = 0) -> Generator:
    """Random numbers of one component of one tile; `block` separates draws of parameters from fields."""
    return Generator(Philox(key=np.array([seed, number], np.uint64), counter=[0, 0, block, component]))


def _uniform(rng: Generator, limits: Range) -> float:
    return float(rng.uniform(*limits))


def _log_uniform(rng: Generator, limits: Range) -> float:
    return math.exp(rng.uniform(math.log(limits[0]), math.log(limits[1])))


def draw(settings: Settings, sample_id: int) -> dict[str, Any]:
    """Draw the parameters of one tile; plain JSON types, everything :func:`render` needs."""
    rngs = {c: generator(settings.seed, sample_id, c) for c in Component}
    record: dict[str, Any] = {"seed": settings.seed, "tile_id": sample_id, "recipe": settings.recipe}
    record |= {"size_px": settings.tile_size_px} | _draw_scene(settings, rngs[Component.SCENE])
    paper = settings.recipe == "paper"
    share = 0.0 if paper else (0.6 if record["hard_empty"] else settings.confounder_share)
    record |= {
        "basins": _draw_basins(settings, rngs[Component.DEFORMATION], record),
        "atmosphere": _draw_atmosphere(settings, rngs[Component.TURBULENCE], record["day_of_year"]),
        "coherence": _draw_coherence(settings, rngs[Component.COHERENCE], record["day_of_year"]),
        "noise": _draw_noise(settings, rngs[Component.SPECKLE]),
        "confounders": confounders.draw(
            rngs[Component.CONFOUNDERS], settings.tile_size_px, share, record["incidence_deg"]
        ),
        "limits": asdict(
            labels.Limits(
                settings.positive_mm,
                settings.ignore_mm,
                settings.positive_detectability,
                settings.ignore_detectability,
            )
        ),
    }
    return record


def _draw_scene(settings: Settings, rng: Generator) -> dict[str, Any]:
    """Geometry, season, interval, number of basins."""
    weights = np.asarray(settings.basin_counts)
    count = int(rng.choice(len(weights), p=weights / weights.sum()))
    hard_empty = bool(rng.random() < settings.hard_empty_share)
    return {
        "spacing_m": _log_uniform(rng, settings.pixel_size_m),
        "incidence_deg": _uniform(rng, settings.incidence_deg),
        "heading_deg": float(rng.choice(settings.heading_deg) + rng.uniform(-2, 2)),
        "day_of_year": float(rng.uniform(0, 365)),
        "days": int(rng.choice([6, 12, 24], p=[0.1, 0.8, 0.1])),
        "offset_rad": float(rng.uniform(-math.pi, math.pi)),
        "hard_empty": hard_empty,
        "basin_count": 0 if hard_empty else count,
    }


def _draw_basins(settings: Settings, rng: Generator, scene: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw basins anywhere in the tile, some beside another at pillar distance."""
    basins: list[dict[str, Any]] = []
    size = settings.tile_size_px
    while len(basins) < scene["basin_count"]:
        basin = _draw_basin(settings, rng)
        neighbour = bool(basins) and rng.random() < settings.neighbour_share
        place = rng.uniform(-0.03, 1.03, 2) * size
        if neighbour:
            basin |= _beside(basins[-1], basin, rng, scene["spacing_m"])
        else:
            basin |= {"row": float(place[0]), "column": float(place[1])}
        basins.append(basin)
    return basins


def _draw_basin(settings: Settings, rng: Generator) -> dict[str, Any]:
    """Draw one basin, everything but its place. Draws are the same whatever the kind."""
    depth = _log_uniform(rng, settings.depth_m)
    radius = depth / _uniform(rng, settings.tan_influence_angle)
    gaussian = rng.random() < settings.gaussian_share or settings.recipe == "paper"
    ratio = 1.0 if settings.recipe == "paper" else math.sqrt(rng.uniform(1, 2.2))
    width, run = _uniform(rng, settings.panel_width_m), _log_uniform(rng, settings.run_m)
    basin = {
        "kind": "gaussian" if gaussian else "face",
        "peak_mm": _log_uniform(rng, settings.peak_mm),
        "direction_deg": float(rng.uniform(0, 360)),
        "radius_m": radius,
        "horizontal": 0.0 if settings.recipe == "paper" else _uniform(rng, settings.horizontal),
        "irregularity": 0.0 if settings.recipe == "paper" else _uniform(rng, settings.irregularity),
        "warp": 0.0 if settings.recipe == "paper" else _uniform(rng, settings.warp),
        "sigma_along_m": radius * ratio / math.sqrt(2 * math.pi) * 1.5,
        "sigma_across_m": radius / ratio / math.sqrt(2 * math.pi) * 1.5,
        "half_width_m": max(width / 2 - rng.uniform(0, 0.12) * depth, 0.3 * width),
        "run_m": run,
        "advance_m_per_day": _log_uniform(rng, settings.advance_m_per_day),
        "rate_per_day": _log_uniform(rng, settings.rate_per_day),
        "dip_ratio": float(rng.uniform(0.75, 1.35)),
        "stopped": bool(rng.random() < 0.12),
    }
    unused = ("half_width_m", "run_m", "advance_m_per_day", "rate_per_day", "dip_ratio", "stopped")
    drop = unused if gaussian else ("sigma_along_m", "sigma_across_m")
    return {name: value for name, value in basin.items() if name not in drop}


def _beside(first: Mapping[str, Any], second: Mapping[str, Any], rng: Generator, spacing_m: float) -> dict[str, float]:
    """Place and peak of a neighbour across a pillar of 20 to 400 m, with the same direction of mining."""
    widths = sum(b.get("half_width_m", b.get("sigma_across_m", 0.0)) for b in (first, second))
    distance = (rng.uniform(20, 400) + widths) / spacing_m * rng.choice([-1.0, 1.0])
    along = rng.normal(0, 300) / spacing_m
    direction = math.radians(first["direction_deg"])
    return {
        "row": float(first["row"] + distance * math.sin(direction) - along * math.cos(direction)),
        "column": float(first["column"] + distance * math.cos(direction) + along * math.sin(direction)),
        "direction_deg": first["direction_deg"],
        "peak_mm": float(first["peak_mm"] * rng.uniform(0.2, 1)),
    }


def _draw_atmosphere(settings: Settings, rng: Generator, day_of_year: float) -> dict[str, Any]:
    """Strength of turbulence (zenith mm), stratified delay and ramp."""
    strength = math.exp(rng.normal(math.log(settings.delay_mm), settings.delay_spread))
    strength *= _STRONG_DELAY if rng.random() < settings.strong_delay_share else 1.0
    stratified = rng.normal(0, settings.stratified_mm_per_km)
    ramp = rng.normal(0, 2 * math.pi * settings.ramp_fringes, 2)
    relief = _log_uniform(rng, (60.0, 800.0))
    has_terrain = rng.random() < 0.5 and settings.recipe != "paper"
    return {
        "delay_mm": strength * atmosphere.seasonal_strength(day_of_year),
        "stratified_mm_per_km": float(stratified) if has_terrain else 0.0,
        "relief_m": relief,
        "height_error_m": float(rng.uniform(2, 8)),
        "height_error_correlation_m": _log_uniform(rng, (40.0, 200.0)),
        "baseline_m": float(rng.normal(0, 60)),
        "ramp_rad_per_25km": [float(v) for v in ramp],
    }


def _draw_coherence(settings: Settings, rng: Generator, day_of_year: float) -> dict[str, Any]:
    """Background, land cover and water, loss in moving ground, and which estimate the user has."""
    mean = coherence.seasonal(day_of_year) * _uniform(rng, settings.coherence_factor) + rng.normal(0, 0.05)
    cover, water = rng.random() < 0.5, rng.random() < 0.15
    estimate = rng.choice(["sample", "phasor"])
    unknown = rng.random() < settings.unknown_coherence_share
    return {
        "mean": float(np.clip(mean, 0.05, coherence.CEILING)),
        "spread": float(rng.uniform(0.03, 0.12)),
        "correlation_m": _log_uniform(rng, (200.0, 2500.0)),
        "cover_share": float(rng.uniform(0.05, 0.5)) * cover,
        "cover_factor": float(rng.uniform(0.2, 0.6)),
        "cover_correlation_m": _log_uniform(rng, (150.0, 1500.0)),
        "water_share": float(rng.uniform(0.03, 0.3)) * water,
        "water_correlation_m": _log_uniform(rng, (500.0, 2500.0)),
        "disturbance": _log_uniform(rng, settings.disturbance),
        "patchiness_m": _log_uniform(rng, (60.0, 300.0)),
        "estimate": None if unknown else str(estimate),
    }


def _draw_noise(settings: Settings, rng: Generator) -> dict[str, Any]:
    """Speckle and filter, or the paper's uniform noise."""
    uniform = float(rng.uniform(0.3, 2.0))
    textured, filtered = rng.random() < settings.texture_share, rng.random() < settings.goldstein_share
    noise = {
        "looks": _log_uniform(rng, settings.looks),
        "texture_px": float(rng.uniform(0.5, 1.2)) * textured,
        "texture_axis": int(rng.integers(2)),
        "alpha": _uniform(rng, settings.goldstein_alpha) * filtered,
        "window": int(rng.choice([32, 64])),
    }
    return {"uniform_rad": uniform} if settings.recipe == "paper" else noise


def render(record: Mapping[str, Any]) -> LabelledTile:
    """Render a drawn record to phase, estimated coherence and labels; pure given the record."""
    shape = (record["size_px"], record["size_px"])
    patches = _basin_patches(record, shape)
    sinking = np.zeros(shape, np.float32)
    for patch in patches:
        patch.add_to(sinking)
    moved = sinking + confounders.phase(record["confounders"], shape, record["spacing_m"])
    missing = confounders.gaps(record["confounders"], shape, record["spacing_m"])
    total = moved + _atmosphere_phase(record, shape)
    if record["recipe"] == "paper":
        noisy, truth, estimate, looks = _uniform_noise(record, total)
    else:
        truth, looks = _true_coherence(record, sinking, moved), record["noise"]["looks"]
        noisy, estimate = _observe(record, total, truth, missing)
    noisy[missing] = np.nan
    if estimate is not None:
        estimate[missing] = np.nan
    conditions = labels.Conditions(truth, looks, record["spacing_m"], _delay_rad(record))
    limits = labels.Limits(**record["limits"])
    found = [labels.label_of(p, conditions, limits) for p in labels.merge_touching(patches)]
    return LabelledTile(
        record["tile_id"], noisy, estimate, [x for x in found if x is not None], f"simulated-{record['tile_id']}"
    )


def _field_rng(record: Mapping[str, Any], component: Component, block: int = 1) -> Generator:
    return generator(record["seed"], record["tile_id"], component, block)


def _basin_patches(record: Mapping[str, Any], shape: tuple[int, int]) -> list[Patch]:
    """Line-of-sight phase of every basin on its own window."""
    line = line_of_sight(record["incidence_deg"], record["heading_deg"])
    return [
        basin_patch(
            basin, shape, record["spacing_m"], record["days"], line, _field_rng(record, Component.DEFORMATION, block)
        )
        for block, basin in enumerate(record["basins"], start=1)
    ]


def _delay_rad(record: Mapping[str, Any]) -> float:
    """√D(10 km) of the line-of-sight delay in radians."""
    slant = math.cos(math.radians(record["incidence_deg"]))
    return float(record["atmosphere"]["delay_mm"] * PHASE_PER_MM / slant)


def _atmosphere_phase(record: Mapping[str, Any], shape: tuple[int, int]) -> Phase:
    """Turbulence, ramp, constant offset, residual topography and delay that follows the terrain, in radians."""
    air, spacing = record["atmosphere"], record["spacing_m"]
    total = atmosphere.turbulence(_field_rng(record, Component.TURBULENCE), shape, spacing, _delay_rad(record))
    total += atmosphere.ramp(shape, spacing, air["ramp_rad_per_25km"]) + np.float32(record["offset_rad"])
    rng = _field_rng(record, Component.TERRAIN)
    if record["recipe"] != "paper":
        error = height_phase(air["height_error_m"], air["baseline_m"], record["incidence_deg"])
        total += np.float32(error) * atmosphere.smooth_field(rng, shape, air["height_error_correlation_m"] / spacing)
    if air["stratified_mm_per_km"]:
        slant = math.cos(math.radians(record["incidence_deg"]))
        heights = atmosphere.terrain(rng, shape, spacing, air["relief_m"] / 2)
        total += np.float32(PHASE_PER_MM * air["stratified_mm_per_km"] / 1000 / slant) * heights
    return total


def _true_coherence(record: Mapping[str, Any], sinking: Phase, moved: Phase) -> Phase:
    """Background with land cover and water, reduced where the ground moves."""
    drawn, spacing, shape = record["coherence"], record["spacing_m"], moved.shape
    rngs = [_field_rng(record, Component.COHERENCE, block) for block in range(1, 5)]
    ground = coherence.background(rngs[0], shape, drawn["mean"], drawn["spread"], drawn["correlation_m"] / spacing)
    if drawn["cover_share"]:
        cover = coherence.patches(rngs[1], shape, drawn["cover_share"], drawn["cover_correlation_m"] / spacing)
        ground[cover] *= np.float32(drawn["cover_factor"])
    ground *= coherence.gradient_loss(moved)
    if record["basins"]:
        ground *= coherence.disturbance(rngs[2], sinking, drawn["disturbance"], drawn["patchiness_m"] / spacing)
    if drawn["water_share"]:
        water = coherence.patches(rngs[3], shape, drawn["water_share"], drawn["water_correlation_m"] / spacing)
        ground[water] = coherence.WATER
    return np.clip(ground, coherence.FLOOR, coherence.CEILING)


def _observe(
    record: Mapping[str, Any], total: Phase, truth: Phase, missing: NDArray[np.bool_]
) -> tuple[Phase, Phase | None]:
    """Speckle, resampling texture, filter; phase and the coherence a processor would deliver."""
    noise, kind = record["noise"], record["coherence"]["estimate"]
    signal, sample = speckle.multilook(_field_rng(record, Component.SPECKLE), total, truth, noise["looks"])
    if noise["texture_px"]:
        signal = speckle.smooth_along(signal, noise["texture_axis"], noise["texture_px"])
    signal[missing] = 0
    if noise["alpha"]:
        signal = filter_goldstein(signal, noise["alpha"], noise["window"])
    if kind is None:
        return np.angle(signal), None
    return np.angle(signal), coherence.smoothed(sample) if kind == "sample" else coherence.phasor_coherence(signal)


def _uniform_noise(record: Mapping[str, Any], total: Phase) -> tuple[Phase, Phase, None, float]:
    """Add the paper's uniform noise to the phase; give an equivalent coherence for the labels."""
    halfwidth = record["noise"]["uniform_rad"]
    noise = _field_rng(record, Component.SPECKLE).uniform(-halfwidth, halfwidth, total.shape).astype(np.float32)
    variance = halfwidth**2 / 3
    equivalent = np.full(total.shape, math.sqrt(1 / (1 + 2 * variance)), np.float32)
    return wrap(total + noise).astype(np.float32), equivalent, None, 1.0

"""Draw the parameters of one simulated tile; a change of one component leaves the draws of all others untouched."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, timedelta
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.random import Generator

from basinwatch.simulation import atmosphere, coherence, confounders, gacos_pairs
from basinwatch.simulation.profiles import dipping_panel, paper_gaussian_amplitude
from basinwatch.simulation.randomness import generator, log_uniform
from basinwatch.simulation.settings import Atmosphere, Basins, Range, Settings, Speckle
from basinwatch.simulation.sources import NO_SOURCES, Sources

_DOWN_DIP = 0.65
_ANY_YEAR = 2023
_NARROWEST = 0.6


class Component(IntEnum):
    """Independent sources of randomness of a tile."""

    SCENE = 0
    DEFORMATION = 1
    TURBULENCE = 2
    TERRAIN = 3
    COHERENCE = 4
    SPECKLE = 5
    CONFOUNDERS = 6


def _uniform(rng: Generator, limits: Range) -> float:
    return float(rng.uniform(*limits))


def draw(settings: Settings, sample_id: int, sources: Sources = NO_SOURCES, split: str = "train") -> dict[str, Any]:
    """Draw the parameters of one tile; plain JSON types, everything rendering needs.

    Parameters
    ----------
    settings
        What to draw from.
    sample_id
        Number of the tile.
    sources
        Real delay maps and terrain, where the settings name them.
    split
        Whose delay maps to use: ``train``, ``validation`` or ``test``.
    """
    rngs = {c: generator(settings.seed, sample_id, c) for c in Component}
    record: dict[str, Any] = {"seed": settings.seed, "tile_id": sample_id, "size_px": settings.tile_size_px}
    record |= _draw_scene(settings, rngs[Component.SCENE])
    chance = settings.confounders.hard_empty_chance if record["hard_empty"] else settings.confounders.share
    noise = _draw_noise(settings, rngs[Component.SPECKLE])
    return record | {
        "basins": _draw_basins(settings, rngs[Component.DEFORMATION], record),
        "atmosphere": _draw_atmosphere(settings.atmosphere, rngs[Component.TURBULENCE], record["day_of_year"])
        | _draw_sources(sources, record["day_of_year"], split, rngs[Component.TERRAIN]),
        "coherence": _draw_coherence(settings, rngs[Component.COHERENCE], record, noise.get("looks", 1.0)),
        "noise": noise,
        "confounders": confounders.draw(rngs[Component.CONFOUNDERS], settings.tile_size_px, chance),
        "labels": asdict(settings.labels),
    }


def _draw_scene(settings: Settings, rng: Generator) -> dict[str, Any]:
    """Geometry, season, interval, number of basins."""
    geometry, weights = settings.geometry, np.asarray(settings.basins.counts)
    count = int(rng.choice(len(weights), p=weights / weights.sum()))
    hard_empty = bool(rng.random() < settings.confounders.hard_empty_share)
    pixel, aspect = log_uniform(rng, *settings.pixel_size_m), log_uniform(rng, *geometry.pixel_aspect)
    jitter = rng.uniform(-1, 1) * geometry.heading_jitter_deg
    shares = np.asarray(geometry.pair_weights)
    sign, either = geometry.phase_sign, int(rng.choice([-1, 1]))
    return {
        "spacing_m": [pixel * math.sqrt(aspect), pixel / math.sqrt(aspect)],
        "incidence_deg": _uniform(rng, geometry.incidence_deg),
        "heading_deg": float(rng.choice(geometry.heading_deg) + jitter),
        "looking": "left" if rng.random() < geometry.left_looking_share else "right",
        "phase_sign": sign or either,
        "baseline_m": float(rng.normal(0, geometry.baseline_m)),
        "day_of_year": float(rng.uniform(0, 365)),
        "days": float(rng.choice(geometry.pair_days, p=shares / shares.sum())),
        "offset_rad": float(rng.uniform(-math.pi, math.pi)),
        "hard_empty": hard_empty,
        "basin_count": 0 if hard_empty else count,
    }


def _draw_basins(settings: Settings, rng: Generator, scene: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw basins anywhere in the tile, some beside another at pillar distance."""
    basins: list[dict[str, Any]] = []
    spacing = scene["spacing_m"]
    while len(basins) < scene["basin_count"]:
        basin = _draw_basin(settings.basins, rng)
        neighbour = bool(basins) and rng.random() < settings.basins.neighbour_share
        place = rng.uniform(-0.03, 1.03, 2) * settings.tile_size_px
        printed = settings.basins.gaussian_form == "printed"
        if printed:
            place[1] = place[0]
        if neighbour and not printed:
            basin |= _beside(basins[-1], basin, rng, spacing)
        else:
            basin |= {"row": float(place[0]), "column": float(place[1])}
        basins.append(basin)
    return basins


def _draw_basin(ranges: Basins, rng: Generator) -> dict[str, Any]:
    """Draw one basin, everything but its place. Draws are the same whatever the kind."""
    gaussian = rng.random() < ranges.gaussian_share
    kind, peak_mm = "gaussian" if gaussian else "face", log_uniform(rng, *ranges.peak_mm)
    common = {
        "direction_deg": float(rng.uniform(0, 360)),
        "horizontal": _uniform(rng, ranges.horizontal),
        "irregularity": _uniform(rng, ranges.irregularity),
        "warp": _uniform(rng, ranges.warp),
    }
    bowl, face = _draw_bowl(ranges, rng), _draw_face(ranges, rng)
    if gaussian and ranges.gaussian_form == "printed":
        peak_mm = paper_gaussian_amplitude(ranges.printed_volume_mm_m2, bowl["sigma_along_m"])
    if not gaussian and face["stopped_days"] is not None:
        peak_mm *= math.exp(-face["rate_per_day"] * face["stopped_days"])
    return {"kind": kind, "peak_mm": peak_mm} | common | (bowl if gaussian else face)


def _draw_bowl(ranges: Basins, rng: Generator) -> dict[str, Any]:
    """Gaussian bowl: the small-panel limit of an influence radius of σ √(2π)."""
    sigma, ratio = log_uniform(rng, *ranges.gaussian_sigma_m), math.sqrt(_uniform(rng, ranges.gaussian_axis_ratio))
    return {
        "radius_m": sigma * math.sqrt(2 * math.pi),
        "sigma_along_m": sigma * ratio,
        "sigma_across_m": sigma / ratio,
    }


def _draw_face(ranges: Basins, rng: Generator) -> dict[str, Any]:
    """Longwall panel with a face that moves, or stopped before the pair."""
    depth, width = log_uniform(rng, *ranges.depth_m), _uniform(rng, ranges.panel_width_m)
    effective = max(width - 2 * _uniform(rng, ranges.inflexion_offset) * depth, _NARROWEST * width)
    flat, dip = rng.random() < ranges.flat_share, _uniform(rng, ranges.dip_deg)
    influence = _uniform(rng, ranges.tan_influence_angle)
    panel = dipping_panel(depth, effective, 0.0 if flat else dip, (influence, influence), _DOWN_DIP)
    stopped, days = rng.random() < ranges.stopped_share, _uniform(rng, ranges.stopped_days)
    return {
        "half_width_m": panel.half_width_m,
        "radius_m": panel.radius_m,
        "dip_ratio": panel.dip_ratio,
        "dip_cot": panel.dip_cot,
        "run_m": log_uniform(rng, *ranges.run_m),
        "advance_m_per_day": log_uniform(rng, *ranges.advance_m_per_day),
        "rate_per_day": log_uniform(rng, *ranges.rate_per_day),
        "stopped_days": days if stopped else None,
    }


def _beside(
    first: Mapping[str, Any], second: Mapping[str, Any], rng: Generator, spacing_m: tuple[float, float]
) -> dict[str, float]:
    """Place and peak of a neighbour across a pillar of 20 to 400 m, with the same direction of mining."""
    widths = sum(b.get("half_width_m", b.get("sigma_across_m", 0.0)) for b in (first, second))
    distance = (rng.uniform(20, 400) + widths) * rng.choice([-1.0, 1.0])
    along = rng.normal(0, 300)
    direction = math.radians(first["direction_deg"])
    south = distance * math.sin(direction) - along * math.cos(direction)
    east = distance * math.cos(direction) + along * math.sin(direction)
    return {
        "row": float(first["row"] + south / spacing_m[0]),
        "column": float(first["column"] + east / spacing_m[1]),
        "direction_deg": first["direction_deg"],
        "peak_mm": float(first["peak_mm"] * rng.uniform(0.2, 1)),
    }


def _draw_atmosphere(ranges: Atmosphere, rng: Generator, day_of_year: float) -> dict[str, Any]:
    """Strength of turbulence (zenith mm), stratified delay, ramp and errors of the elevation model."""
    strength = math.exp(rng.normal(0, ranges.delay_spread)) * ranges.delay_mm
    strength *= ranges.strong_factor if rng.random() < ranges.strong_share else 1.0
    stratified, ramp = rng.normal(0, ranges.stratified_mm_per_km), rng.normal(0, 2 * math.pi * ranges.ramp_fringes, 2)
    has_terrain, relief = rng.random() < ranges.stratified_share, log_uniform(rng, *ranges.relief_m)
    return {
        "delay_mm": strength * (atmosphere.seasonal_strength(day_of_year) if ranges.seasonal else 1.0),
        "stratified_mm_per_km": float(stratified) if has_terrain else 0.0,
        "stratified_law": ranges.stratified_law,
        "relief_m": relief,
        "height_error_m": _uniform(rng, ranges.height_error_m),
        "height_error_correlation_m": log_uniform(rng, *ranges.height_error_correlation_m),
        "ramp_rad_per_25km": [float(v) for v in ramp],
    }


def _draw_sources(sources: Sources, day_of_year: float, split: str, rng: Generator) -> dict[str, Any]:
    """Which real delay maps and which part of the real terrain the tile shows; None where there are none."""
    season = gacos_pairs.season_of(date(_ANY_YEAR, 1, 1) + timedelta(days=day_of_year))
    return {
        "gacos": gacos_pairs.draw(rng, sources.pools, split, season) if sources.delays else None,
        "terrain": [float(v) for v in rng.random(2)] if sources.terrain else None,
    }


def _draw_coherence(settings: Settings, rng: Generator, scene: Mapping[str, Any], looks: float) -> dict[str, Any]:
    """Background, land cover and water, loss in moving ground, and which estimate the user has."""
    ranges = settings.coherence
    level = coherence.seasonal(scene["day_of_year"], ranges.winter, ranges.summer)
    if ranges.reading == "filtered_estimate":
        level = coherence.true_from_reading(level, looks)
    mean = level * _uniform(rng, ranges.factor) + rng.normal(0, 0.05)
    mean *= coherence.baseline_factor(scene["baseline_m"], ranges.critical_baseline_m)
    cover, water = rng.random() < ranges.cover_share, rng.random() < ranges.water_share
    estimate = rng.choice(["sample", "phasor"])
    unknown = rng.random() < ranges.unknown_share
    return {
        "mean": float(np.clip(mean, 0.05, coherence.CEILING)),
        "spread": _uniform(rng, ranges.spread),
        "correlation_m": log_uniform(rng, *ranges.correlation_m),
        "cover_share": float(rng.uniform(0.05, 0.5)) * cover,
        "cover_factor": _uniform(rng, ranges.cover_factor),
        "cover_correlation_m": log_uniform(rng, 150.0, 1500.0),
        "water_share": float(rng.uniform(0.03, 0.3)) * water,
        "water_correlation_m": log_uniform(rng, 500.0, 2500.0),
        "disturbance": log_uniform(rng, *ranges.disturbance),
        "patchiness_m": log_uniform(rng, 60.0, 300.0),
        "estimate": None if unknown else str(estimate),
    }


def _draw_noise(settings: Settings, rng: Generator) -> dict[str, Any]:
    """Speckle and filter, or uniform noise."""
    uniform, looks = _uniform(rng, settings.speckle.uniform_halfwidth_rad), log_uniform(rng, *settings.speckle.looks)
    if settings.speckle.model == "uniform":
        return {"uniform_rad": uniform}
    return (
        {"looks": looks}
        | _draw_texture(settings.speckle, rng)
        | {
            "alpha": _uniform(rng, settings.filter.alpha) * bool(rng.random() < settings.filter.share),
            "window": int(rng.choice(settings.filter.window_px)),
        }
    )


def _draw_texture(ranges: Speckle, rng: Generator) -> dict[str, Any]:
    """Correlation along one axis, as resampling leaves."""
    return {
        "texture_px": _uniform(rng, ranges.texture_px) * bool(rng.random() < ranges.texture_share),
        "texture_axis": int(rng.integers(2)),
    }

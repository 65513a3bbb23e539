"""Simulated tiles in which only what an experiment varies is varied: drawn as any other, then overridden."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from basinwatch.experiments.design import PAIR_DAYS, Condition, Trial
from basinwatch.simulation.deformation import Basin, basin_patch
from basinwatch.simulation.drawing import Component, draw
from basinwatch.simulation.geometry import PHASE_PER_MM, Spacing, line_of_sight
from basinwatch.simulation.randomness import generator
from basinwatch.simulation.settings import Settings

Record = dict[str, Any]

FIRST_TILE = 40_000_000
SLANTED_DEG, HEADING_DEG = 39.0, -12.0
# Cores of steep basins lose coherence as they do in real interferograms; at a few mm this is nothing.
_DISTURBANCE = 0.1
_TRIED_MM = 100.0
# Blocks of a component's counter that no field of the simulator uses.
PLACE_BLOCK, LEVEL_BLOCK = 1001, 1002
_STANDARD = Settings()
_BARE = replace(
    _STANDARD,
    geometry=replace(
        _STANDARD.geometry, heading_deg=(HEADING_DEG,), heading_jitter_deg=0.0, left_looking_share=0.0, phase_sign=1,
        pair_days=(PAIR_DAYS,), pair_weights=(1.0,), pixel_aspect=(1.0, 1.0),
    ),
    basins=replace(
        _STANDARD.basins, gaussian_form="amplitude", gaussian_axis_ratio=(1.0, 1.0), neighbour_share=0.0,
        irregularity=(0.0, 0.0), warp=(0.0, 0.0), stopped_share=0.0,
    ),
    atmosphere=replace(
        _STANDARD.atmosphere, source="turbulence", delay_spread=0.0, strong_share=0.0, seasonal=False,
        stratified_share=0.0, ramp_fringes=0.0, height_error_m=(0.0, 0.0),
    ),
    coherence=replace(
        _STANDARD.coherence, spread=(0.0, 0.0), cover_share=0.0, water_share=0.0,
        disturbance=(_DISTURBANCE, _DISTURBANCE), unknown_share=0.0,
    ),
    speckle=replace(_STANDARD.speckle, model="multilook", texture_share=0.0),
    filter=replace(_STANDARD.filter, share=0.0),
    confounders=replace(_STANDARD.confounders, share=0.0, hard_empty_share=0.0),
)  # fmt: skip


@dataclass(frozen=True)
class Setup:
    """What all tiles of an experiment share.

    Parameters
    ----------
    seed
        Fixes everything random.
    pixel_m, tile_px
        Pixel size and side of a tile.
    looks
        Equivalent number of looks.
    """

    seed: int
    pixel_m: float = 30.0
    tile_px: int = 256
    looks: float = 20.0

    @classmethod
    def from_config(cls, section: Mapping[str, Any]) -> Setup:
        """Take what the configuration's section says of the tiles."""
        return cls(section["seed"], section["pixel_size_m"], section["tile_size_px"], section["looks"])

    @property
    def spacing(self) -> Spacing:
        """Square pixels."""
        return Spacing(self.pixel_m, self.pixel_m)


def bare_settings(setup: Setup, incidence_deg: float, basins: Mapping[str, Any]) -> Settings:
    """Leave out confounders, terrain, ramps, filter and variation of coherence; `basins` is as in the section."""
    return replace(
        _BARE,
        seed=setup.seed,
        tile_size_px=setup.tile_px,
        pixel_size_m=(setup.pixel_m, setup.pixel_m),
        geometry=replace(_BARE.geometry, incidence_deg=(incidence_deg, incidence_deg)),
        basins=replace(_BARE.basins, **basins),
        speckle=replace(_BARE.speckle, looks=(setup.looks, setup.looks)),
    )


def floor_record(setup: Setup, trial: Trial) -> Record:
    """Record of one tile of the detection floor.

    Gaussian bowls sink along the line of sight, so that their peak and the delay are what the design says; faces are
    seen at a slant, with horizontal movement, and scaled to the same line-of-sight peak. Tiles of one replicate
    share their place, face and random fields whatever the condition.
    """
    condition = trial.condition
    slanted = condition.shape == "face"
    incidence = SLANTED_DEG if slanted else 0.0
    record = draw(bare_settings(setup, incidence, _basins(condition)), FIRST_TILE + trial.replicate)
    place = generator(setup.seed, record["tile_id"], Component.DEFORMATION, PLACE_BLOCK).uniform(0.35, 0.65, 2)
    for basin in record["basins"]:
        basin |= {"row": float(place[0] * setup.tile_px), "column": float(place[1] * setup.tile_px)}
        basin["peak_mm"] = trial.amplitude_mm / (los_share(basin, setup, incidence) if slanted else 1.0)
    return observed(record, condition.coherence, condition.delay_mm)


def _basins(condition: Condition) -> dict[str, Any]:
    """Ranges of the one basin of a tile, or of none."""
    if condition.shape == "none":
        return {"counts": (1.0,)}
    if condition.sigma_m is None:
        return {"counts": (0.0, 1.0), "gaussian_share": 0.0}
    size = (condition.sigma_m, condition.sigma_m)
    return {"counts": (0.0, 1.0), "gaussian_share": 1.0, "gaussian_sigma_m": size, "horizontal": (0.0, 0.0)}


def observed(record: Record, coherence: float, delay_mm: float) -> Record:
    """Set true coherence, line-of-sight turbulence, and that the detector is given the sample coherence."""
    zenith_mm = delay_mm * math.cos(math.radians(record["incidence_deg"]))
    return record | {
        "coherence": record["coherence"] | {"mean": coherence, "estimate": "sample"},
        "atmosphere": record["atmosphere"] | {"delay_mm": zenith_mm},
    }


def los_share(basin: Record, setup: Setup, incidence_deg: float) -> float:
    """Line-of-sight peak of a basin over its vertical peak; horizontal movement makes it differ from the cosine."""
    line = line_of_sight(incidence_deg, HEADING_DEG)
    tried = cast(Basin, basin | {"peak_mm": _TRIED_MM})
    rng = generator(setup.seed, 0, Component.DEFORMATION, 1)
    patch = basin_patch(tried, (setup.tile_px, setup.tile_px), setup.spacing, PAIR_DAYS, line, rng)
    return float(patch.phase.max()) / (PHASE_PER_MM * _TRIED_MM)

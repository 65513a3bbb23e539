"""Detection floor: one row of results per simulated tile."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.datasets.tiles import Label
from basinwatch.evaluation.scores import compare, match
from basinwatch.experiments.controlled import Setup, floor_record
from basinwatch.experiments.design import Trial
from basinwatch.experiments.ideal import d_prime
from basinwatch.experiments.search import Search
from basinwatch.inference.instances import Instances
from basinwatch.simulation.deformation import Patch, overlap
from basinwatch.simulation.geometry import Spacing
from basinwatch.simulation.labels import basin_mask, equivalent_sigma_m
from basinwatch.simulation.rendering import move_ground, render

logger = logging.getLogger(__name__)

COLUMNS = (
    "design", "shape", "sigma_m", "coherence", "delay_mm", "amplitude_mm", "replicate", "equivalent_sigma_m",
    "gradient_rad_px", "d_prime", "detected", "iou", "false_basins",
)  # fmt: skip
_PROGRESS_TILES = 100


def measure(trials: Sequence[Trial], setup: Setup, search: Search) -> Iterator[dict[str, Any]]:
    """Simulate, search and score tile by tile.

    Yields
    ------
    Rows with :data:`COLUMNS`: the condition, the basin's size, steepest phase (rad per pixel) and d′; whether the
    centre of a detection lies in the basin, the best overlap of one detection with it, and detections elsewhere.
    """
    for done, trial in enumerate(trials, start=1):
        record = floor_record(setup, trial)
        found, patches = search(render(record)), move_ground(record).patches
        yield _condition(trial) | _size(patches, trial, setup) | scores(found, masks(patches, found.labels.shape))
        if done % _PROGRESS_TILES == 0 or done == len(trials):
            logger.info("%d of %d tiles", done, len(trials))


def _condition(trial: Trial) -> dict[str, Any]:
    """Columns that say what was tried."""
    condition = trial.condition
    return {
        "design": trial.design,
        "shape": condition.shape,
        "sigma_m": condition.sigma_m,
        "coherence": condition.coherence,
        "delay_mm": condition.delay_mm,
        "amplitude_mm": trial.amplitude_mm,
        "replicate": trial.replicate,
    }


def _size(patches: Sequence[Patch], trial: Trial, setup: Setup) -> dict[str, Any]:
    """Columns that follow from the basin's phase; None in an empty tile."""
    if not patches:
        return dict.fromkeys(("equivalent_sigma_m", "gradient_rad_px", "d_prime"))
    phase, condition = patches[0].phase, trial.condition
    steepest = max(float(np.abs(slope).max()) for slope in np.gradient(phase))
    sigma = equivalent_sigma_m(phase, Spacing(setup.pixel_m, setup.pixel_m))
    detectable = d_prime(trial.amplitude_mm, sigma, condition.coherence, setup.looks, setup.pixel_m, condition.delay_mm)
    return {
        "equivalent_sigma_m": round(sigma, 2),
        "gradient_rad_px": round(steepest, 4),
        "d_prime": round(detectable, 4),
    }


def masks(patches: Sequence[Patch], shape: tuple[int, ...]) -> list[NDArray[np.bool_]]:
    """Pixels (y, x) of every basin, however weak it is."""
    result = []
    for patch in patches:
        inside, own = overlap(patch.row, patch.column, patch.phase.shape, shape)
        mask = np.zeros(shape, np.bool_)
        mask[inside] = basin_mask(patch.phase)[own]
        result.append(mask)
    return result


def scores(found: Instances, truth: Sequence[NDArray[np.bool_]]) -> dict[str, Any]:
    """Compare what was found with the one basin of the tile, if there is one."""
    compared = compare(found, [Label(mask) for mask in truth])
    hit, _ = match(compared, None)
    return {
        "detected": int(hit.any()),
        "iou": round(float(compared.iou.max(initial=0.0)), 4),
        "false_basins": int((~hit).sum()),
    }

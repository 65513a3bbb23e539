"""Augmentation that is right for phase: what keeps a wrapped interferogram a wrapped interferogram.

Sign flips are absent on purpose: the sign tells subsidence from uplift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.phase import wrap
from basinwatch.training.warping import Arrays, warp, warp_matrix


@dataclass(frozen=True)
class AugmentationSettings:
    """How often and how strongly tiles are changed.

    Parameters
    ----------
    offset
        Add a constant uniform in [-π, π): the reference point of an interferogram is arbitrary.
    flips
        Mirror rows and columns, each with probability 1/2.
    rotations
        Turn by multiples of 90°; only sensible on square pixels.
    ramp_probability, ramp_max_cycles
        Add a plane of up to so many cycles across the tile along each axis (orbit residue).
    noise_probability, noise_max_rad
        Add Gaussian phase noise of a standard deviation σ up to this; coherence is lowered by
        exp(−σ²/2), the factor by which such noise shortens the mean phasor.
    coherence_dropout
        Probability of hiding the coherence, as some producers give none.
    warp_probability
        Turn, zoom, shear and shift a tile; off unless asked for, since resampling makes noise smoother.
    turn_max_deg, zoom_max, shear_max, shift_max
        Limits of these: to either side; between 1 / `zoom_max` and `zoom_max`; columns per row; shares of the side.
    """

    offset: bool = True
    flips: bool = True
    rotations: bool = True
    ramp_probability: float = 0.5
    ramp_max_cycles: float = 2.0
    noise_probability: float = 0.3
    noise_max_rad: float = 0.6
    coherence_dropout: float = 0.3
    warp_probability: float = 0.0
    turn_max_deg: float = 180.0
    zoom_max: float = 1.4
    shear_max: float = 0.2
    shift_max: float = 0.2


def generator(*key: int) -> np.random.Generator:
    """Random numbers that depend on the key alone, not on what was drawn before."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def orient(arrays: Arrays, turns: int, mirror_rows: bool, mirror_columns: bool) -> Arrays:
    """Turn by `turns` × 90° and mirror phase (or a picture's bands), coherence and target alike."""
    flips = tuple(axis for axis, wanted in zip((-2, -1), (mirror_rows, mirror_columns), strict=True) if wanted)
    phase, coherence, target = arrays

    def turned(values: NDArray[Any]) -> NDArray[Any]:
        return np.flip(np.rot90(values, turns, (-2, -1)), flips)

    return turned(phase), turned(coherence), turned(target)


def planar_ramp(shape: tuple[int, int], row_cycles: float, column_cycles: float) -> NDArray[np.float32]:
    """Plane in radians that gains the given cycles from the first to the last row and column."""
    rows = np.linspace(0, 2 * np.pi * row_cycles, shape[0], dtype=np.float32)
    columns = np.linspace(0, 2 * np.pi * column_cycles, shape[1], dtype=np.float32)
    return rows[:, None] + columns[None, :]


def warp_at_random(arrays: Arrays, settings: AugmentationSettings, random: np.random.Generator) -> Arrays:
    """Turn, zoom, shear and shift a tile as often as the settings ask."""
    turn, zoom, shear, *shift = random.uniform(-1, 1, 5)
    if random.random() >= settings.warp_probability:
        return arrays
    matrix = warp_matrix(settings.turn_max_deg * turn, settings.zoom_max**zoom, settings.shear_max * shear)
    rows, columns = (settings.shift_max * share * side for share, side in zip(shift, arrays[0].shape, strict=True))
    return warp(arrays, matrix, (rows, columns))


def turn_and_mirror(arrays: Arrays, settings: AugmentationSettings, random: np.random.Generator) -> Arrays:
    """Turn and mirror a tile at random, as far as the settings allow."""
    turns, rows, columns = int(random.integers(4)), bool(random.integers(2)), bool(random.integers(2))
    return orient(arrays, turns if settings.rotations else 0, rows and settings.flips, columns and settings.flips)


def augment(arrays: Arrays, settings: AugmentationSettings, random: np.random.Generator) -> Arrays:
    """Change one tile at random.

    Parameters
    ----------
    arrays
        Phase (y, x) in radians with NaN, coherence (y, x) with NaN, target (y, x). A picture (bands, y, x) in the place
        of the phase is turned and mirrored only.
    random
        Source of all draws; every draw is made whether used or not, so that switching one
        augmentation off leaves the others as they were.
    """
    if arrays[0].ndim == 3:
        return turn_and_mirror(arrays, settings, random)
    arrays = warp_at_random(arrays, settings, random.spawn(1)[0])
    phase, coherence, target = turn_and_mirror(arrays, settings, random)
    chances = random.random(3)
    offset, slopes, noise = random.uniform(-np.pi, np.pi), random.uniform(-1, 1, 2), random.random()
    added = np.full(phase.shape, offset if settings.offset else 0.0, np.float32)
    if chances[0] < settings.ramp_probability:
        added += planar_ramp(phase.shape, *(settings.ramp_max_cycles * slopes))
    if chances[1] < settings.noise_probability:
        deviation = noise * settings.noise_max_rad
        added += np.float32(deviation) * random.standard_normal(phase.shape, dtype=np.float32)
        coherence = coherence * np.float32(np.exp(-(deviation**2) / 2))
    if chances[2] < settings.coherence_dropout:
        coherence = np.full_like(coherence, np.nan)
    return wrap(phase + added), coherence, target


def augment_batch(batch: Arrays, settings: AugmentationSettings, *key: int) -> Arrays:
    """Augment every tile of a batch (n, y, x) of square tiles; tile i draws from (*key, i)."""
    changed: list[Any] = [
        augment((phase, coherence, target), settings, generator(*key, i))
        for i, (phase, coherence, target) in enumerate(zip(*batch, strict=True))
    ]
    phase, coherence, target = (np.stack(parts) for parts in zip(*changed, strict=True))
    return phase, coherence, target

"""What the experiments measure: levels, trials and the blocks that jobs work on. Light enough for reading the rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

Shape = Literal["gaussian", "face", "none"]
Reading = Literal["true", "filtered"]

READINGS: tuple[Reading, ...] = ("true", "filtered")
PAIR_DAYS = 12.0
MIN_IOU = 0.5
CLASSES = ("all", "strong", "weak")
DETECTORS = ("model", "reference")
PAIRS, PAIRS_PER_BLOCK = 110, 10
_PARITY_SIGMA_M, _PARITY_COHERENCE, _PARITY_DELAY_MM = 150.0, 0.9, 2.2


@dataclass(frozen=True)
class Condition:
    """One cell of the detection-floor design.

    Parameters
    ----------
    shape
        ``gaussian``: circular bowl; ``face``: trough over a moving longwall face; ``none``: empty tile.
    coherence
        True coherence of stable ground.
    delay_mm
        √D(10 km) of turbulence along the line of sight.
    sigma_m
        Standard deviation of a Gaussian bowl; None for other shapes, which have no single size.
    """

    shape: Shape
    coherence: float
    delay_mm: float
    sigma_m: float | None = None


@dataclass(frozen=True)
class Trial:
    """One tile: `amplitude_mm` is the line-of-sight peak, `replicate` numbers the random fields it shares."""

    design: str
    condition: Condition
    amplitude_mm: float
    replicate: int


@dataclass(frozen=True)
class Levels:
    """Size of both experiments.

    Parameters
    ----------
    sigma_m, coherence, delay_mm
        Levels of the factorial design.
    face_coherence
        Levels at which moving faces are tried, at the turbulence of the parity set.
    replicates, empty_replicates
        Tiles per cell and amplitude; empty tiles per coherence and turbulence.
    every_pair
        Every how many-th pair of the coherence response is made.
    scene_px, basins
        Side of its scene and number of basins in it.
    """

    sigma_m: tuple[float, ...]
    coherence: tuple[float, ...]
    delay_mm: tuple[float, ...]
    face_coherence: tuple[float, ...]
    replicates: int
    empty_replicates: int
    every_pair: int
    scene_px: int
    basins: int


SCALES = {
    "smoke": Levels((150.0, 300.0), (0.3, 0.9), (0.0, 2.2, 5.0), (0.9,), 4, 10, 10, 512, 10),
    "standard": Levels((75.0, 150.0, 300.0, 600.0), (0.1, 0.3, 0.9), (0.0, 2.2, 5.0), (0.3, 0.9), 6, 20, 1, 1024, 40),
    "full": Levels(
        (75.0, 150.0, 300.0, 600.0), (0.1, 0.2, 0.3, 0.5, 0.7, 0.9), (0.0, 1.0, 2.2, 5.0, 10.0), (0.3, 0.9),
        20, 100, 1, 1024, 40,
    ),
}  # fmt: skip


def log_spaced(first: float, last: float, count: int) -> tuple[float, ...]:
    """Numbers from `first` to `last` at equal ratios, to a thousandth."""
    ratio = math.log(last / first) / (count - 1)
    return tuple(round(first * math.exp(ratio * step), 3) for step in range(count))


AMPLITUDES_MM = log_spaced(1.0, 160.0, 24)
PARITY_AMPLITUDES_MM = tuple(
    [float(mm) for mm in range(1, 46)] + [round(45 + (148 - 45) * step / 45, 3) for step in range(1, 46)]
)


def floor_blocks(scale: str) -> list[str]:
    """Names of the blocks of the detection floor."""
    return ["parity", "faces", "empty", *_factorial_blocks(SCALES[scale])]


def _factorial_blocks(levels: Levels) -> dict[str, tuple[float, float]]:
    """Size and coherence of each block of the factorial design, by the block's name."""
    cells = product(levels.sigma_m, levels.coherence)
    return {f"sigma{sigma:g}-coherence{100 * coherence:.0f}": (sigma, coherence) for sigma, coherence in cells}


def floor_trials(scale: str, block: str) -> list[Trial]:
    """Trials of one block, in the order they are made."""
    levels = SCALES[scale]
    if block == "parity":
        condition = Condition("gaussian", _PARITY_COHERENCE, _PARITY_DELAY_MM, _PARITY_SIGMA_M)
        return [Trial(block, condition, amplitude, tile) for tile, amplitude in enumerate(PARITY_AMPLITUDES_MM)]
    if block == "empty":
        empty = [Condition("none", *cell) for cell in product(levels.coherence, levels.delay_mm)]
        return [Trial(block, c, 0.0, replicate) for c in empty for replicate in range(levels.empty_replicates)]
    if block == "faces":
        faces = [Condition("face", coherence, _PARITY_DELAY_MM) for coherence in levels.face_coherence]
        return _crossed(block, faces, levels.replicates)
    sigma, coherence = _factorial_blocks(levels)[block]
    bowls = [Condition("gaussian", coherence, delay, sigma) for delay in levels.delay_mm]
    return _crossed("factorial", bowls, levels.replicates)


def _crossed(design: str, conditions: Sequence[Condition], replicates: int) -> list[Trial]:
    """Every amplitude in every replicate of every condition."""
    return [Trial(design, *parts) for parts in product(conditions, AMPLITUDES_MM, range(replicates))]


def response_blocks(scale: str) -> list[str]:
    """Names of the blocks of the coherence response."""
    return [f"{reading}-{first:03d}" for reading in READINGS for first in _first_pairs(scale)]


def response_pairs(scale: str, block: str) -> tuple[Reading, list[int]]:
    """Meaning of the seasonal coherence in a block, and the numbers of its pairs."""
    name, first = block.split("-")
    reading = next(known for known in READINGS if known == name)
    numbers, start = _pair_numbers(scale), _first_pairs(scale).index(int(first)) * PAIRS_PER_BLOCK
    return reading, numbers[start : start + PAIRS_PER_BLOCK]


def _pair_numbers(scale: str) -> list[int]:
    return list(range(0, PAIRS, SCALES[scale].every_pair))


def _first_pairs(scale: str) -> list[int]:
    return _pair_numbers(scale)[::PAIRS_PER_BLOCK]

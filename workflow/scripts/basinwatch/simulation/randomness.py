"""Counter-based random numbers: any part of a simulation can be made alone, in any order, and always the same."""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from numpy.random import Generator, Philox


class Source(IntEnum):
    """Independent sources of randomness of a simulated stack (those of a tile have lower numbers)."""

    MINES = 32
    HEIGHTS = 33
    HEIGHT_ERROR = 34
    LAND_COVER = 35
    DELAY = 36
    ACQUISITION = 37
    PAIR_GROUND = 38
    SPECKLE = 39
    SLIDES = 40


def generator(seed: int, number: int, component: int, block: int = 0) -> Generator:
    """Random numbers of one component of one numbered thing (a tile, an acquisition, a pair).

    Parameters
    ----------
    seed, number
        Key of the generator.
    component, block
        Where its counter starts; 2¹⁹² numbers lie between components, 2¹²⁸ between blocks.
    """
    return Generator(Philox(key=np.array([seed, number], np.uint64), counter=[0, 0, block, component]))


def log_uniform(rng: Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform between those of two positive limits."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))

"""Frames of simulated ground that the shipped models find basins in."""

from dataclasses import replace
from functools import cache

import numpy as np
from basinwatch.simulation.drawing import draw
from basinwatch.simulation.rendering import render
from basinwatch.simulation.settings import Settings

TILE_PX = 256
_SETTINGS = replace(Settings(), tile_size_px=TILE_PX, seed=20261121)


@cache
def tile(number):
    """Phase and coherence of one simulated tile; NaN where it has none."""
    made = render(draw(_SETTINGS, number))
    return made.phase, np.full_like(made.phase, np.nan) if made.coherence is None else made.coherence


def frame(rows, columns, first=0):
    """Phase and coherence of tiles laid side by side."""
    numbers = first + np.arange(rows * columns).reshape(rows, columns)
    return [np.block([[tile(int(n))[kind] for n in line] for line in numbers]) for kind in (0, 1)]

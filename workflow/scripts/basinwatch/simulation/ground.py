"""The ground of a simulated stack: mines, heights and land cover, the same for every track that sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from basinwatch.simulation import coherence
from basinwatch.simulation.atmosphere import smooth_field, terrain
from basinwatch.simulation.geometry import Spacing
from basinwatch.simulation.mines import Mine, Movement
from basinwatch.simulation.randomness import Source, generator
from basinwatch.simulation.slides import Slide, draw_slides

Field = NDArray[np.float32]

_MEAN_HEIGHT_M, _ROUNDED_M = 260.0, 120.0
_HEIGHT_ERROR_M, _HEIGHT_ERROR_CORRELATION_M = 4.0, 90.0
_COHERENCE_SPREAD, _COHERENCE_CORRELATION_M = 0.05, 900.0
_WOODS_SHARE, _WOODS_CORRELATION_M, _WOODS_FACTOR = 0.15, 700.0, 0.55
_LAKES_SHARE, _LAKES_CORRELATION_M = 0.02, 900.0
_CLEARANCE_M = 1_000.0


@dataclass(frozen=True)
class Ground:
    """Ground seen by one or more tracks.

    Parameters
    ----------
    shape, spacing
        Rows and columns, and pixel size.
    seed
        Fixes everything random.
    mines
        Where the ground sinks.
    has_relief
        Whether there are hills, and errors in the elevation model they were removed with.
    relief_m
        Root mean square of the difference in height of two places 10 km apart.
    slide_count
        How many slopes creep downhill. Where there are any, heights are rounded, as soil does it: fractal ones face
        another way at every pixel.
    """

    shape: tuple[int, int]
    spacing: Spacing
    seed: int
    mines: tuple[Mine, ...]
    has_relief: bool
    relief_m: float
    slide_count: int = 0

    @cached_property
    def heights_m(self) -> Field:
        """Heights (y, x)."""
        heights = np.full(self.shape, _MEAN_HEIGHT_M, np.float32)
        if self.has_relief:
            heights += terrain(generator(self.seed, 0, Source.HEIGHTS), self.shape, self.spacing, self.relief_m)
        if self.slide_count:
            heights = gaussian_filter(heights, [_ROUNDED_M / step for step in self.spacing])
        return heights

    @cached_property
    def slides(self) -> tuple[Slide, ...]:
        """Where the ground creeps downhill.

        Raises
        ------
        InputError
            If the scene has no room for so many slides.
        """
        return draw_slides(self.seed, self.slide_count, self.heights_m, self.spacing) if self.slide_count else ()

    @cached_property
    def height_error_m(self) -> Field:
        """Error of the elevation model the topographic phase was computed from, (y, x)."""
        if not self.has_relief:
            return np.zeros(self.shape, np.float32)
        rng = generator(self.seed, 0, Source.HEIGHT_ERROR)
        field = smooth_field(rng, self.shape, _HEIGHT_ERROR_CORRELATION_M, self.spacing)
        return np.float32(_HEIGHT_ERROR_M) * field

    def movements(self, first_day: float, last_day: float) -> list[Movement]:
        """Movement of every mine and slide between two days."""
        days = first_day, last_day
        sunk = [mine.movement(self.shape, self.spacing, *days) for mine in self.mines]
        return sunk + [slide.movement(self.heights_m, self.spacing, *days) for slide in self.slides]

    def land_coherence(self, level: float) -> tuple[Field, NDArray[np.bool_]]:
        """Coherence of ground at rest about a mean level, (y, x), and where there is water instead."""
        rng = generator(self.seed, 0, Source.LAND_COVER)
        land = coherence.background(rng, self.shape, level, _COHERENCE_SPREAD, _COHERENCE_CORRELATION_M, self.spacing)
        woods = coherence.patches(rng, self.shape, _WOODS_SHARE, _WOODS_CORRELATION_M, self.spacing)
        lakes = coherence.patches(rng, self.shape, _LAKES_SHARE, _LAKES_CORRELATION_M, self.spacing)
        far = self._far_from_mines()
        land[woods & far] *= np.float32(_WOODS_FACTOR)
        return land, lakes & far

    def _far_from_mines(self) -> NDArray[np.bool_]:
        """Pixels where land cover may hide the ground without hiding a mine."""
        far = np.ones(self.shape, np.bool_)
        for mine in self.mines:
            south, east = (
                (np.arange(n, dtype=np.float32) - np.float32(share * n)) * np.float32(step)
                for n, share, step in zip(self.shape, mine.place, self.spacing, strict=True)
            )
            far &= south[:, None] ** 2 + east[None] ** 2 > _CLEARANCE_M**2
        return far

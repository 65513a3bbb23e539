"""What the checks must know of a raster's numbers, gathered from blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from basinwatch.rows import Rows

WRAPPED_LIMIT_RAD = np.pi + 1e-3
GAMMA_FILL = np.float32(-np.pi)
SAMPLE_PIXELS = 1_000_000


@dataclass(frozen=True)
class Survey:
    """Counts and extremes of a raster.

    Parameters
    ----------
    pixels, finite, zeros, fills, beyond
        Pixels in all, those with a number, those that are exactly 0, exactly -π, and outside ±π.
    least, most
        Extremes of the numbers other than 0 and -π; infinite where there are none.
    others_whole
        Whether these are whole.
    sample
        Up to a million numbers spread over the raster.
    """

    pixels: int
    finite: int
    zeros: int
    fills: int
    beyond: int
    least: float
    most: float
    others_whole: bool
    sample: NDArray[np.float32]

    @property
    def low(self) -> float:
        """Least number."""
        return min([self.least, *self._exact])

    @property
    def high(self) -> float:
        """Greatest number."""
        return max([self.most, *self._exact])

    @property
    def is_whole(self) -> bool:
        """Whether every number is whole."""
        return self.others_whole and self.fills == 0

    @property
    def _exact(self) -> list[float]:
        """0 and -π where they occur."""
        return [0.0] * (self.zeros > 0) + [float(GAMMA_FILL)] * (self.fills > 0)

    def without(self, value: float | np.float32) -> Survey:
        """Survey of the raster without its zeros, or without its pixels of -π."""
        kept = self.sample[self.sample != value]
        if value == 0:
            return replace(self, finite=self.finite - self.zeros, zeros=0, sample=kept)
        return replace(self, finite=self.finite - self.fills, fills=0, sample=kept)


def survey(rows: Rows) -> Survey:
    """Read a raster once and count."""
    found, samples = _of_block(np.empty((0, rows.width), np.float32)), []
    step = max(1, rows.height * rows.width // SAMPLE_PIXELS)
    for top, block in rows.blocks():
        found = _together(found, _of_block(block))
        spread = block.ravel()[-top * rows.width % step :: step]
        samples.append(spread[np.isfinite(spread)])
    return replace(found, sample=np.concatenate(samples))


def _of_block(block: NDArray[np.float32]) -> Survey:
    """Survey of one block, without a sample."""
    numbers = block[np.isfinite(block)]
    is_zero, is_fill = numbers == 0, numbers == GAMMA_FILL
    others = numbers[~(is_zero | is_fill)]
    return Survey(
        pixels=block.size,
        finite=numbers.size,
        zeros=int(np.count_nonzero(is_zero)),
        fills=int(np.count_nonzero(is_fill)),
        beyond=int(np.count_nonzero(np.abs(others) > WRAPPED_LIMIT_RAD)),
        least=float(others.min(initial=np.inf)),
        most=float(others.max(initial=-np.inf)),
        others_whole=bool(np.all(others % 1 == 0)),
        sample=np.empty(0, np.float32),
    )


def _together(one: Survey, other: Survey) -> Survey:
    """Survey of two parts of a raster."""
    return Survey(
        one.pixels + other.pixels,
        one.finite + other.finite,
        one.zeros + other.zeros,
        one.fills + other.fills,
        one.beyond + other.beyond,
        min(one.least, other.least),
        max(one.most, other.most),
        one.others_whole and other.others_whole,
        one.sample,
    )

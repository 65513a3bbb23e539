"""What correlated noise does to Gi*: its spread under a stationary null, learnt from ground without deformation.

The variance of a window sum is the autocovariance of the noise summed over all pairs of pixels of the window;
classical Gi* counts the diagonal only, so its z is too large by the root of the ratio.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from basinwatch.hotspots.statistic import Moments
from basinwatch.hotspots.windows import Array, Disc

log = logging.getLogger(__name__)

_TABLE_ROWS = 32


@dataclass(frozen=True)
class Inflation:
    """Factors by which noise widens the spread of z, at least 1, by number of pixels in the window.

    Parameters
    ----------
    sizes
        Pixels of full discs, increasing; the last is the disc of the statistic.
    factors
        One per size.
    """

    sizes: NDArray[np.int64] = field(default_factory=lambda: np.ones(1, np.int64))
    factors: Array = field(default_factory=lambda: np.ones(1))

    @property
    def full(self) -> float:
        """Factor of windows that nothing clips."""
        return float(self.factors[-1])

    def of(self, count: NDArray[Any]) -> Array:
        """Factor of windows that hold `count` pixels: that of the full disc nearest in size."""
        steps = (self.sizes[1:] + self.sizes[:-1]) / 2
        lookup = self.factors[np.searchsorted(steps, np.arange(self.sizes[-1] + 1))]
        return lookup[count.astype(np.int64)]


@dataclass
class Autocovariance:
    """Sums behind the autocovariance of stable ground at all lags within a window, gathered from parts of a map.

    Parameters
    ----------
    radius_m, spacing_m
        Window of the statistic (see :func:`basinwatch.hotspots.statistic.gi_star`).
    moments
        Those of the stable ground.
    """

    radius_m: float
    spacing_m: tuple[float, float]
    moments: Moments
    products: Array = field(init=False)
    overlaps: Array = field(init=False)

    def __post_init__(self) -> None:
        rows, columns = self.reach
        self.products = np.zeros((rows + 1, 2 * columns + 1))
        self.overlaps = np.zeros_like(self.products)

    @property
    def reach(self) -> tuple[int, int]:
        """Largest lag between two pixels of the window, rows and columns."""
        disc = Disc.of(self.radius_m, self.spacing_m)
        return 2 * disc.rows, 2 * disc.columns

    def add(self, values: NDArray[np.floating[Any]], own_rows: int) -> None:
        """Add rows of a map.

        Parameters
        ----------
        values
            (y, x) rates of stable ground, NaN elsewhere: `own_rows` rows and then those of the next part that lie
            within the reach (none at the end of the map).
        own_rows
            Rows that are counted; every row of the map once.
        """
        valid = ~np.isnan(values)
        if not valid[:own_rows].any():
            return
        centred = np.where(valid, values.astype(np.float64) - self.moments.mean, 0.0)
        self.products += self._lags(centred, own_rows)
        self.overlaps += np.rint(self._lags(valid.astype(np.float64), own_rows))

    def _lags(self, values: Array, own_rows: int) -> Array:
        """Sum of products of own rows with all rows at lags (0…reach, −reach…reach)."""
        rows, columns = self.reach
        shape = [
            fft.next_fast_len(max(values.shape[0], own_rows + rows), real=True),
            fft.next_fast_len(values.shape[1] + columns, real=True),
        ]
        spectrum = fft.rfft2(values[:own_rows], shape).conj() * fft.rfft2(values, shape)
        lags = fft.irfft2(spectrum, shape)
        return np.roll(lags[: rows + 1], columns, axis=1)[:, : 2 * columns + 1]

    def inflation(self) -> Inflation:
        """Tabulate the factors of discs up to the window's; 1 (and a warning) where there is no noise to learn."""
        if not self.moments.varied:
            log.warning("no stable ground to learn the noise from: z is not calibrated")
            return Inflation()
        half = self.products / np.maximum(self.overlaps, 1)
        covariance = np.concatenate([half[:0:-1, ::-1], half])
        radii = self.radius_m * np.arange(_TABLE_ROWS + 1) / _TABLE_ROWS
        discs = {disc.size: disc for disc in (Disc.of(radius, self.spacing_m) for radius in radii)}
        factors = [_factor(disc, covariance) for disc in discs.values()]
        return Inflation(np.array(list(discs)), np.array(factors))


def noise_inflation(
    values: NDArray[np.floating[Any]], stable: NDArray[np.bool_], radius_m: float, spacing_m: tuple[float, float]
) -> float:
    """Factor by which spatially correlated noise widens the spread of z in a full window.

    Parameters
    ----------
    values
        (y, x) rates, NaN where invalid.
    stable
        (y, x) ground without deformation; the autocovariance is taken from it.
    """
    used = np.where(stable, values, np.nan)
    learnt = Autocovariance(radius_m, spacing_m, Moments().extended(used))
    learnt.add(used, len(used))
    return learnt.inflation().full


def _factor(disc: Disc, covariance: Array) -> float:
    """Root of the variance of a window sum over that of independent pixels."""
    rows, columns = 2 * disc.rows, 2 * disc.columns
    shape = [2 * rows + 1, 2 * columns + 1]
    pairs = fft.fftshift(fft.irfft2(np.abs(fft.rfft2(disc.kernel(), shape)) ** 2, shape))
    middle_row, middle_column = (size // 2 for size in covariance.shape)
    near = covariance[middle_row - rows : middle_row + rows + 1, middle_column - columns : middle_column + columns + 1]
    variance = (np.rint(pairs) * near).sum() / (near[rows, columns] * disc.size)
    # Noise cannot make z narrower; smaller values come from too little stable ground.
    return float(np.sqrt(max(variance, 1.0)))

"""Quantiles of the figures of real and simulated tiles side by side, and how far their medians are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from basinwatch.calibration.statistics import STATISTICS

QUANTILES = (0.1, 0.5, 0.9)
COMPARED = (
    "core_residues", "background_residues", "noise_rad", "spread_rad", "increment_16px_rad", "increment_64px_rad",
    "core_resultant",
)  # fmt: skip
# One loop in a typical core and in a background of 256 × 256 px; a correlation that no eye sees.
FLOORS = {"core_residues": 1e-3, "background_residues": 2e-5, "correlation_down": 0.1, "correlation_across": 0.1}
Quantiles = tuple[float, float, float]


@dataclass(frozen=True)
class Row:
    """One statistic: 10 %, 50 % and 90 % quantiles of both sets, and how many times the medians differ.

    Parameters
    ----------
    name
        Key of :data:`~basinwatch.calibration.statistics.STATISTICS`.
    real, simulated
        Quantiles over tiles in the statistic's unit.
    floor
        Smallest difference the statistic resolves; smaller medians count as this much.
    """

    name: str
    real: Quantiles
    simulated: Quantiles
    floor: float

    @property
    def ratios(self) -> Quantiles:
        """Simulated over real quantiles, all at least the floor."""
        low, median, high = (
            max(s, self.floor) / max(r, self.floor) for s, r in zip(self.simulated, self.real, strict=True)
        )
        return low, median, high

    @property
    def factor(self) -> float:
        """How many times the medians differ, at least 1."""
        return max(self.ratios[1], 1 / self.ratios[1])


def table(real: Sequence[Mapping[str, float]], simulated: Sequence[Mapping[str, float]]) -> list[Row]:
    """Compare two sets of tiles, each given as the :func:`~basinwatch.calibration.statistics.statistics` of its tiles.

    Tiles in which a statistic is NaN do not count in its row; a row no tile of either set has is left out.
    """
    rows = []
    for name in STATISTICS:
        columns = [_known(figures, name) for figures in (real, simulated)]
        if all(map(len, columns)):
            rows.append(Row(name, _quantiles(columns[0]), _quantiles(columns[1]), FLOORS.get(name, 0.0)))
    return rows


def _known(figures: Sequence[Mapping[str, float]], name: str) -> NDArray[np.float64]:
    """Values of one statistic in the tiles that have it."""
    values = np.array([of_tile[name] for of_tile in figures])
    known: NDArray[np.float64] = values[np.isfinite(values)]
    return known


def _quantiles(values: NDArray[np.float64]) -> Quantiles:
    low, median, high = np.quantile(values, QUANTILES)
    return float(low), float(median), float(high)


def worst_factor(rows: Sequence[Row]) -> float:
    """Largest factor between medians over the rows that realism is judged by (:data:`COMPARED`)."""
    return max(row.factor for row in rows if row.name in COMPARED)

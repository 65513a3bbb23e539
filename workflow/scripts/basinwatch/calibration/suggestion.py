"""Which settings of the simulator to change, and by how much, so that its tiles look more like real ones.

A suggestion, not a fit: it assumes that the logarithms of quantiles respond linearly to those of the settings, and
knows only the settings it tries.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from basinwatch.calibration import adjusting
from basinwatch.calibration.tables import COMPARED, Row, table
from basinwatch.simulation.settings import Settings

TAIL_WEIGHT = 0.5
DAMPING = 0.2
TEXTURED = 0.15
_SMALLEST_CHANGE = 0.02
_log = logging.getLogger(__name__)

Figures = Sequence[Mapping[str, float]]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Suggestion:
    """Settings to try, and what they promise.

    Parameters
    ----------
    settings
        All settings with the changes made.
    before, after
        Values that change, by dotted name.
    predicted
        Medians by statistic that the linear model expects.
    """

    settings: Settings
    before: dict[str, Any]
    after: dict[str, Any]
    predicted: dict[str, float]


def suggest(settings: Settings, real: Figures, simulate: Callable[[Settings], Figures]) -> Suggestion:
    """Read the texture off the real tiles, then find a damped step of all adjustable settings at once.

    Parameters
    ----------
    settings
        Where to start.
    real
        Statistics of the real tiles.
    simulate
        Gives the statistics of tiles of other settings; with the same sample numbers every time chance
        differences cancel.
    """

    def compare(trial: Settings) -> list[Row]:
        return [row for row in table(real, simulate(trial)) if row.name in COMPARED]

    start = with_texture(settings, real)
    rows = compare(start)
    sensitivity = sensitivities(start, rows, compare)
    step = damped_step(distances(rows), sensitivity, [adjusting.limits(start, n) for n in adjusting.ADJUSTABLE])
    step[np.abs(step) < _SMALLEST_CHANGE] = 0
    end = adjusting.moved(start, step)
    medians = (distances(rows) + sensitivity @ step)[: len(rows)]
    before, after = adjusting.differences(settings, end)
    predicted = {r.name: max(r.real[1], r.floor) * math.exp(m) for r, m in zip(rows, medians, strict=True)}
    return Suggestion(end, before, after, predicted)


def distances(rows: Sequence[Row]) -> Vector:
    """Logarithms of simulated over real medians, then half those of the outer quantiles.

    Outer quantiles of densities are left out: most of them are zero.
    """
    tails = [ratio for row in rows if not row.floor for ratio in (row.ratios[0], row.ratios[2])]
    return np.concatenate([np.log([row.ratios[1] for row in rows]), TAIL_WEIGHT * np.log(tails)])


def sensitivities(
    settings: Settings, rows: Sequence[Row], compare: Callable[[Settings], Sequence[Row]]
) -> NDArray[np.float64]:
    """Measure how the :func:`distances` follow the logarithm of every adjustable setting (finite differences).

    Returns
    -------
    float64 (distances, settings).
    """
    columns = []
    for name in adjusting.ADJUSTABLE:
        step = adjusting.trial_step(settings, name)
        shifted = compare(adjusting.scaled(settings, name, math.exp(step)))
        columns.append((distances(shifted) - distances(rows)) / step)
        _log.info("%s: %s", name, ", ".join(f"{r.name} {v:+.2f}" for r, v in zip(rows, columns[-1], strict=False)))
    return np.array(columns).T


def damped_step(distance: Vector, sensitivity: NDArray[np.float64], limits: Sequence[tuple[float, float]]) -> Vector:
    """Minimise the mean of (d + S x)² plus 0.04 |x|² within limits.

    Parameters
    ----------
    distance
        d, how far logarithms of simulated quantiles are from real ones.
    sensitivity
        S, change of d with the logarithm of each setting, (distances, settings).
    limits
        Least and largest x of every setting.

    Returns
    -------
    x, by which the logarithms of the settings are to grow.
    """
    damping = DAMPING * math.sqrt(len(distance)) * np.eye(sensitivity.shape[1])
    target = np.concatenate([-distance, np.zeros(len(damping))])
    bounds = tuple(np.transpose(limits))
    step: Vector = lsq_linear(np.vstack([sensitivity, damping]), target, bounds=bounds).x
    return step


def with_texture(settings: Settings, real: Figures) -> Settings:
    """Set share and width of the noise's texture to those of the real tiles.

    A tile has texture where the correlations of the next row and of the next column differ by more than
    0.15. White noise smoothed with a Gaussian of σ px has a correlation of exp(-1 / 4σ²) at one pixel.
    """
    both = np.array([[tile["correlation_down"], tile["correlation_across"]] for tile in real])
    both = both[np.isfinite(both).all(axis=1)]
    if not len(both):
        return settings
    textured = np.abs(both[:, 0] - both[:, 1]) > TEXTURED
    settings = adjusting.replaced(settings, "speckle.texture_share", adjusting.rounded(textured.mean()))
    if not textured.any():
        return settings
    strongest = np.clip(both[textured].max(axis=1), 0.05, 0.95)
    low, high = np.quantile(0.5 / np.sqrt(-np.log(strongest)), (0.1, 0.9))
    return adjusting.replaced(settings, "speckle.texture_px", (adjusting.rounded(low), adjusting.rounded(high)))

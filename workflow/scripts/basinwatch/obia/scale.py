"""Estimation of the scale of a segmentation by local variance: ESP and ESP2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from basinwatch.obia.regions import Regions
from basinwatch.obia.segmentation import Criterion, Segments, grow, levels

INCREMENTS = (1.0, 10.0, 100.0)


def local_variance(regions: Regions) -> float:
    """Mean over regions and bands of the standard deviation inside a region (Drăguţ, Tiede & Levick 2010).

    Large and small regions count alike.
    """
    count = regions.pixels[:, None].astype(np.float64)
    spread = np.sqrt(np.maximum(count * regions.squares - regions.sums**2, 0)) / count
    return float(spread.mean()) if spread.size else 0.0


@dataclass(frozen=True)
class Curve:
    """Local variance by scale, ascending."""

    scales: tuple[float, ...]
    local_variance: tuple[float, ...]

    def rate_of_change(self) -> NDArray[np.float64]:
        """Growth of the local variance from one scale to the next in percent, NaN for the first scale."""
        values = np.array(self.local_variance, np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.concatenate([[np.nan], 100 * np.diff(values) / values[:-1]])

    def peaks(self) -> list[float]:
        """Scales at which the rate of change is larger than at both neighbours: where ESP reads candidates."""
        rate = self.rate_of_change()
        inner = range(2, len(rate) - 1)
        return [self.scales[i] for i in inner if rate[i] > rate[i - 1] and rate[i] > rate[i + 1]]


def variance_curve(begun: Segments, criterion: Criterion, scales: Sequence[float]) -> Curve:
    """Local variance of nested segmentations at ascending scales, from regions begun with the first of them."""
    found = [local_variance(segments.regions) for _, segments in levels(begun, criterion, scales)]
    return Curve(tuple(scales), tuple(found))


def esp2_scales(
    begun: Segments, criterion: Criterion, max_scale: float, increments: Sequence[float] = INCREMENTS
) -> list[float]:
    """Three scales, each the last before local variance stops growing (Drăguţ, Csillik, Eisank & Tiede 2014).

    Every level goes on from the one before, with its own increment.

    Parameters
    ----------
    begun
        Regions begun with a scale of the first increment.
    max_scale
        Where the search ends; a level that has found nothing by then has no scale.
    """
    regions, scale, found = begun.regions, 0.0, []
    for increment in increments:
        before = -1.0
        while scale + increment <= max_scale:
            grown, _ = grow(regions, replace(criterion, scale=scale + increment))
            variance = local_variance(grown)
            if variance <= before:
                found.append(scale)
                break
            regions, scale, before = grown, scale + increment, variance
        else:
            break
    return found

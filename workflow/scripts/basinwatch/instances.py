"""From a probability map to separate basins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_EIGHT_NEIGHBOURS = np.ones((3, 3), bool)


@dataclass(frozen=True)
class InstanceSettings:
    """What counts as a basin.

    Parameters
    ----------
    threshold
        A basin's outline is where its probability reaches this.
    peak_threshold
        Somewhere inside, the probability must reach this (hysteresis).
    min_area_px
        Smaller components are dropped.
    """

    threshold: float = 0.5
    peak_threshold: float = 0.5
    min_area_px: int = 12

    def __post_init__(self) -> None:
        outline, peak = self.threshold, self.peak_threshold
        if not 0 < outline <= peak <= 1:
            raise ValueError(f"thresholds {outline} and {peak} must satisfy 0 < outline <= peak <= 1")


@dataclass(frozen=True)
class Instances:
    """Basins found in one probability map.

    Parameters
    ----------
    labels
        int32 (y, x), 0 = background, basins 1…n in the order of their first pixel.
    score, peak
        float64 (n,), mean and largest probability inside.
    area_px
        int64 (n,).
    """

    labels: NDArray[np.int32]
    score: NDArray[np.float64]
    peak: NDArray[np.float64]
    area_px: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.score)

    def mean_of(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Mean of the finite values inside each basin; NaN where there are none."""
        inside = (self.labels > 0) & np.isfinite(values)
        label = self.labels[inside]
        total = np.bincount(label, values[inside], len(self) + 1)[1:]
        count = np.bincount(label, minlength=len(self) + 1)[1:]
        return np.divide(total, count, out=np.full(len(self), np.nan), where=count > 0)

    def select(self, keep: NDArray[np.bool_]) -> Instances:
        """Keep some basins and number them anew."""
        number = np.zeros(len(self) + 1, np.int32)
        number[1:][keep] = np.arange(1, keep.sum() + 1)
        return Instances(number[self.labels], self.score[keep], self.peak[keep], self.area_px[keep])


def find_instances(probability: NDArray[np.floating], settings: InstanceSettings) -> Instances:
    """Find connected components (8 neighbours) of a probability map (y, x); NaN is background."""
    labels, count = ndimage.label(probability >= settings.threshold, _EIGHT_NEIGHBOURS)
    inside = labels > 0
    label, values = labels[inside], probability[inside].astype(np.float64)
    area = np.bincount(label, minlength=count + 1)[1:]
    peak = np.zeros(count + 1)
    np.maximum.at(peak, label, values)
    score = np.bincount(label, values, count + 1)[1:] / np.maximum(area, 1)
    found = Instances(labels.astype(np.int32), score, peak[1:], area)
    return found.select((area >= settings.min_area_px) & (found.peak >= settings.peak_threshold))

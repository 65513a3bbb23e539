"""From maps of probability to separate basins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

EIGHT_NEIGHBOURS = np.ones((3, 3), bool)

_ROUND_CORE_SHARE, _LEAST_CORE_SHARE = 0.25, 0.2


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
    core_threshold
        Where the probability of a core reaches this inside one outline at several separate places, there are as many
        basins.
    """

    threshold: float = 0.5
    peak_threshold: float = 0.5
    min_area_px: int = 12
    core_threshold: float = 0.5

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
        int32 (y, x), 0 = background, basins 1…n.
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


def find_instances(maps: NDArray[np.floating], settings: InstanceSettings) -> Instances:
    """Find basins in maps of probability.

    Basins are connected components (8 neighbours) of the first map; where the second map shows several cores in one,
    every pixel goes to the nearest core.

    Parameters
    ----------
    maps
        Probability of basin and, where the detector gives it, of core: (maps, y, x); or of basin alone: (y, x).
        NaN is background.
    """
    probability = maps if maps.ndim == 2 else maps[0]
    labels, count = ndimage.label(probability >= settings.threshold, EIGHT_NEIGHBOURS)
    if maps.ndim == 3 and len(maps) > 1:
        count = _split(labels, count, maps[1] >= settings.core_threshold, settings.min_area_px)
    inside = labels > 0
    label, values = labels[inside], probability[inside].astype(np.float64)
    area = np.bincount(label, minlength=count + 1)[1:]
    peak = np.zeros(count + 1)
    np.maximum.at(peak, label, values)
    score = np.bincount(label, values, count + 1)[1:] / np.maximum(area, 1)
    found = Instances(labels.astype(np.int32), score, peak[1:], area)
    return found.select((area >= settings.min_area_px) & (found.peak >= settings.peak_threshold))


def _split(labels: NDArray[np.int32], count: int, core: NDArray[np.bool_], min_area_px: int) -> int:
    """Divide components with several cores among them, in place; return the new number of components."""
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        part = labels[place]
        own = part == number
        divided = divide(own, core[place] & own, min_area_px)
        others = own & (divided > 1)
        part[others] = count - 1 + divided[others]
        count += max(int(divided.max()) - 1, 0)
    return count


def divide(inside: NDArray[np.bool_], core: NDArray[np.bool_], min_area_px: int) -> NDArray[np.int32]:
    """Divide a component among its cores: every pixel goes to the nearest one.

    The core of a round basin is a quarter of it (see :func:`basinwatch.detectors.basinnet.core_target`). Cores smaller
    than that of the smallest basin do not count, nor do those of less than a fifth of what would fall to them.

    Parameters
    ----------
    inside, core
        The component and its cores, (y, x).
    min_area_px
        Area of the smallest basin.

    Returns
    -------
    NDArray
        int32 (y, x): 1, 2, … inside, 0 outside; all 1 where there are not several cores.
    """
    cores, count = ndimage.label(core, EIGHT_NEIGHBOURS)
    area = np.bincount(cores.ravel(), minlength=count + 1)
    kept = np.flatnonzero(area[1:] >= min_area_px * _ROUND_CORE_SHARE) + 1
    while len(kept) > 1:
        marked = np.where(np.isin(cores, kept), cores, 0)
        nearest = ndimage.distance_transform_edt(marked == 0, return_distances=False, return_indices=True)
        divided = (np.searchsorted(kept, marked[tuple(nearest)]) + 1) * inside
        share = area[kept] / np.bincount(divided.ravel(), minlength=len(kept) + 1)[1:]
        if share.min() >= _LEAST_CORE_SHARE:
            return divided.astype(np.int32)
        kept = np.delete(kept, np.argmin(share))
    return inside.astype(np.int32)

"""Which segments belong to a patch: the total-area control of the mine-patch study."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMITS = (0.05, 0.95)
PUBLISHED_SHARE = 0.215
EXTRACTED, SEGMENTS = "extracted", "segments"


@dataclass(frozen=True)
class Overlaps:
    """Segments against what a detector extracted.

    Parameters
    ----------
    area
        (segments,) in any unit.
    shared
        (segments,) area that was extracted.
    """

    area: NDArray[np.float64]
    shared: NDArray[np.float64]

    @property
    def share(self) -> NDArray[np.float64]:
        """Extracted share of every segment."""
        found: NDArray[np.float64] = self.shared / self.area
        return found


def overlaps(labels: NDArray[np.int32], extracted: NDArray[np.bool_], count: int) -> Overlaps:
    """Areas of `count` segments in pixels, and how much of each was extracted."""
    area, shared = (np.bincount(values, minlength=count + 1)[1:] for values in (labels.ravel(), labels[extracted]))
    return Overlaps(area.astype(np.float64), shared.astype(np.float64))


@dataclass(frozen=True)
class AreaControl:
    """The share a segment needs, and what it rests on.

    Parameters
    ----------
    share
        Segments with a smaller extracted share are dropped.
    found
        The same before it was kept within `LIMITS`; None where the published one is taken.
    recall
        Share of the reference area that was extracted at all; where it is low, `found` collapses.
    """

    share: float
    found: float | None = None
    recall: float | None = None


def control_share(found: Overlaps, reference_area: float, by: str = EXTRACTED) -> float:
    """Share at which areas, cumulated from the largest share down, come closest to the reference area.

    Parameters
    ----------
    found
        Segments that touch reference patches; ties keep their order. Those without extracted area do not count.
    reference_area
        Of all reference patches together.
    by
        Areas that are cumulated: ``extracted`` parts, as published, which never reach the reference area where the
        detector misses some of it; or whole ``segments``, which are what a patch is made of.
    """
    some = found.shared > 0
    share, area = found.share[some], (found.area if by == SEGMENTS else found.shared)[some]
    order = np.argsort(-share, kind="stable")
    if not order.size:
        return PUBLISHED_SHARE
    place = int(np.argmin(np.abs(np.cumsum(area[order]) - reference_area)))
    return float(share[order][place])


def fit(
    labels: NDArray[np.int32], extracted: NDArray[np.bool_], references: NDArray[np.bool_], by: str = EXTRACTED
) -> AreaControl:
    """Find the share on reference patches; without any, take the published one.

    Parameters
    ----------
    labels
        (y, x) segments, 0 outside.
    extracted, references
        (y, x) what the detector found, and the ground of the reference patches.
    by
        See :func:`control_share`.
    """
    if not references.any():
        return AreaControl(PUBLISHED_SHARE)
    every = overlaps(labels, extracted, int(labels.max(initial=0)))
    touching = np.unique(labels[references])
    touching = touching[touching > 0] - 1
    found = control_share(Overlaps(every.area[touching], every.shared[touching]), float(references.sum()), by)
    recall = float(extracted[references].mean())
    return AreaControl(float(np.clip(found, *LIMITS)), found, recall)


def keep(labels: NDArray[np.int32], extracted: NDArray[np.bool_], share: float) -> NDArray[np.int32]:
    """Numbers (y, x) of the segments of which at least this share was extracted, 0 elsewhere."""
    found = overlaps(labels, extracted, int(labels.max(initial=0)))
    with np.errstate(invalid="ignore", divide="ignore"):
        wanted = (found.shared > 0) & (found.share >= share)
    return np.where(np.concatenate([[False], wanted]), np.arange(wanted.size + 1), 0).astype(np.int32)[labels]

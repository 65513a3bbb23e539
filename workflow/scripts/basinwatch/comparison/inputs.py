"""What a comparison of detections with a rate map starts from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

OUTSIDE, NOT_MEASURED, MEASURED = 0, 1, 2


@dataclass(frozen=True)
class ComparisonSettings:
    """When two outlines are the same place, and when SBAS could have seen a place at all.

    Parameters
    ----------
    min_iou, min_overlap
        A basin and a cluster match at this intersection over union, or this intersection over the smaller area.
    min_measured_share
        Share of a basin's core that SBAS must measure for its answer to mean anything.
    min_coherence, min_temporal_coherence, min_connected_share
        Below them a pixel is decorrelated, its unwrapping is inconsistent, or it lies apart from the reference.
    stable_mm_yr
        Rates within ± this count as stable.
    short_lived_share
        A basin active in at most this share of the time the rate map covers is short-lived.
    min_aliased_share
        Share of the pairs of the rate map, among those in which a basin sinks, that must be too steep to unwrap
        for it to count as aliased.
    least_phase_rad
        Motion that changes the phase by less in the longest pair is too slow to be detected.
    """

    min_iou: float = 0.10
    min_overlap: float = 0.25
    min_measured_share: float = 0.5
    min_coherence: float = 0.3
    min_temporal_coherence: float = 0.7
    min_connected_share: float = 0.5
    stable_mm_yr: float = 5.0
    short_lived_share: float = 0.25
    min_aliased_share: float = 0.5
    least_phase_rad: float = math.pi / 2


@dataclass(frozen=True)
class SbasMaps:
    """Rasters (y, x) of the rate on the grid of the comparison.

    Parameters
    ----------
    rate
        mm/yr, positive towards the satellite, NaN without.
    temporal_coherence, mean_coherence
        0…1, NaN where unknown.
    measured
        Where the rate can be believed.
    inside
        The area of interest; None = the whole grid.
    hotspot_class
        Gi* class −3…3, NaN without; None if there is none.
    connected_share
        Share of the pairs in which unwrapping joins a pixel to the reference, NaN where unknown; None if unknown.
    """

    rate: Float
    temporal_coherence: Float
    mean_coherence: Float
    measured: Bool
    inside: Bool | None = None
    hotspot_class: Float | None = None
    connected_share: Float | None = None

    def state(self) -> NDArray[np.uint8]:
        """State of every pixel: outside the area of interest, not measured, or measured."""
        state = np.where(self.measured, MEASURED, NOT_MEASURED)
        return np.where(True if self.inside is None else self.inside, state, OUTSIDE).astype(np.uint8)


@dataclass(frozen=True)
class Campaign:
    """The interferograms behind the detections and behind the rate map.

    Parameters
    ----------
    wavelength_m
        Of the radar.
    detection_pairs, network_pairs
        (earlier, later) dates of the pairs that were searched for basins, and of those the rate comes from.
    observed_days
        (y, x) days in which the detector saw anything; None if unknown.
    """

    wavelength_m: float
    detection_pairs: Sequence[tuple[date, date]]
    network_pairs: Sequence[tuple[date, date]]
    observed_days: Float | None = None

    @property
    def span_days(self) -> int:
        """Days from the first to the last date of the rate map."""
        dates = [day for pair in self.network_pairs for day in pair]
        return (max(dates) - min(dates)).days

    @property
    def quarter_wave_mm(self) -> float:
        """Displacement between neighbouring pixels that changes the phase by half a cycle."""
        return self.wavelength_m / 4 * 1000

    def phase_rad(self, rate_mm_yr: float) -> float:
        """Phase that steady motion gathers in the longest pair that was searched."""
        longest = max((second - first).days for first, second in self.detection_pairs)
        return abs(rate_mm_yr) * longest / 365.25 / self.quarter_wave_mm * math.pi

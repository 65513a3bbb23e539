"""Why detections and rate map differ at a place, with the numbers behind."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.comparison.inputs import Campaign, ComparisonSettings, SbasMaps
from basinwatch.vectors import Footprint

MATCHED, MISSED, EXTRA, NOT_ASSESSABLE = "matched", "missed", "extra", "not_assessable"
DECORRELATED = "decorrelated"
ALIASED = "unwrapping failed (rate aliased)"
APART = "unwrapped apart from the reference"
TOO_FEW = "too few pairs"
NO_RATE = "no rate"
OUT_OF_AREA = "outside the rate map"
TOO_SHORT = "too short-lived for a mean rate"
BELOW_THRESHOLD = "mean rate below the threshold"
NO_CLUSTER = "moving, but not part of a cluster"
SLIGHT_OVERLAP = "overlaps a basin too little"
NOT_OBSERVED = "no detection pair sees the place"
TOO_SLOW = "too slow for a fringe"
NOT_DETECTED = "not detected"
REASONS = {
    MISSED: (TOO_SLOW, SLIGHT_OVERLAP, NOT_OBSERVED, NOT_DETECTED),
    EXTRA: (TOO_SHORT, BELOW_THRESHOLD, NO_CLUSTER, ALIASED),
    NOT_ASSESSABLE: (DECORRELATED, ALIASED, APART, TOO_FEW, NO_RATE, OUT_OF_AREA),
}


@dataclass(frozen=True)
class Evidence:
    """Numbers about one place; NaN where unknown.

    Parameters
    ----------
    measured_share, core_measured_share, core_outside_share
        Share of the place, and of its core, that SBAS measures; of its core that lies outside the area of interest.
    mean_rate, min_rate, core_rate
        mm/yr on measured pixels of the place, and the mean of its core.
    mean_coherence, temporal_coherence
        Means of the core.
    active_days, span_days, active_share
        Days with detections, days the rate map covers, and their ratio.
    needed_rate
        mm/yr a basin must sink by while it is active for the mean rate to leave the stable range.
    gradient_rad, gradient_mm, gradient_limit_mm
        Steepest phase per pixel in a pair of the rate map, predicted from detecting pairs, as displacement, and the
        displacement beyond which unwrapping fails.
    aliased_share
        Share of the pairs of the rate map, among those in which the basin sinks, that are steeper than half a cycle.
    """

    measured_share: float
    core_measured_share: float
    core_outside_share: float
    mean_rate: float
    min_rate: float
    core_rate: float
    mean_coherence: float
    temporal_coherence: float
    active_days: float = math.nan
    span_days: float = math.nan
    active_share: float = math.nan
    needed_rate: float = math.nan
    gradient_rad: float = math.nan
    gradient_mm: float = math.nan
    gradient_limit_mm: float = math.nan
    aliased_share: float = math.nan


def gather(
    place: Footprint, sbas: SbasMaps, active_days: float, gradients: NDArray[np.float64] | None,
    campaign: Campaign | None, settings: ComparisonSettings,
) -> Evidence:  # fmt: skip
    """Collect what is known about a place.

    Parameters
    ----------
    active_days
        Days with detections, NaN if unknown.
    gradients
        Radians per pixel in every pair of the rate map, see
        :func:`basinwatch.comparison.gradients.network_gradients`; None if unknown.
    """
    numbers = _map_numbers(place, sbas) | {"active_days": active_days}
    if campaign is not None:
        numbers |= _time_numbers(active_days, campaign.span_days, settings.stable_mm_yr)
        if gradients is not None:
            numbers |= _gradient_numbers(gradients, campaign.quarter_wave_mm)
    return Evidence(**numbers)


def _map_numbers(place: Footprint, sbas: SbasMaps) -> dict[str, float]:
    """Read what the maps say of a place; one outside the grid has no measured pixel."""
    core = place.core()
    measured, core_measured = place.of(sbas.measured), core.of(sbas.measured)
    rates = place.of(sbas.rate)[measured]
    outside = np.zeros(core_measured.size) if sbas.inside is None else ~core.of(sbas.inside)
    return {
        "measured_share": _mean(measured, 0.0),
        "core_measured_share": _mean(core_measured, 0.0),
        "core_outside_share": _mean(outside, 1.0),
        "mean_rate": _mean(rates),
        "min_rate": float(rates.min()) if rates.size else math.nan,
        "core_rate": _mean(core.of(sbas.rate)[core_measured]),
        "mean_coherence": _mean(core.of(sbas.mean_coherence)),
        "temporal_coherence": _mean(core.of(sbas.temporal_coherence)),
    }


def _mean(values: NDArray[Any], empty: float = math.nan) -> float:
    """Mean of the values that are known, or `empty`."""
    known = values[np.isfinite(values)]
    return float(known.mean(dtype=np.float64)) if known.size else empty


def _time_numbers(active_days: float, span_days: int, stable_mm_yr: float) -> dict[str, float]:
    """Set activity against the time the rate map averages over."""
    share = active_days / span_days
    needed = stable_mm_yr / share if share else math.nan
    return {"span_days": span_days, "active_share": share, "needed_rate": needed}


def _gradient_numbers(gradients: NDArray[np.float64], quarter_wave_mm: float) -> dict[str, float]:
    """Set predicted gradients against half a cycle per pixel."""
    sinking = gradients[gradients > 0]
    steepest = float(gradients.max(initial=0))
    return {
        "gradient_rad": steepest,
        "gradient_mm": steepest / math.pi * quarter_wave_mm,
        "gradient_limit_mm": quarter_wave_mm,
        "aliased_share": _mean(sinking > math.pi, 0.0),
    }


def judge(
    matched: bool, evidence: Evidence, place: Footprint, sbas: SbasMaps, settings: ComparisonSettings
) -> tuple[str, str]:
    """Status and reason of a basin from its core.

    Where SBAS does not measure the core, a cluster on the flanks is no match: it misses what matters.
    """
    if evidence.core_measured_share < settings.min_measured_share:
        return NOT_ASSESSABLE, _blindness(evidence, place.core(), sbas, settings)
    return (MATCHED, "") if matched else (EXTRA, _contradiction(evidence, settings))


def _blindness(evidence: Evidence, core: Footprint, sbas: SbasMaps, settings: ComparisonSettings) -> str:
    """Why SBAS does not measure a core: too steep, or else the reason most of its unmeasured pixels share.

    A pixel is decorrelated when its mean coherence is low; else it has no rate; else its unwrapping is
    inconsistent when the temporal coherence is low (fast motion aliases); else its cycles are unknown when it was
    rarely joined to the reference; else too few pairs are valid.
    """
    if evidence.core_outside_share > settings.min_measured_share:
        return OUT_OF_AREA
    if evidence.aliased_share >= settings.min_aliased_share:
        return ALIASED
    dark = ~core.of(sbas.measured)
    low = core.of(sbas.mean_coherence)[dark] < settings.min_coherence
    empty = ~np.isfinite(core.of(sbas.rate)[dark])
    torn = core.of(sbas.temporal_coherence)[dark] < settings.min_temporal_coherence
    share = np.ones(len(dark)) if sbas.connected_share is None else core.of(sbas.connected_share)
    apart = share[dark] < settings.min_connected_share
    reasons = np.select([low, empty, torn, apart], [DECORRELATED, NO_RATE, ALIASED, APART], TOO_FEW)
    return max((DECORRELATED, ALIASED, APART, TOO_FEW, NO_RATE), key=lambda reason: int((reasons == reason).sum()))


def _contradiction(evidence: Evidence, settings: ComparisonSettings) -> str:
    """Why a measured rate shows no cluster at a basin."""
    if evidence.aliased_share >= settings.min_aliased_share:
        return ALIASED
    if abs(evidence.core_rate) > settings.stable_mm_yr:
        return NO_CLUSTER
    return TOO_SHORT if evidence.active_share <= settings.short_lived_share else BELOW_THRESHOLD


def oversight(
    touches: bool, extreme_rate: float, place: Footprint, campaign: Campaign | None, settings: ComparisonSettings
) -> str:
    """Why no basin matches a cluster of the rate map.

    Parameters
    ----------
    touches
        Whether it shares area with a basin.
    extreme_rate
        mm/yr, the strongest in the cluster.
    """
    if touches:
        return SLIGHT_OVERLAP
    if campaign is None:
        return NOT_DETECTED
    if campaign.observed_days is not None and not place.of(campaign.observed_days).any():
        return NOT_OBSERVED
    return TOO_SLOW if campaign.phase_rad(extreme_rate) < settings.least_phase_rad else NOT_DETECTED

"""How a rate map is made and what of it is believed."""

from __future__ import annotations

from dataclasses import dataclass, field

from basinwatch.sbas.banded import Bridge
from basinwatch.sbas.corrections.chain import CorrectionSettings
from basinwatch.sbas.trend import TrendSettings
from basinwatch.sbas.weights import Weighting


@dataclass(frozen=True)
class RateSettings:
    """How a rate is estimated and when it counts as measured.

    Parameters
    ----------
    weighting, looks
        Weights of the pairs from their coherence and its effective number of looks, as
        :func:`basinwatch.sbas.weights.pair_weights` takes them.
    bridge
        What fills intervals without any pair: no motion, or the speed of their neighbours.
    min_coherence
        Observations below it are dropped (unknown coherence is kept).
    corrections
        What is corrected, and how.
    min_temporal_coherence, min_observed_share, max_gaps
        A rate counts as measured when the residuals agree this well, this share of the pairs is valid,
        no more intervals than this are left without any pair, and the dates fall into no more unconnected
        subsets than so many gaps make.
    min_pairs_per_date, max_residual_rms_mm
        Nor does it with fewer valid pairs per date of the series, or a larger residual (None: any).
    min_connected_share
        Nor does it where the pixel lies apart from the reference's connected component in more of the pairs; 0 lets
        that count. Without components nothing is known of it.
    trend
        What is fitted to the series besides a line, and where the standard error comes from.
    stable_mm_per_year, class_sigmas
        Rates within ± this are stable; so many standard errors are taken from the size of a rate before it is
        classed a second time.
    short_pair_days
        Pairs up to this length are held against the longer ones; None splits them at their mean length.
    block_px
        Side of the blocks that are read and inverted one at a time; a block takes 4 bytes per pair and pixel
        (8 with weights) and about as much per date.
    """

    weighting: Weighting = "uniform"
    looks: float = 1.0
    bridge: Bridge = "flat"
    min_coherence: float = 0.3
    corrections: CorrectionSettings = field(default_factory=CorrectionSettings)
    min_temporal_coherence: float = 0.7
    min_observed_share: float = 0.5
    max_gaps: int = 0
    min_pairs_per_date: float = 0.0
    max_residual_rms_mm: float | None = None
    min_connected_share: float = 0.5
    trend: TrendSettings = field(default_factory=TrendSettings)
    stable_mm_per_year: float = 5.0
    class_sigmas: float = 1.0
    short_pair_days: float | None = None
    block_px: int = 512

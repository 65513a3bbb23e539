"""Small-baseline inversion: displacement series from pairs, whatever is missing, and what determines them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from basinwatch.sbas.banded import Bridge, Normal
from basinwatch.sbas.quality import Redundancy, end_matrix, redundancy, residual_rms, temporal_coherence

Array = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Solution(Redundancy):
    """Result of :func:`invert` for P pixels, with their redundancy.

    Parameters
    ----------
    displacement
        (dates, P) in the unit and sign of the observations, 0 at the series' first date; NaN without any
        observation.
    temporal_coherence
        (P,) length of the mean residual phasor over the pairs (Pepe & Lanari 2006); observations in radians.
    residual_rms
        (P,) root mean square of observation minus model.
    first
        Position of the first date in `displacement`: 0 unless only the latest dates were solved again.
    """

    displacement: Array
    temporal_coherence: Array
    residual_rms: Array
    first: int = 0

    @property
    def unobserved_date(self) -> Bool:
        """Pixels (P,) in which a date has no valid pair."""
        return self.min_links == 0

    @property
    def disconnected(self) -> Bool:
        """Pixels (P,) whose dates fall into unconnected subsets: what lies between them is assumed, not measured."""
        return self.n_comp > 1

    @property
    def freedom(self) -> NDArray[np.int32]:
        """Degrees of freedom (P,) of the residuals: valid pairs less the rank of the network."""
        return self.n_obs - (self.first + len(self.displacement) - self.n_comp)


def invert(
    pairs: NDArray[np.integer[Any]],
    days: NDArray[np.floating[Any]],
    observations: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]] | None = None,
    bridge: Bridge = "flat",
) -> Solution:
    """Estimate displacement at every date from pairwise differences.

    Parameters
    ----------
    pairs
        (m, 2) positions of earlier and later date.
    days
        (dates,) acquisition times in days, increasing.
    observations
        (m, P) displacement of the later minus the earlier date, NaN where missing.
    weights
        (m, P) weights of the squared residuals, any scale; None = all equal. What has none counts as missing.
    bridge
        What fills intervals that no pair spans: no motion, or the speed of the neighbouring intervals.

    Raises
    ------
    ValueError
        If shapes disagree, dates do not increase or a pair is not in order of time.
    """
    check(pairs, days, observations, weights)
    normal, ends = Normal(pairs, days, bridge), end_matrix(pairs, len(days))
    displacement = np.empty((len(days), observations.shape[1]))
    parts = [
        _invert_block(
            normal,
            ends,
            observations[:, block],
            None if weights is None else weights[:, block],
            displacement[:, block],
        )
        for block in blocks(normal, observations.shape[1])
    ]
    layers: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Solution(**layers, displacement=displacement)


def blocks(normal: Normal, pixels: int) -> list[slice]:
    """Parts of the pixel axis to work on one at a time; at least one, which may be empty."""
    return [slice(start, start + normal.block_px) for start in range(0, max(pixels, 1), normal.block_px)]


def check(pairs: NDArray[Any], days: NDArray[Any], observations: NDArray[Any], weights: NDArray[Any] | None) -> None:
    """Refuse arguments that do not fit together, with a ValueError."""
    if pairs.ndim != 2 or pairs.shape[1] != 2 or observations.ndim != 2 or len(pairs) != len(observations):
        raise ValueError(
            f"pairs {pairs.shape} and observations {observations.shape} do not fit: expected (m, 2), (m, P)"
        )
    if weights is not None and weights.shape != observations.shape:
        raise ValueError(f"weights {weights.shape} do not fit observations {observations.shape}")
    if len(days) < 2 or (np.diff(days) <= 0).any():
        raise ValueError("days must hold at least two increasing times")
    if (pairs[:, 0] >= pairs[:, 1]).any() or pairs.min() < 0 or pairs.max() >= len(days):
        raise ValueError("every pair must name an earlier and a later date of the series")


def prepare(
    observations: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]] | None
) -> tuple[Bool, Array, Array]:
    """Tell which observations count, and set the others and their weights to zero."""
    seen = np.isfinite(observations)
    if weights is None:
        return seen, np.where(seen, observations, np.float64(0)), seen.astype(np.float64)
    seen &= weights > 0
    return seen, np.where(seen, observations, np.float64(0)), np.where(seen, weights, np.float64(0))


def _invert_block(
    normal: Normal,
    ends: csr_array,
    observations: NDArray[Any],
    weights: NDArray[Any] | None,
    displacement: Array,
) -> dict[str, NDArray[Any]]:
    """Solve one block of pixels into `displacement` and describe the result."""
    seen, observed, weight = prepare(observations, weights)
    if weights is not None:
        weight *= seen.sum(axis=0) / np.where(weight.any(axis=0), weight.sum(axis=0), 1)
    right = normal.adjoint @ (observed if weights is None else weight * observed)
    solved, n_comp = normal.least_squares(right, weight)
    displacement[:] = solved
    counts = redundancy(ends, seen, n_comp)
    residual = normal.residual(observed, solved)
    residual *= seen
    displacement[:, counts.n_obs == 0] = np.nan
    return vars(counts) | {
        "temporal_coherence": temporal_coherence(residual, counts.n_obs),
        "residual_rms": residual_rms(residual, counts.n_obs),
    }

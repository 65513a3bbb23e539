"""Update of an eliminated network by new dates and pairs, block by block (see :mod:`basinwatch.sbas.state`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from basinwatch.sbas.banded import (
    TRACE,
    Array,
    Bridge,
    add_conductors,
    backward,
    design_matrix,
    eliminate_traced,
    penalty_matrix,
    trace_limit,
)
from basinwatch.sbas.inversion import prepare
from basinwatch.sbas.quality import count_links, end_matrix, known, phasor_sum

Layers = dict[str, NDArray[Any]]

_NO_LINKS = np.iinfo(np.int16).max


@dataclass(frozen=True)
class Block:
    """Pixels of a state.

    Parameters
    ----------
    closed
        For every eliminated date that is solved again, (width + 2, P): what
        :func:`~basinwatch.sbas.banded.eliminate_traced` leaves of it, and its right-hand side.
    open
        (open dates, width + 3, P): conductances, and the two right-hand sides, of dates new pairs may refer to.
    scale
        (P,) weight that counts as one.
    links, spans
        int16 valid pairs of the date before the open ones and of each of those, and across their intervals.
    counts
        int32 (4, P): valid pairs; least links and uncovered intervals among the dates before; subsets that ended
        among the dates not solved again.
    sums
        (3, P): cosine, sine and square of residuals.
    """

    closed: tuple[Array, ...]
    open: Array
    scale: Array
    links: NDArray[np.int16]
    spans: NDArray[np.int16]
    counts: NDArray[np.int32]
    sums: Array

    @classmethod
    def blank(cls, width: int, pixels: int) -> Block:
        """Nothing but the first date."""
        return cls(
            closed=(),
            open=np.zeros((0, width + 3, pixels)),
            scale=np.zeros(pixels),
            links=np.zeros((1, pixels), np.int16),
            spans=np.zeros((0, pixels), np.int16),
            counts=np.tile(np.array([[0], [_NO_LINKS], [0], [0]], np.int32), pixels),
            sums=np.zeros((3, pixels)),
        )


@dataclass(frozen=True)
class Method:
    """What stays the same from update to update.

    Parameters
    ----------
    width
        Longest pair, counted in dates, that can be added; as many latest dates are open.
    lag
        Number of latest dates solved again at an update.
    unit_days
        Median interval at the start.
    bridge
        What fills intervals that no pair spans.
    """

    width: int
    lag: int
    unit_days: float
    bridge: Bridge


class Window:
    """The dates that an update solves again, and what their equations have in common for all pixels.

    Unknowns are the dates after the first. From old to new there are those that leave the window with this
    update, those closed before, and those open at its beginning or new, to which the pairs refer; of the latter
    the first may close.

    Attributes
    ----------
    size
        Number of dates of the solution: with the first date of the series until the next one has left.
    """

    def __init__(self, method: Method, old_days: Array, days: Array, pairs: NDArray[Any], sign: int) -> None:
        width = method.width
        self.width, self.sign, self.n_dates = width, sign, len(days)
        n_old, n = len(old_days) - 1, len(days) - 1
        n_kept, done = min(n_old, method.lag), max(n_old - width, 0)
        self.n_unknowns = n_kept + n - n_old
        self.size = self.n_unknowns + (n_kept == n_old)
        self.n_before = n_kept - (n_old - done)
        self.n_leaving = max(self.n_unknowns - method.lag, 0)
        self.n_open = n - done
        self.n_closing = self.n_open - min(n, width)
        pairs = pairs - done
        self.ends = end_matrix(pairs, self.n_open + 1)
        self.places = [(b - 1, width) if a == 0 else (a - 1, b - a - 1) for a, b in pairs.tolist()]
        self.design = design_matrix(pairs, self.n_open)
        self.adjoint = csr_array(self.design.T)
        old, new = (
            TRACE * penalty_matrix(np.diff(times) / method.unit_days, method.bridge) for times in (old_days, days)
        )
        old.resize(new.shape)
        self.growth = csr_array((new - old)[done:, done:])
        self.limit = trace_limit(new)


def update_block(
    window: Window, block: Block, observations: NDArray[Any], weights: NDArray[Any] | None
) -> tuple[Block, Array, Layers]:
    """Update one block of pixels by observations and weights (m, P) of the window's pairs.

    Returns
    -------
    block, displacement, description
        What later updates need; (unknowns of the window, P); and the other fields of
        :class:`~basinwatch.sbas.inversion.Solution`.
    """
    seen, observed, weight = prepare(observations, weights)
    scale = np.where(block.scale > 0, block.scale, weight.sum(axis=0) / np.maximum(seen.sum(axis=0), 1))
    weight *= window.sign / np.where(scale > 0, scale, 1)
    columns = _assembled(window, block.open, observed, weight)
    _eliminate(columns, window.n_closing, window.limit)
    still_open = columns[window.n_closing :].copy()
    _eliminate(columns[window.n_closing :], len(still_open), window.limit)
    columns[:, -2] += columns[:, -1]
    solved = [*block.closed, *columns[:, :-1]]
    displacement = backward(solved, np.stack([column[-1] for column in solved]), window.width)
    residual = (observed - window.design @ displacement[window.n_before :]) * seen
    links, spans = count_links(window.ends, seen)
    null = np.stack([column[-2] > 1 / window.limit for column in solved])
    counts, found = _recounted(window, block, null, links, spans, seen)
    n_seen = seen.sum(axis=0)
    squares = np.einsum("mp,mp->p", residual, residual)
    sums = block.sums + window.sign * np.stack([*phasor_sum(residual, n_seen), squares])
    found |= {
        "temporal_coherence": np.hypot(sums[0], sums[1]) / known(counts[0]),
        "residual_rms": np.sqrt(np.maximum(sums[2], 0) / known(counts[0])),
    }
    fresh = columns[max(window.n_leaving - window.n_before, 0) : window.n_closing]
    after = Block(
        closed=(*block.closed[window.n_leaving :], *(column[:-1].copy() for column in fresh)),
        open=still_open,
        scale=scale,
        links=links[window.n_closing :],
        spans=spans[window.n_closing :],
        counts=counts,
        sums=sums,
    )
    return after, displacement, found


def _assembled(window: Window, before: Array, observed: Array, weight: Array) -> Array:
    """Conductances and right-hand sides of open dates with the new dates and pairs, (n_open, width + 3, P)."""
    columns = np.empty((window.n_open, window.width + 3, observed.shape[1]))
    columns[: len(before)], columns[len(before) :] = before, 0
    columns[:, -2] += window.adjoint @ (weight * observed)
    for place, value in zip(window.places, weight, strict=True):
        columns[place] += value
    add_conductors(columns[:, :-2], window.growth)
    return columns


def _eliminate(columns: Array, count: int, limit: float) -> None:
    """Eliminate the first dates from the conductances and the right-hand sides."""
    eliminate_traced(columns[:, :-2], columns[:, -2], columns[:, -1], limit, count)


def _recounted(
    window: Window,
    block: Block,
    null: NDArray[np.bool_],
    links: NDArray[np.int16],
    spans: NDArray[np.int16],
    seen: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], Layers]:
    """Redundancy sums after an update, and the redundancy they tell; old links and spans are added to the new."""
    for counted, old in ((links, block.links), (spans, block.spans)):
        counted *= window.sign
        counted[: len(old)] += old
    n_obs, least, gaps, ended = block.counts
    n_obs = n_obs + window.sign * seen.sum(axis=0, dtype=np.int32)
    closing = slice(window.n_closing)
    counts = [
        n_obs,
        np.minimum(least, links[closing].min(axis=0, initial=_NO_LINKS)),
        gaps + (spans[closing] == 0).sum(axis=0, dtype=np.int32),
        ended + null[: window.n_leaving].sum(axis=0, dtype=np.int32),
    ]
    return np.stack(counts), {
        "n_obs": n_obs,
        "min_links": np.minimum(least, links.min(axis=0)),
        "n_gap": gaps + (spans == 0).sum(axis=0, dtype=np.int32),
        "n_comp": np.where(n_obs > 0, 1 + ended + null.sum(axis=0, dtype=np.int32), window.n_dates),
    }

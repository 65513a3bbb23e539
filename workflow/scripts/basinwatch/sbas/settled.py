"""Dates of the past that later scenes leave as they are: their pairs are eliminated, only what they tell is kept.

A new scene moves the dates before it less and less: what the next update changes in an eliminated date is a mean of
what it changes in the dates after it. So where the first dates that are solved again have not moved, none before them
has, and their displacement is kept as a number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.sbas.banded import Array, Bridge
from basinwatch.sbas.corrections.closure import loop_counts
from basinwatch.sbas.inversion import Solution, prepare
from basinwatch.sbas.network import Network
from basinwatch.sbas.pair_lengths import are_short, length_sums, pair_days
from basinwatch.sbas.quality import phasor_sum
from basinwatch.sbas.state import State, StateMismatchError, append, start

TOLERANCE_RAD = 1e-6
# A scene moves the date so many spans of the longest pair before it by less than a ten-millionth of a radian.
WINDOW_WIDTHS = 8


@dataclass(frozen=True)
class Settled:
    """What is left of the first dates of P pixels.

    Parameters
    ----------
    state
        Their eliminated network.
    frozen
        (dates, P) radians of the first of them, as far as the first that are solved again.
    lengths
        (4, P) sums of :func:`~basinwatch.sbas.pair_lengths.length_sums`.
    loops
        uint16 (2, P) loops that miss whole cycles, and all.
    """

    state: State
    frozen: Array
    lengths: Array
    loops: NDArray[np.uint16]

    @property
    def dates(self) -> int:
        """Number of dates."""
        return len(self.state.days)

    def part(self, pixels: slice) -> Settled:
        """Take the pixels of whole blocks of the state."""
        ends = np.cumsum([block.scale.size for block in self.state.blocks])
        chosen = [b for b, end in zip(self.state.blocks, ends, strict=True) if pixels.start < end <= pixels.stop]
        state = replace(self.state, blocks=tuple(chosen))
        return Settled(state, self.frozen[:, pixels], self.lengths[:, pixels], self.loops[:, pixels])

    @classmethod
    def join(cls, parts: list[Settled]) -> Settled:
        """Put parts together again, in the order of their pixels."""
        blocks = tuple(block for one in parts for block in one.state.blocks)
        arrays = (
            np.concatenate([getattr(one, name) for one in parts], axis=1) for name in ("frozen", "lengths", "loops")
        )
        return cls(replace(parts[0].state, blocks=blocks), *arrays)


@dataclass(frozen=True)
class Observed:
    """Corrected pairs of P pixels.

    Parameters
    ----------
    network
        Of the whole stack.
    numbers
        (k,) which of its pairs these are, increasing.
    phase, weights
        (k, P) radians, NaN where missing, and weights or None.
    loops
        (l, 3) loops of three pairs of the whole stack.
    short_days
        As for :func:`~basinwatch.sbas.pair_lengths.are_short`.
    bridge
        What fills intervals that no pair spans.
    """

    network: Network
    numbers: NDArray[np.int64]
    phase: NDArray[np.floating[Any]]
    weights: Array | None
    loops: NDArray[np.int64]
    short_days: float | None
    bridge: Bridge

    def until(self, first: int, last: int) -> NDArray[np.bool_]:
        """Pairs (k,) whose later date is one of these, the last excluded."""
        later = self.network.index[self.numbers, 1]
        return (later >= first) & (later < last)

    def loops_until(self, first: int, last: int) -> NDArray[np.uint16]:
        """Loops that miss whole cycles, and all, (2, P), of those whose last date is one of these."""
        latest = self.network.index[self.loops[:, 2], 1]
        chosen = self.loops[(latest >= first) & (latest < last)]
        return np.stack(loop_counts(self.phase, np.searchsorted(self.numbers, chosen)))

    def residual(self, displacement: Array, chosen: NDArray[np.bool_]) -> Array:
        """Observation minus model of some of the pairs, NaN where missing."""
        earlier, later = self.network.index[self.numbers[chosen]].T
        return self.phase[chosen] - (displacement[later] - displacement[earlier])

    def lengths(self, displacement: Array, chosen: NDArray[np.bool_]) -> Array:
        """Sum the residuals of some of the pairs by their length, (4, P)."""
        days = pair_days(self.network)
        numbers = self.numbers[chosen]
        return length_sums(
            self.residual(displacement, chosen), days[numbers], are_short(days, self.short_days)[numbers]
        )

    def arguments(self, chosen: NDArray[np.bool_]) -> tuple[NDArray[Any], Array | None]:
        """Phase and weights of some of the pairs."""
        return self.phase[chosen], None if self.weights is None else self.weights[chosen]


def wanted_pairs(network: Network, settled_dates: int) -> NDArray[np.int64]:
    """Numbers of the pairs that are still needed: of later dates, and those that may form a loop with such."""
    first, second = network.index.T
    return np.flatnonzero((second >= settled_dates) | (first >= settled_dates - network.index_span))


def settled_dates(network: Network) -> int:
    """Tell how many dates can be settled; 0 while there are few."""
    width = network.index_span
    dates = len(network.dates) - WINDOW_WIDTHS * width
    return dates - dates % width if dates > width else 0


def solve_later(settled: Settled, observed: Observed) -> tuple[Solution, Array, NDArray[np.uint16]]:
    """Solve the dates that are not settled, and those just before.

    Returns
    -------
    solution, lengths, loops
        The solution holds all dates; the sums are those of :class:`Settled`, over all pairs.

    Raises
    ------
    StateMismatchError
        If a pair reaches back into what is eliminated, or settled dates move by more than a millionth of a radian.
    """
    network, width = observed.network, settled.state.method.width
    later = observed.until(settled.dates, len(network.dates))
    pairs = network.index[observed.numbers[later]]
    solution = append(settled.state, pairs, network.days[settled.dates :], *observed.arguments(later))[1]
    first = solution.first
    moved = np.abs(solution.displacement[:width] - settled.frozen[first : first + width])
    largest = float(np.nanmax(moved, initial=0))
    if first and largest > TOLERANCE_RAD:
        raise StateMismatchError(
            f"settled dates: found them {largest:.1e} rad from where they were, expected at most {TOLERANCE_RAD:g} rad"
        )
    series = np.concatenate([settled.frozen[:first], solution.displacement])
    series[:, solution.n_obs == 0] = np.nan
    lengths = settled.lengths + observed.lengths(series, later)
    loops = settled.loops + observed.loops_until(settled.dates, len(network.dates))
    return replace(solution, displacement=series, first=0), lengths, loops


def settle(settled: Settled | None, observed: Observed, displacement: Array, dates: int) -> Settled:
    """Settle the first dates, with residuals of the present solution (dates, P); some may be settled already."""
    network, width = observed.network, observed.network.index_span
    known = settled.dates if settled else 0
    chosen = observed.until(known, dates)
    pairs, arguments = network.index[observed.numbers[chosen]], observed.arguments(chosen)
    if settled is None:
        state, _ = start(pairs, network.days[:dates], *arguments, bridge=observed.bridge, width=width, lag=0)
    else:
        state, _ = append(settled.state, pairs, network.days[known:dates], *arguments)
    series = np.nan_to_num(displacement)
    state = _with_sums(state, settled, *arguments, observed.residual(series, chosen))
    lengths, loops = observed.lengths(series, chosen), observed.loops_until(known, dates)
    if settled is not None:
        lengths, loops = settled.lengths + lengths, settled.loops + loops
    return Settled(state, series[: max(dates - state.method.lag, 0) + state.method.width].copy(), lengths, loops)


def _with_sums(
    state: State, settled: Settled | None, phase: NDArray[Any], weights: Array | None, residual: Array
) -> State:
    """Replace the residual sums of a state by those of the present solution."""
    seen = prepare(phase, weights)[0]
    residual, count = np.where(seen, residual, 0), seen.sum(axis=0)
    sums = np.stack([*phasor_sum(residual, count), np.einsum("mp,mp->p", residual, residual)])
    if settled is not None:
        sums += np.concatenate([block.sums for block in settled.state.blocks], axis=1)
    ends = np.cumsum([block.scale.size for block in state.blocks])[:-1]
    parts = np.split(sums, ends, axis=1)
    return replace(
        state, blocks=tuple(replace(block, sums=part) for block, part in zip(state.blocks, parts, strict=True))
    )

"""Incremental inversion: new scenes are added to a solved series without reading its old pairs again.

Eliminating old dates leaves a network of the last ones, as many as the longest pair spans; only these are open to
new pairs. The state keeps that network, and the eliminated dates that are to be solved again at every update.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.sbas.banded import Array, Bridge
from basinwatch.sbas.inversion import Solution, check
from basinwatch.sbas.window import Block, Method, Window, update_block

LAG_WIDTHS = 4
ALL_DATES = sys.maxsize
_BLOCK_PX = 4096


class StateMismatchError(ValueError):
    """A state cannot take up what is to be added; invert the whole stack instead."""


@dataclass(frozen=True)
class State:
    """What an inversion leaves for later scenes.

    Parameters
    ----------
    days
        (dates,) acquisition times in days.
    pairs
        (m, 2) positions of the dates of the pairs taken up, in that order.
    method
        How it is updated.
    blocks
        The pixels in order, a block at a time.
    """

    days: Array
    pairs: NDArray[np.int64]
    method: Method
    blocks: tuple[Block, ...]

    @property
    def first_open(self) -> int:
        """Position of the first date that new pairs may refer to."""
        size = len(self.days) - 1
        return size - self.method.width + 1 if size > self.method.width else 0

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return sum(block.scale.size for block in self.blocks)


def start(
    pairs: NDArray[np.integer[Any]],
    days: NDArray[np.floating[Any]],
    observations: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]] | None = None,
    *,
    bridge: Bridge = "flat",
    width: int = 1,
    lag: int | None = None,
) -> tuple[State, Solution]:
    """Invert a stack as :func:`~basinwatch.sbas.inversion.invert` does, and keep what later scenes need.

    Parameters
    ----------
    pairs, days, observations, weights, bridge
        As there.
    width
        Longest pair, counted in dates, that will ever be added; at least the longest of `pairs`.
    lag
        Number of latest dates to solve again at an update, at least twice the width, or :data:`ALL_DATES`. By
        default four times the width: earlier dates move by less than a hundredth of a millimetre.

    Returns
    -------
    state, solution
        The solution equals that of :func:`~basinwatch.sbas.inversion.invert` to better than 1e-6 rad.
    """
    check(pairs, days, observations, weights)
    width = max(int(np.diff(pairs).max()), width, 1 if bridge == "flat" else 2)
    lag = LAG_WIDTHS * width if lag is None else max(lag, 2 * width)
    times = np.asarray(days, np.float64)
    pixels = observations.shape[1]
    sizes = [min(_BLOCK_PX, pixels - begin) for begin in range(0, max(pixels, 1), _BLOCK_PX)]
    nothing = State(
        days=times[:1],
        pairs=np.zeros((0, 2), np.int64),
        method=Method(width, lag, float(np.median(np.diff(times))), bridge),
        blocks=tuple(Block.blank(width, size) for size in sizes),
    )
    return append(nothing, pairs, times[1:], observations, weights)


def append(
    state: State,
    pairs: NDArray[np.integer[Any]],
    days: NDArray[np.floating[Any]],
    observations: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]] | None = None,
) -> tuple[State, Solution]:
    """Take up new dates and their pairs.

    Parameters
    ----------
    state
        State of the series so far; it is left as it is.
    pairs
        (m, 2) positions of earlier and later date in the series with the new dates.
    days
        (k,) times of the new dates, later than those so far; none for late pairs of open dates.
    observations, weights
        (m, P) as for :func:`start`.

    Returns
    -------
    state, solution
        The solution holds the latest dates, from its `first` on; earlier ones stay as they were. Temporal
        coherence and residual count every pair with the solution of the time it came in.

    Raises
    ------
    StateMismatchError
        If a pair is longer than the state's width or reaches dates that are closed, if days do not follow, or
        if the number of pixels differs.
    """
    return _update(state, pairs, days, observations, weights, sign=1)


def withdraw(
    state: State,
    pairs: NDArray[np.integer[Any]],
    observations: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]] | None = None,
) -> tuple[State, Solution]:
    """Take pairs of open dates out again, with the values they came with, to append them reprocessed.

    Where nothing else connects the two dates any more, their offset is that of least velocity norm to four digits.

    Arguments, results and errors are those of :func:`append`.
    """
    return _update(state, pairs, np.zeros(0), observations, weights, sign=-1)


def _update(
    state: State,
    pairs: NDArray[Any],
    days: NDArray[Any],
    observations: NDArray[Any],
    weights: NDArray[Any] | None,
    sign: int,
) -> tuple[State, Solution]:
    """Add pairs or, with a negative sign, take them away; block by block."""
    times = np.concatenate([state.days, days])
    _check_reach(state, pairs, times, observations)
    listed = _listed(state.pairs, pairs, sign)
    window = Window(state.method, state.days, times, pairs, sign)
    series = np.zeros((window.size, state.pixels))
    blocks, descriptions, begin = [], [], 0
    for block in state.blocks:
        part = slice(begin, begin + block.scale.size)
        given = None if weights is None else weights[:, part]
        updated, series[window.size - window.n_unknowns :, part], description = update_block(
            window, block, observations[:, part], given
        )
        blocks.append(updated)
        descriptions.append(description)
        begin = part.stop
    layers: dict[str, Any] = {name: np.concatenate([found[name] for found in descriptions]) for name in descriptions[0]}
    series[:, layers["n_obs"] == 0] = np.nan
    solution = Solution(**layers, displacement=series, first=len(times) - window.size)
    return replace(state, days=times, pairs=listed, blocks=tuple(blocks)), solution


def _listed(held: NDArray[np.int64], pairs: NDArray[Any], sign: int) -> NDArray[np.int64]:
    """Pairs that the state holds after an update."""
    if sign > 0:
        return np.concatenate([held, pairs])
    gone = (held[:, None] == pairs[None]).all(axis=-1)
    if not gone.any(axis=0).all():
        raise StateMismatchError("pairs to withdraw: found one that the state does not hold, expected some of its own")
    return held[~gone.any(axis=1)]


def _check_reach(state: State, pairs: NDArray[Any], times: Array, observations: NDArray[Any]) -> None:
    """Refuse what the state cannot take up."""
    if (np.diff(times) <= 0).any():
        raise StateMismatchError("new dates: found one that is not later than all before, expected later ones only")
    if observations.shape != (len(pairs), state.pixels):
        raise StateMismatchError(
            f"new pairs: found an array {observations.shape}, expected ({len(pairs)}, {state.pixels}) as in the state"
        )
    if not len(pairs):
        return
    spans, earliest, width = np.diff(pairs), int(pairs.min()), state.method.width
    if spans.min() < 1 or spans.max() > width or earliest < state.first_open or pairs.max() >= len(times):
        raise StateMismatchError(
            f"new pairs: found one over {spans.max()} dates and one from date {earliest}, expected at most {width} "
            f"dates and none before date {state.first_open}"
        )

"""Batched least squares of a pair network: banded elimination over thousands of pixels, whatever is missing.

The normal matrix of the displacements is that of a network of conductors: one of the pair's weight between its two
dates. Dates are eliminated one after the other, each joining its neighbours (star-mesh transformation); none has
more neighbours than the longest pair spans dates. A trace of the velocity norm links neighbouring dates as well: it
is immaterial where the pairs connect all dates, and decides where they do not. Conductances are only added, so that
the trace keeps its digits, and the currents it carries are summed apart from those of the pairs: the result is the
weighted least-squares solution of least velocity norm (Berardino et al. 2002) whatever is missing, in one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Array = NDArray[np.float64]
Bridge = Literal["flat", "linear"]

# Share of the squared velocity norm, beside weights of mean one.
TRACE = 1e-12
# Share of the velocity itself where its changes are kept small: a pixel without any pair stays at rest.
_ANCHOR = 1e-8
_BLOCK_BYTES = 64 * 2**20
_LEAST_BLOCK_PX, _LARGEST_BLOCK_PX = 128, 4096


class Normal:
    """Normal equations of a pair network: all that the pixels have in common.

    Unknowns are the displacements at dates 1 … n; the first date is zero. Arrays run over dates or pairs first and
    pixels last.

    Parameters
    ----------
    pairs
        (m, 2) positions of earlier and later date.
    days
        (n + 1,) acquisition times in days, increasing.
    bridge
        What fills intervals that no pair spans: ``flat`` no motion (least velocity), ``linear`` the speed of the
        neighbouring intervals (least change of velocity).

    Attributes
    ----------
    size, width
        Number of unknowns n, and half bandwidth of the normal matrix.
    design, adjoint
        (m, n) difference of the two dates of every pair, and its transpose.
    penalty
        (n, n) trace of the squared velocity norm, the median interval being the unit of time.
    """

    def __init__(
        self, pairs: NDArray[np.integer[Any]], days: NDArray[np.floating[Any]], bridge: Bridge = "flat"
    ) -> None:
        intervals = np.diff(np.asarray(days, np.float64))
        self.size = len(intervals)
        self.width = min(max(int(np.diff(pairs).max()), 1 if bridge == "flat" else 2), self.size)
        self.design = design_matrix(pairs, self.size)
        self.adjoint = csr_array(self.design.T)
        self._assembly = assembly_matrix(pairs, self.size, self.width)
        self.penalty = TRACE * penalty_matrix(intervals / np.median(intervals), bridge)

    @property
    def block_px(self) -> int:
        """Number of pixels to solve at a time, so that the block stays in the processor's cache."""
        floats = self.size * (self.width + 1) + 3 * self.design.shape[0]
        return int(np.clip(_BLOCK_BYTES // (8 * floats), _LEAST_BLOCK_PX, _LARGEST_BLOCK_PX))

    def least_squares(self, right: Array, weight: Array) -> tuple[Array, NDArray[np.int64]]:
        """Solve the normal equations of every pixel.

        Parameters
        ----------
        right
            (n, P) right-hand sides ``adjoint @ (weight * observed)``; overwritten.
        weight
            (m, P) weights of the squared residuals, zero where missing, of mean about one over each pixel's
            observations (the trace is measured by it).

        Returns
        -------
        displacement, n_comp
            (n + 1, P), zero at the first date, and the number (P,) of subsets of dates that no pair connects.
        """
        columns = eliminate(self._network(weight))
        limit = trace_limit(self.penalty)
        n_comp = 1 + np.count_nonzero(columns[:, -1] > 1 / limit, axis=0)
        apart = np.flatnonzero(n_comp > 1)
        again, displacement = np.take(right, apart, axis=1), np.zeros((self.size + 1, right.shape[1]))
        displacement[1:] = backward(columns, forward(columns, right, self.width), self.width)
        if apart.size:
            columns, traced = self._network(np.take(weight, apart, axis=1)), np.zeros_like(again)
            eliminate_traced(columns, again, traced, limit)
            again += traced
            displacement[1:, apart] = backward(columns, again, self.width)
        return displacement, n_comp

    def _network(self, weight: Array) -> Array:
        """Conductances of pairs and trace in the layout of :func:`eliminate`."""
        columns = (self._assembly @ weight).reshape(self.size, self.width + 1, -1)
        add_conductors(columns, self.penalty)
        return columns

    def residual(self, observed: Array, displacement: Array) -> Array:
        """Observation minus model (m, P) of displacements (n + 1, P) that start at zero."""
        modelled: Array = self.design @ displacement[1:]
        return np.subtract(observed, modelled, out=modelled)


def design_matrix(pairs: NDArray[Any], size: int) -> csr_array:
    """Difference of the later and the earlier date of each pair, (m, size); the first date is no unknown."""
    m = np.arange(len(pairs))
    sign = np.repeat([-1.0, 1.0], len(pairs))
    full = csr_array((sign, (np.tile(m, 2), pairs.T.ravel())), shape=(len(pairs), size + 1))
    return csr_array(full[:, 1:])


def assembly_matrix(pairs: NDArray[Any], size: int, width: int) -> csr_array:
    """Map from weights to conductances in the layout of :func:`eliminate`, (size · (width + 1), m)."""
    first, second = pairs.T - 1
    place = np.where(first < 0, second * (width + 1) + width, first * (width + 1) + second - first - 1)
    m = np.arange(len(pairs))
    return csr_array((np.ones(len(m)), (place, m)), shape=(size * (width + 1), len(m)))


def penalty_matrix(intervals: Array, bridge: Bridge) -> csr_array:
    """Squared norm of the velocities, or of their changes, as a matrix (n, n) of the displacements."""
    size = len(intervals)
    steps = np.stack([np.arange(size), np.arange(1, size + 1)], axis=1)
    velocity = csr_array(design_matrix(steps, size).multiply(1 / intervals[:, None]))
    if bridge == "flat" or size < 2:
        return csr_array(velocity.T @ velocity)
    change = velocity[1:] - velocity[:-1]
    return csr_array(change.T @ change + _ANCHOR * (velocity.T @ velocity))


def add_conductors(columns: Array, matrix: csr_array) -> None:
    """Add a symmetric matrix (n, n) that all pixels share, as conductances in the layout of :func:`eliminate`."""
    columns[:, -1] += matrix.sum(axis=1)[:, None]
    for offset in range(1, min(columns.shape[1], len(columns), 3)):
        columns[:-offset, offset - 1] -= matrix.diagonal(offset)[:, None]


def trace_limit(penalty: csr_array) -> float:
    """Conductance above all that a penalty alone can leave to a date."""
    return 2 * float(np.abs(penalty).sum())


def eliminate(columns: Array) -> Array:
    """Eliminate the dates of a network in place.

    Parameters
    ----------
    columns
        (n, K + 1, P): conductances of a date to the K dates after it, and to the ground, whose displacement is
        zero. Of an eliminated date are left its conductances' shares of their sum, and one over that sum.
    """
    space = np.empty((2, *columns.shape[1:]))
    for i in range(len(columns)):
        _eliminate_date(columns, i, space)
    return columns


def _eliminate_date(columns: Array, i: int, space: Array) -> None:
    """Join the neighbours of a date."""
    column, width = columns[i], columns.shape[1] - 1
    reach = min(width, len(columns) - 1 - i)
    share, product = space
    total = np.add.reduce(column, axis=0)
    np.reciprocal(total, out=total)
    np.multiply(column[:reach], total, out=share[:reach])
    for a in range(reach - 1):
        joined = np.multiply(column[a + 1 : reach], share[a], out=product[: reach - 1 - a])
        columns[i + 1 + a, : reach - 1 - a] += joined
    columns[i + 1 : i + 1 + reach, width] += np.multiply(share[:reach], column[width], out=product[:reach])
    column[:reach] = share[:reach]
    column[width] = total


def eliminate_traced(columns: Array, right: Array, traced: Array, limit: float, count: int | None = None) -> None:
    """Eliminate dates and pass right-hand sides on, in place, whether or not the dates are connected.

    The right-hand side of an unconnected subset sums to zero. What is left of it at its last date would be rounding
    only, and would drown what came or went through the trace; so that is summed apart.

    Parameters
    ----------
    columns
        As for :func:`eliminate`.
    right, traced
        (n, P) currents of pairs, and those that came or went through the trace; their sum is the right-hand side.
    limit
        Conductances up to this one are a trace.
    count
        How many dates to eliminate, by default all.
    """
    space, width = np.empty((2, *columns.shape[1:])), columns.shape[1] - 1
    for i in range(len(columns) if count is None else count):
        is_trace = (columns[i] <= limit) & (columns[i] != 0)
        conductance = columns[i] * is_trace if is_trace.any() else None
        _eliminate_date(columns, i, space)
        total, reach = columns[i, width], min(width, len(columns) - 1 - i)
        share, after = columns[i, :reach], slice(i + 1, i + 1 + reach)
        if conductance is not None:
            ends = total > 1 / limit
            right[i, ends] = 0
            leak = np.where(ends, 0, conductance * total)
            part = leak.sum(axis=0)
            lost = right[i] * part / (1 - part)
            traced[after] += leak[:reach] * (right[i] + traced[i])
            share = share - leak[:reach]
            right[after] += share * lost
            traced[after] -= share * lost
        right[after] += share * right[i]
        traced[after] += share * traced[i]


def forward(columns: Array, right: Array, width: int) -> Array:
    """Pass right-hand sides (n, P) on from eliminated dates to those after them, in place, in connected pixels."""
    product = np.empty((width, right.shape[1]))
    for i in range(len(right) - 1):
        reach = min(width, len(right) - 1 - i)
        right[i + 1 : i + 1 + reach] += np.multiply(columns[i, :reach], right[i], out=product[:reach])
    return right


def backward(columns: Array | Sequence[Array], right: Array, width: int) -> Array:
    """Displacement (n, P) of eliminated dates from right-hand sides passed on, in place."""
    total = np.empty(right.shape[1])
    right[-1] *= columns[-1][width]
    for i in reversed(range(len(right) - 1)):
        reach = min(width, len(right) - 1 - i)
        right[i] *= columns[i][width]
        right[i] += np.einsum("ap,ap->p", columns[i][:reach], right[i + 1 : i + 1 + reach], out=total)
    return right

"""Loops of three pairs: what fails to close tells unwrapping errors, bad pairs and phase bias.

The noise of a loop's dates cancels, so what is left of φ_ij + φ_jk − φ_ik is whole cycles of unwrapping errors,
which are repaired pixel by pixel, and the small systematic bias of multilooked pairs, which is only reported.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.phase import wrap
from basinwatch.sbas.banded import Normal
from basinwatch.sbas.network import Network

log = logging.getLogger(__name__)

Array = NDArray[np.float64]
Phase = NDArray[np.floating[Any]]

_CYCLE = 2 * np.pi
_ROUNDS = 8
_LEAST_RESIDUAL_RAD = 0.05
# With little redundancy least squares leaves no more than this of a cycle in the residual of the wrong pair.
_SUSPICIOUS_RAD = np.pi / 2


@dataclass(frozen=True)
class ClosureSettings:
    """What is done about loops that do not close.

    Parameters
    ----------
    repair
        Take whole cycles out of single observations where the network proves them wrong.
    max_repaired_share
        A pixel with more wrong observations than this share is left as it is and does not count as measured.
    drop_bad_pairs
        Leave out pairs whose every loop is bad.
    bad_loop_rms_rad
        A loop with a larger root mean square on stable ground is bad.
    """

    repair: bool = False
    max_repaired_share: float = 0.25
    drop_bad_pairs: bool = False
    bad_loop_rms_rad: float = 1.5


def triplets(pairs: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """List the loops of three pairs.

    Parameters
    ----------
    pairs
        (m, 2) positions of earlier and later date.

    Returns
    -------
    numpy.ndarray
        (loops, 3) numbers of the pairs (i, j), (j, k) and (i, k).
    """
    number = {(int(first), int(second)): n for n, (first, second) in enumerate(pairs)}
    following: dict[int, list[int]] = {}
    for first, second in number:
        following.setdefault(first, []).append(second)
    found = [
        (number[i, j], number[j, k], number[i, k]) for i, j in number for k in following.get(j, []) if (i, k) in number
    ]
    return np.array(found, np.int64).reshape(-1, 3)


def loop_counts(phase: Phase, loops: NDArray[np.int64]) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Count each pixel's loops that miss whole cycles, and all that are valid, (P,) each, of phase (m, P)."""
    valid, wrong = np.zeros(phase.shape[1], np.uint16), np.zeros(phase.shape[1], np.uint16)
    for loop in loops:
        misclosure = np.abs(_misclosure(phase, loop))
        valid += misclosure >= 0
        wrong += misclosure > np.pi
    return wrong, valid


def counted_share(wrong: NDArray[np.uint16], valid: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Share of the loops that :func:`loop_counts` counted which miss whole cycles, (P,); NaN without any."""
    return np.divide(wrong, valid, out=np.full(len(valid), np.nan, np.float32), where=valid > 0, dtype=np.float32)


def nonclosing_share(phase: Phase, loops: NDArray[np.int64]) -> NDArray[np.float32]:
    """Share of each pixel's loops that miss whole cycles, (P,), of phase (m, P); NaN without any valid loop."""
    return counted_share(*loop_counts(phase, loops))


def _misclosure(phase: Phase, loop: NDArray[np.int64]) -> Phase:
    """Sum around one loop, (P,)."""
    total: Phase = phase[loop[0]] + phase[loop[1]] - phase[loop[2]]
    return total


@dataclass(frozen=True)
class Closure:
    """How well the loops of a stack close on stable ground.

    Parameters
    ----------
    loops
        (loops, 3) as :func:`triplets`.
    loop_rms_rad, loop_bias_rad
        (loops,) root mean square of the misclosure, and mean of its wrapped part.
    pair_rms_rad, pair_nonclosing_share
        (m,) root mean square over all loops of a pair, and share of its loops and pixels that miss cycles;
        NaN where it has none.
    bad
        (m,) pairs that belong to loops, all of them bad.
    """

    loops: NDArray[np.int64]
    loop_rms_rad: Array
    loop_bias_rad: Array
    pair_rms_rad: Array
    pair_nonclosing_share: Array
    bad: NDArray[np.bool_]

    def report(self, network: Network, names: Sequence[str]) -> dict[str, Any]:
        """Numbers for logs and products: the bad pairs, and the bias by the days a loop spans."""
        days, ends = network.days, network.index[self.loops[:, 2]]
        spans = days[ends[:, 1]] - days[ends[:, 0]]
        known = np.isfinite(self.loop_bias_rad)
        groups = [(int(span), self.loop_bias_rad[known & (spans == span)]) for span in np.unique(spans)]
        return {
            "loops": len(self.loops),
            "bad_pairs": [name for name, bad in zip(names, self.bad, strict=True) if bad],
            "pair_rms_rad": {
                name: round(float(rms), 4)
                for name, rms in zip(names, self.pair_rms_rad, strict=True)
                if np.isfinite(rms)
            },
            "phase_bias": [
                {"days": span, "loops": len(bias), "bias_rad": round(float(bias.mean()), 4)}
                for span, bias in groups
                if len(bias)
            ],
        }


def assess(phase: Phase, pairs: NDArray[np.integer[Any]], settings: ClosureSettings) -> Closure:
    """Measure the loops of a stack.

    Parameters
    ----------
    phase
        (m, P) radians on stable ground, referenced.
    pairs
        (m, 2) positions of earlier and later date.
    """
    loops = triplets(pairs)
    squares, count, bias, wrong = (np.zeros(len(loops)) for _ in range(4))
    for number, loop in enumerate(loops):
        misclosure = _misclosure(phase, loop)
        misclosure = misclosure[np.isfinite(misclosure)].astype(np.float64)
        squares[number], count[number] = (misclosure**2).sum(), len(misclosure)
        wrong[number] = (np.abs(misclosure) > np.pi).sum()
        bias[number] = wrap(misclosure).sum()
    known = np.where(count > 0, count, np.nan)
    rms = np.sqrt(squares / known)
    of_pair, total = _per_pair(loops, count, len(pairs)), np.isfinite(rms).astype(float)
    seen = np.where(of_pair > 0, of_pair, np.nan)
    good = _per_pair(loops, (rms <= settings.bad_loop_rms_rad).astype(float), len(pairs)) > 0
    return Closure(
        loops=loops,
        loop_rms_rad=rms,
        loop_bias_rad=bias / known,
        pair_rms_rad=np.sqrt(_per_pair(loops, squares, len(pairs)) / seen),
        pair_nonclosing_share=_per_pair(loops, wrong, len(pairs)) / seen,
        bad=(_per_pair(loops, total, len(pairs)) > 0) & ~good,
    )


def _per_pair(loops: NDArray[np.int64], values: Array, count: int) -> Array:
    """Sum the values of the loops each pair belongs to, (count,)."""
    return np.bincount(loops.ravel(), np.repeat(values, 3), count).astype(np.float64)


@dataclass(frozen=True)
class Repaired:
    """Observations without the whole cycles that the network proves wrong.

    Parameters
    ----------
    phase
        (m, P) as given, repaired where `accepted`.
    cycles
        (P,) observations that were changed.
    accepted
        (P,) False where errors were found but too many, or where taking them out did not help.
    """

    phase: Phase
    cycles: NDArray[np.uint16]
    accepted: NDArray[np.bool_]


def repair(phase: Phase, normal: Normal, settings: ClosureSettings) -> Repaired:
    """Find and remove unwrapping errors pixel by pixel.

    A fit that minimises the sum of absolute residuals (reweighted least squares, Holland & Welsch 1977)
    passes the wrong observations by, so that their residuals round to the cycles they are off. Errors all
    pairs of a date or all long pairs share are consistent, and stay.

    Parameters
    ----------
    phase
        (m, P) radians, referenced; NaN where missing.
    normal
        The network's normal equations.
    """
    repaired = phase.copy()
    cycles, accepted = np.zeros(phase.shape[1], np.uint16), np.ones(phase.shape[1], bool)
    for start in range(0, phase.shape[1], normal.block_px):
        part = slice(start, start + normal.block_px)
        repaired[:, part], cycles[part], accepted[part] = _repair_chunk(phase[:, part], normal, settings)
    return Repaired(repaired, cycles, accepted)


def _repair_chunk(
    phase: Phase, normal: Normal, settings: ClosureSettings
) -> tuple[Phase, NDArray[np.int64], NDArray[np.bool_]]:
    """Repair those pixels of a chunk that fit badly."""
    seen = np.isfinite(phase)
    observed = np.where(seen, phase, 0.0)
    before = np.abs(_residual(normal, observed, seen.astype(np.float64))) * seen
    doubtful = np.flatnonzero((before > _SUSPICIOUS_RAD).any(0))
    count, accepted = np.zeros(phase.shape[1], np.int64), np.ones(phase.shape[1], bool)
    if not len(doubtful):
        return phase, count, accepted
    seen, observed, before = seen[:, doubtful], observed[:, doubtful], before[:, doubtful]
    wrong = np.rint(_least_absolute_residual(normal, observed, seen) / _CYCLE) * seen
    mended = observed - _CYCLE * wrong
    after = np.abs(_residual(normal, mended, seen.astype(np.float64))) * seen
    changed = (wrong != 0).sum(0)
    few = changed <= settings.max_repaired_share * seen.sum(0)
    good = (changed == 0) | (few & (after.sum(0) < before.sum(0)))
    repaired = phase.copy()
    repaired[:, doubtful[good]] = np.where(seen, mended, np.nan)[:, good]
    count[doubtful], accepted[doubtful] = np.where(good, changed, 0), good
    return repaired, count, accepted


def _least_absolute_residual(normal: Normal, observed: Array, seen: NDArray[np.bool_]) -> Array:
    """Residual (m, P) of the fit with the least sum of absolute residuals."""
    weight = seen.astype(np.float64)
    for _ in range(_ROUNDS):
        residual = _residual(normal, observed, weight)
        weight = seen / np.maximum(np.abs(residual), _LEAST_RESIDUAL_RAD)
        weight *= seen.sum(0) / np.maximum(weight.sum(0), _LEAST_RESIDUAL_RAD)
    return residual


def _residual(normal: Normal, observed: Array, weight: Array) -> Array:
    """Residual (m, P) of a weighted fit."""
    displacement, _ = normal.least_squares(normal.adjoint @ (weight * observed), weight)
    return normal.residual(observed, displacement)

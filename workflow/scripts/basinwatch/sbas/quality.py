"""How far an inversion can be believed: redundancy of every pixel, and what its residuals say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Array = NDArray[np.float64]
Count = NDArray[np.int32]
Bool = NDArray[np.bool_]

_ROWS = 64


@dataclass(frozen=True)
class Redundancy:
    """What the valid pairs of each pixel determine, (P,) each.

    Parameters
    ----------
    n_obs
        Valid pairs.
    min_links
        Valid pairs of the date that has fewest.
    n_gap
        Intervals between neighbouring dates that no valid pair spans.
    n_comp
        Subsets of dates that no valid pair connects; 1 = all dates are connected.
    """

    n_obs: Count
    min_links: Count
    n_gap: Count
    n_comp: Count


def redundancy(ends: csr_array, seen: Bool, n_comp: NDArray[np.integer[Any]]) -> Redundancy:
    """Count what the valid pairs `seen` (m, P) determine; `ends` as from :func:`end_matrix`."""
    links, spans = count_links(ends, seen)
    n_obs = seen.sum(axis=0, dtype=np.int32)
    return Redundancy(
        n_obs,
        min_links=links.min(axis=0).astype(np.int32),
        n_gap=(spans == 0).sum(axis=0, dtype=np.int32),
        n_comp=np.where(n_obs > 0, n_comp, len(links)).astype(np.int32),
    )


def end_matrix(pairs: NDArray[np.integer[Any]], size: int) -> csr_array:
    """Incidence (size, m) of dates and pairs: 1 at the earlier, −1 at the later date."""
    m = np.arange(len(pairs))
    sign = np.repeat(np.array([1, -1], np.int16), len(m))
    return csr_array((sign, (pairs.T.ravel(), np.tile(m, 2))), shape=(size, len(m)))


def count_links(ends: csr_array, seen: Bool) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Count the valid pairs of each date (size, P), and those that span each interval (size − 1, P)."""
    valid = seen.astype(np.int16)
    return abs(ends) @ valid, np.cumsum((ends @ valid)[:-1], axis=0, dtype=np.int16)


def temporal_coherence(residual: Array, n_obs: NDArray[np.integer[Any]]) -> Array:
    """Length (P,) of the mean residual phasor (Pepe & Lanari 2006), NaN without any observation.

    Parameters
    ----------
    residual
        (m, P) radians, zero where missing.
    n_obs
        (P,) valid pairs.
    """
    cosine, sine = phasor_sum(residual, n_obs)
    return np.hypot(cosine, sine) / known(n_obs)


def phasor_sum(residual: Array, n_obs: NDArray[np.integer[Any]]) -> tuple[Array, Array]:
    """Sum cosine and sine (P,) of residuals (m, P) that are zero where missing, over the `n_obs` others."""
    cosine, sine = np.zeros(residual.shape[1]), np.zeros(residual.shape[1])
    for start in range(0, len(residual), _ROWS):
        # Single precision is a tenth of the time; the mean of phasors keeps seven digits.
        angle = residual[start : start + _ROWS].astype(np.float32)
        cosine += np.cos(angle).sum(axis=0)
        sine += np.sin(angle).sum(axis=0)
    return cosine - (len(residual) - n_obs), sine


def residual_rms(residual: Array, n_obs: NDArray[np.integer[Any]]) -> Array:
    """Root mean square (P,) of residuals (m, P; zero where missing) over the valid pairs."""
    return np.sqrt(np.einsum("mp,mp->p", residual, residual) / known(n_obs))


def known(count: NDArray[np.integer[Any]]) -> Array:
    """Count as a divisor: NaN instead of zero."""
    return np.where(count > 0, count, np.nan)


def residual_by_date(pairs: NDArray[np.integer[Any]], residual: NDArray[np.floating[Any]], size: int) -> Array:
    """Sum of absolute residuals of the pairs of each date: it finds scenes that fit nowhere.

    Parameters
    ----------
    pairs
        (m, 2) positions of the dates.
    residual
        (m, P), NaN where missing.
    size
        Number of dates.

    Returns
    -------
    numpy.ndarray
        (size, P).
    """
    total: Array = abs(end_matrix(pairs, size)) @ np.nan_to_num(np.abs(residual))
    return total


def squares_by_pair(residual: NDArray[np.floating[Any]], stable: Bool) -> tuple[Array, NDArray[np.int64]]:
    """Sum of squared residuals (m, P; NaN where missing) of each pair over stable pixels (P,), and their count.

    Both add up over blocks; the root of their ratio finds pairs that fit nowhere.
    """
    ground = residual[:, stable]
    return np.nansum(ground.astype(np.float64) ** 2, axis=1), np.isfinite(ground).sum(axis=1)


def spatiotemporal_consistency(displacement: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Least root mean square double difference, in time and space, to one of the eight neighbours.

    Parameters
    ----------
    displacement
        (dates, y, x), NaN without a series.

    Returns
    -------
    numpy.ndarray
        float32 (y, x) in the unit of the displacement; NaN without a series or any neighbour that has one.

    Notes
    -----
    Hanssen et al. (2008); a neighbour counts only when it has a value wherever both differences need one.
    """
    steps = np.diff(displacement.astype(np.float32), axis=0)
    least = np.full(steps.shape[1:], np.inf, np.float32)
    for row, column in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here, there = _shifted(row, column), _shifted(-row, -column)
        difference = steps[:, *here] - steps[:, *there]
        rms = np.sqrt(np.einsum("tyx,tyx->yx", difference, difference) / len(steps))
        for part in (here, there):
            least[part] = np.fmin(least[part], rms)
    return np.where(np.isfinite(least), least, np.nan).astype(np.float32)


def _shifted(row: int, column: int) -> tuple[slice, slice]:
    """Part of a raster that has a neighbour at this offset."""

    def span(offset: int) -> slice:
        return slice(max(-offset, 0), -offset if offset > 0 else None)

    return span(row), span(column)

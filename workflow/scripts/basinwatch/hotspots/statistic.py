"""Getis-Ord Gi*: how far the sum of a neighbourhood lies from what the whole map lets one expect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.hotspots.windows import Array, Disc, Method, piece_rows, window_sums


@dataclass(frozen=True)
class Moments:
    """Number, mean, population variance and range of the valid pixels of a map."""

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0
    least: float = np.inf
    largest: float = -np.inf

    def extended(self, values: NDArray[np.floating[Any]]) -> Moments:
        """Add a part of the map (pairwise update of Chan, Golub and LeVeque 1983).

        Raises
        ------
        InputError
            If a value is infinite.
        """
        infinite = int(np.isinf(values).sum())
        if infinite:
            raise InputError(
                f"rate map: found {infinite} infinite values, expected finite rates or NaN; "
                "check the rate's quality limits."
            )
        known = values[~np.isnan(values)].astype(np.float64)
        if not known.size:
            return self
        count = self.count + known.size
        shift = float(known.mean()) - self.mean
        squares = self.variance * self.count + float(known.var()) * known.size
        squares += shift**2 * self.count * known.size / count
        least, largest = min(self.least, float(known.min())), max(self.largest, float(known.max()))
        return Moments(count, self.mean + shift * known.size / count, squares / count, least, largest)

    @property
    def varied(self) -> bool:
        """Whether there are two different values."""
        return self.least < self.largest


def gi_star(
    values: NDArray[np.floating[Any]], radius_m: float, spacing_m: tuple[float, float], method: Method = "auto"
) -> Array:
    """Getis-Ord Gi* as a standard score (Ord & Getis 1995, binary weights including the pixel itself).

    Parameters
    ----------
    values
        (y, x), NaN where there is no observation.
    radius_m
        Pixels whose centres lie within it are neighbours (inclusive).
    spacing_m
        Column and row spacing in metres.
    method
        Window sums by runs (exact additions, quick for small windows) or by FFT; "auto" picks.

    Returns
    -------
    float64 (y, x)
        z; NaN where `values` is, or where the window holds every observation.

    Raises
    ------
    InputError
        If values are infinite, constant or fewer than two.
    """
    moments = Moments().extended(values)
    if not moments.varied:
        raise InputError(
            f"rate map: found {moments.count} finite values and no variation, expected finite rates that vary; "
            "check the rate's quality limits."
        )
    return score(values, slice(0, len(values)), moments, Disc.of(radius_m, spacing_m), method)[0]


def score(
    values: NDArray[np.floating[Any]], own: slice, moments: Moments, disc: Disc, method: Method = "auto"
) -> tuple[Array, NDArray[np.int32]]:
    """Score rows of a map whose moments are known.

    Parameters
    ----------
    values
        (y, x), NaN = no observation: rows of the map, with at least ``disc.rows`` neighbours on either side of those
        to score, unless the map ends before.
    own
        The rows to score.

    Returns
    -------
    z : float64 (rows, x)
        See :func:`gi_star`.
    count : int32 (rows, x)
        Observations in the window.
    """
    shape = own.stop - own.start, values.shape[1]
    z, count = np.empty(shape), np.empty(shape, np.int32)
    step = piece_rows(disc, shape[1], method) or shape[0]
    for top in range(0, shape[0], step):
        piece = slice(top, min(top + step, shape[0]))
        around = _with_neighbours(values, own.start + piece.start, own.start + piece.stop, disc.rows)
        z[piece], count[piece] = _score(around, moments, disc, method)
    return z, count


def _with_neighbours(values: NDArray[np.floating[Any]], start: int, stop: int, reach: int) -> NDArray[np.floating[Any]]:
    """Rows with `reach` neighbours on either side, NaN beyond the end of the map."""
    first, last = max(start - reach, 0), min(stop + reach, len(values))
    beyond = (first - start + reach, stop + reach - last), (0, 0)
    return np.pad(values[first:last], beyond, constant_values=np.nan) if any(beyond[0]) else values[first:last]


def _score(
    values: NDArray[np.floating[Any]], moments: Moments, disc: Disc, method: Method
) -> tuple[Array, NDArray[Any]]:
    """Score a piece."""
    missing = np.isnan(values)
    # Centring first avoids cancellation and makes z independent of the sign of the mean.
    centred = values.astype(np.float64)
    centred -= moments.mean
    np.copyto(centred, 0.0, where=missing)
    z, count = window_sums(centred, ~missing, disc, method)
    spread = (moments.count - count) * (moments.variance / (moments.count - 1))
    spread *= count
    np.copyto(spread, np.nan, where=missing[disc.rows : len(missing) - disc.rows] | (spread <= 0))
    z /= np.sqrt(spread, out=spread)
    return z, count

"""Robust planes through maps of ground that is mostly at rest: the ramp and the offset of a track."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.sbas.corrections.reference import slow, thinned

Array = NDArray[np.float64]
Bool = NDArray[np.bool_]

_MOST_PX = 50_000
_LEAST_PX = 10
_ROUNDS = 50
_TRIALS, _JUDGES = 500, 2_000


@dataclass(frozen=True)
class Plane:
    """Level in the middle of a raster, and its change per metre to the east and to the north."""

    level: float
    to_east: float
    to_north: float

    def over(self, shape: tuple[int, ...], spacing_m: tuple[float, float]) -> Array:
        """Evaluate at every pixel (y, x), north row first, of rows and columns `spacing_m` apart."""
        east, north = _places(np.arange(shape[0]), np.arange(shape[1]), shape, spacing_m)
        surface: Array = self.level + self.to_north * north[:, None] + self.to_east * east
        return surface


def fit_plane(values: NDArray[np.floating[Any]], among: Bool, spacing_m: tuple[float, float]) -> Plane:
    """Fit a plane that ground in motion, if it is not half of all and moves far beyond the scatter, does not pull away.

    Least median of squares (Rousseeuw 1984), then least squares of what lies within three robust standard deviations
    of the plane, until that is the same set.

    Parameters
    ----------
    values
        (y, x), north row first; NaN takes no part.
    among
        (y, x) pixels that may be at rest.
    spacing_m
        Distance of rows and of columns.

    Raises
    ------
    InputError
        If no pixel is left.
    """
    chosen = thinned(among & np.isfinite(values), _MOST_PX)
    if not chosen.any():
        raise InputError(
            "fusion: found no pixel that was measured outside detected basins, expected ground at rest; widen the "
            "mask, or set fuse: false."
        )
    rows, columns = np.nonzero(chosen)
    east, north = _places(rows, columns, values.shape, spacing_m)
    extent = max(length * step for length, step in zip(values.shape, spacing_m, strict=True))
    design = np.column_stack([np.ones(len(rows)), east / extent, north / extent])
    level, to_east, to_north = _trimmed(design, values[chosen].astype(np.float64))
    return Plane(float(level), float(to_east) / extent, float(to_north) / extent)


def at_rest(rate: NDArray[np.floating[Any]], among: Bool, spacing_m: tuple[float, float], stable_mm_yr: float) -> Bool:
    """Ground of a rate map that follows its plane, however high and steep that is.

    Parameters
    ----------
    rate, among, spacing_m
        As for :func:`fit_plane`, in mm/yr.
    stable_mm_yr
        Slower ground is at rest; where rates scatter more, within three robust standard deviations.

    Raises
    ------
    InputError
        As :func:`fit_plane`.
    """
    plane = fit_plane(rate, among, spacing_m).over(rate.shape, spacing_m)
    return slow(rate - plane, among, stable_mm_yr, _LEAST_PX)


def _places(
    rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, ...], spacing_m: tuple[float, float]
) -> tuple[Array, Array]:
    """Metres to the east and to the north of the middle."""
    east, north = columns.astype(np.float64) - (shape[1] - 1) / 2, (shape[0] - 1) / 2 - rows.astype(np.float64)
    return east * spacing_m[1], north * spacing_m[0]


def _trimmed(design: Array, values: Array) -> Array:
    """Coefficients of the terms (P, terms) that pixels near the surface agree on."""
    coefficients = _least_median(design, values)
    kept = np.zeros(len(values), bool)
    for _ in range(_ROUNDS):
        before, kept = kept, slow(values - design @ coefficients, np.ones(len(values), bool), 0.0, _LEAST_PX)
        if np.array_equal(kept, before):
            break
        coefficients = np.linalg.lstsq(design[kept], values[kept])[0].astype(np.float64)
    return coefficients


def _least_median(design: Array, values: Array) -> Array:
    """Coefficients of the least median of squares, out of those that triples of pixels give."""
    rng = np.random.default_rng(0)
    triples = rng.integers(len(values), size=(_TRIALS, 3))
    judges = rng.integers(len(values), size=_JUDGES)
    trials = np.linalg.pinv(design[triples]) @ values[triples, None]
    residuals = np.abs(values[judges] - (design[judges] @ trials)[..., 0])
    best: Array = trials[np.argmin(np.median(residuals, axis=1)), :, 0]
    return best

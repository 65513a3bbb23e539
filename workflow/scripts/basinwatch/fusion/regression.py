"""Geographically weighted regression of a raster.

With a fixed Gaussian kernel every entry of the local normal equations is a Gaussian filter of a product of rasters, so
that all pixels are regressed together. Coordinates count from each pixel itself: filters with the kernels K, uK, u²K …
give their moments without the cancellation that coordinates from a far origin would suffer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.optimize import minimize_scalar

from basinwatch.errors import InputError
from basinwatch.fusion.cholesky import backward, factorise, forward

Array = NDArray[np.float64]
Window = tuple[slice, slice]

LEAST_SUPPORT = 10.0
# Beyond so many bandwidths a weight is below 2e-14.
_REACH = 8.0
_TILE_PX, _LARGEST_TILE_PX = 512, 1536
# Share of a term's usual variance that it must keep beside the others to be told from them.
_ALIASED = 1e-8
_PLACES = 3
_SEARCH_WINDOWS, _COARSE_TRIALS = 8, 7


@dataclass(frozen=True)
class Surface:
    """Result of :func:`regress`, float64 (y, x).

    Parameters
    ----------
    coefficients
        (3 + covariates, y, x): the level at the pixel itself with all covariates 0, its change per metre to the east
        and to the north, and the factor of each covariate; NaN where the weights sum to less than `LEAST_SUPPORT`.
        A term that cannot be told from the others (a covariate that is constant nearby) is 0.
    fit
        The level at the pixel with its own covariates; also where there is no observation.
    left_out
        Observation minus the fit that the others would give (leave-one-out residual); NaN without an observation.
    """

    coefficients: Array
    fit: Array
    left_out: Array


def regress(
    values: NDArray[np.floating[Any]],
    covariates: Sequence[NDArray[np.floating[Any]]],
    spacing_m: tuple[float, float],
    bandwidth_m: float,
) -> Surface:
    """Regress a raster on place and covariates, with coefficients that vary in space.

    Weights fall with the distance δ as exp(−δ²/2b²) (Fotheringham, Brunsdon & Charlton 2002).

    Parameters
    ----------
    values
        (y, x), north row first; NaN takes no part.
    covariates
        Rasters (y, x); NaN takes no part.
    spacing_m
        Distance of rows and of columns.
    bandwidth_m
        b.

    Raises
    ------
    InputError
        If shapes differ, nothing is valid or the bandwidth is not positive.
    """
    _check(values, covariates, bandwidth_m)
    shape = values.shape
    surface = Surface(np.empty((_PLACES + len(covariates), *shape)), np.empty(shape), np.empty(shape))
    model = _Model.of(values, covariates, spacing_m, bandwidth_m)
    for window in _windows(shape, model.reach):
        part = model.solve(window)
        surface.coefficients[:, *window] = part.coefficients
        surface.fit[window], surface.left_out[window] = part.fit, part.left_out
    return surface


def cross_validation(
    values: NDArray[np.floating[Any]],
    covariates: Sequence[NDArray[np.floating[Any]]],
    spacing_m: tuple[float, float],
    bandwidth_m: float,
) -> float:
    """Mean squared leave-one-out residual, with parameters and errors as for :func:`regress`.

    Every bandwidth is judged by the same observations: of a large raster by those in evenly spread parts of it, and
    one that too few others support counts with its difference from the mean of all.
    """
    _check(values, covariates, bandwidth_m)
    model = _Model.of(values, covariates, spacing_m, bandwidth_m)
    windows = [window for window in _windows(values.shape, (0, 0)) if model.valid[window].any()]
    mean = model.terms[-1].sum(dtype=np.float64) / model.valid.sum()
    residuals = []
    for window in windows[:: math.ceil(len(windows) / _SEARCH_WINDOWS)]:
        left_out = model.solve(window).left_out
        left_out = np.where(np.isfinite(left_out), left_out, model.terms[-1][window] - mean)
        residuals.append(left_out[model.valid[window]])
    return float(np.mean(np.concatenate(residuals) ** 2))


def choose_bandwidth(
    values: NDArray[np.floating[Any]],
    covariates: Sequence[NDArray[np.floating[Any]]],
    spacing_m: tuple[float, float],
    bounds_m: tuple[float, float],
) -> float:
    """Find the bandwidth in metres whose leave-one-out residuals are least, to about 5 %.

    A coarse scan, since the criterion may have several minima, then a search about its best. Noise that is
    correlated between neighbours favours bandwidths as short as its correlation: keep the lower bound above it.

    Parameters
    ----------
    values, covariates, spacing_m
        As for :func:`regress`.
    bounds_m
        Shortest and longest bandwidth.
    """

    def score(logarithm: float) -> float:
        return cross_validation(values, covariates, spacing_m, math.exp(logarithm))

    trials = np.linspace(math.log(bounds_m[0]), math.log(bounds_m[1]), _COARSE_TRIALS)
    scores = [score(float(trial)) for trial in trials]
    best = int(np.argmin(scores))
    around = trials[max(best - 1, 0)], trials[min(best + 1, len(trials) - 1)]
    found = minimize_scalar(score, bounds=around, method="bounded", options={"xatol": 0.05})
    return math.exp(found.x if found.fun < scores[best] else trials[best])


def _check(
    values: NDArray[np.floating[Any]], covariates: Sequence[NDArray[np.floating[Any]]], bandwidth_m: float
) -> None:
    """Refuse arguments that do not fit together."""
    shapes = {array.shape for array in (values, *covariates)}
    if len(shapes) > 1 or values.ndim != 2:
        raise InputError(f"regression: found rasters of shapes {sorted(shapes)}, expected one grid; resample them.")
    if not np.isfinite(values).any():
        raise InputError(
            "regression: found no valid pixel, expected ground at rest seen by both tracks; widen the mask."
        )
    if not bandwidth_m > 0:
        raise InputError(f"regression: found a bandwidth of {bandwidth_m} m, expected a positive one; correct it.")


def _windows(shape: tuple[int, ...], reach: tuple[int, int]) -> Iterator[Window]:
    """Cut a raster into tiles about as wide as the margin that each of them needs."""
    sides = [min(max(2 * margin, _TILE_PX), _LARGEST_TILE_PX) for margin in reach]
    edges = [[*range(0, size, side), size] for size, side in zip(shape, sides, strict=True)]
    rows, columns = ([slice(*cut) for cut in pairwise(cuts)] for cuts in edges)
    yield from product(rows, columns)


@dataclass(frozen=True)
class _Model:
    """Rasters of a regression; `terms` are the covariates and last the values, 0 where not `valid`."""

    valid: NDArray[np.bool_]
    terms: tuple[NDArray[np.floating[Any]], ...]
    covariates: tuple[NDArray[np.floating[Any]], ...]
    bandwidth_px: tuple[float, float]
    bandwidth_m: float
    scales: tuple[float, ...]

    @classmethod
    def of(
        cls,
        values: NDArray[np.floating[Any]],
        covariates: Sequence[NDArray[np.floating[Any]]],
        spacing_m: tuple[float, float],
        bandwidth_m: float,
    ) -> _Model:
        valid = np.all([np.isfinite(array) for array in (values, *covariates)], axis=0)
        terms = tuple(np.where(valid, array, 0) for array in (*covariates, values))
        bandwidth = bandwidth_m / spacing_m[0], bandwidth_m / spacing_m[1]
        # Usual mean squares of the terms: coordinates in bandwidths have 1.
        squares = (float(np.mean(term[valid].astype(np.float64) ** 2)) for term in terms[:-1])
        return cls(valid, terms, tuple(covariates), bandwidth, bandwidth_m, (1.0,) * _PLACES + tuple(squares))

    @property
    def reach(self) -> tuple[int, int]:
        """Rows and columns beyond which weights vanish, or the raster ends."""
        sizes = zip(self.bandwidth_px, self.valid.shape, strict=True)
        down, right = (min(math.ceil(_REACH * bandwidth), length - 1) for bandwidth, length in sizes)
        return down, right

    def solve(self, window: Window) -> Surface:
        """Regress the pixels of a window."""
        matrix, right = self._normal_equations(window)
        support = matrix[0, 0].copy()
        least = np.multiply.outer(np.array(self.scales) * _ALIASED, np.maximum(support, LEAST_SUPPORT))
        factor = factorise(matrix, least)
        own = self._own_terms(window)
        lever = (forward(factor, own.copy()) ** 2).sum(0)
        solution = backward(factor, forward(factor, right))
        solution[:, support < LEAST_SUPPORT] = np.nan
        fit = (solution * own).sum(0)
        observed = np.where(self.valid[window], self.terms[-1][window], np.nan)
        solution[1:_PLACES] /= self.bandwidth_m
        # At its own pixel the kernel is 1, so that the leverage needs no weight.
        return Surface(solution, fit, (observed - fit) / (1 - lever))

    def _own_terms(self, window: Window) -> Array:
        """Predictors of each pixel itself, which lies at its own origin."""
        place = np.zeros((_PLACES, *self.valid[window].shape))
        place[0] = 1
        return np.concatenate([place, *(np.asarray(c[window], np.float64)[None] for c in self.covariates)])

    def _normal_equations(self, window: Window) -> tuple[Array, Array]:
        """Matrix XᵀWX (lower triangle) and right-hand side XᵀWy of every pixel of a window."""
        filters = _Filters.around(window, self.valid.shape, self.reach, self.bandwidth_px)
        size, last = len(self.scales), len(self.terms) - 1
        matrix = np.empty((size, size, *self.valid[window].shape))
        right = np.empty((size, *self.valid[window].shape))
        apply = filters.of(self.valid)
        for a, b in combinations_with_replacement(range(_PLACES), 2):
            matrix[b, a] = apply(a, b)
        for k, term in enumerate(self.terms):
            target = right if k == last else matrix[_PLACES + k]
            apply = filters.of(term)
            for a in range(_PLACES):
                target[a] = apply(a)
            for other, factor in enumerate(self.terms[: min(k, last - 1) + 1]):
                target[_PLACES + other] = filters.of(term, factor)(0)
        return matrix, right


@dataclass(frozen=True)
class _Filters:
    """Gaussian filters, times powers of the offset in bandwidths, of the surroundings of a window.

    `margins` is the window's place inside its `surroundings`; `down` and `right` hold the spectra of the kernels by
    power, for transforms of `size`.
    """

    surroundings: Window
    margins: Window
    size: tuple[int, int]
    down: Array
    right: Array

    @classmethod
    def around(
        cls, window: Window, shape: tuple[int, ...], reach: tuple[int, int], bandwidth_px: tuple[float, float]
    ) -> _Filters:
        wide = [slice(max(w.start - r, 0), min(w.stop + r, n)) for w, r, n in zip(window, reach, shape, strict=True)]
        inner = [slice(w.start - s.start, w.stop - s.start) for w, s in zip(window, wide, strict=True)]
        # What wraps around reaches the padding alone.
        lengths = [fft.next_fast_len(s.stop - s.start + r, real=True) for s, r in zip(wide, reach, strict=True)]
        down, right = (_kernels(n, r, b) for n, r, b in zip(lengths, reach, bandwidth_px, strict=True))
        # A filter turns its kernel round; north is against the rows, so that the kernel down them stays as it is.
        turned = np.roll(right[:, ::-1], 1, axis=1)
        return cls((wide[0], wide[1]), (inner[0], inner[1]), (lengths[0], lengths[1]), fft.fft(down), fft.rfft(turned))

    def of(self, *factors: NDArray[Any]) -> Callable[..., Array]:
        """Prepare the product of rasters; call the result with the places (1 east, 2 north) to weight it by."""
        raster = np.ones(1)
        for factor in factors:
            raster = raster * factor[self.surroundings].astype(np.float64)
        spectrum = fft.rfft2(raster, self.size)

        def weighted(*places: int) -> Array:
            kernel = self.down[places.count(2)][:, None] * self.right[places.count(1)]
            filtered: Array = fft.irfft2(spectrum * kernel, self.size)[self.margins]
            return filtered

        return weighted


def _kernels(length: int, reach: int, bandwidth_px: float) -> Array:
    """Gaussian times the powers 0, 1 and 2 of the offset in bandwidths, (3, length), offset 0 first."""
    offset = (np.arange(length) + length // 2) % length - length // 2
    scaled = offset / bandwidth_px
    weight = np.where(np.abs(offset) <= reach, np.exp(-(scaled**2) / 2), 0)
    return np.stack([weight, weight * scaled, weight * scaled**2])

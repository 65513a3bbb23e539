"""East and up (and north, with enough tracks) from displacement along several lines of sight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import ArrayLike, NDArray

from basinwatch.errors import InputError
from basinwatch.fusion.cholesky import backward, factorise, forward

Array = NDArray[np.float64]

COMPONENTS = ("east", "up")
WEAK = 0.2
# Below it two lines of sight are one line.
_NONE = 1e-6


@dataclass(frozen=True)
class LineOfSight:
    """Unit vector from the ground to the satellite; numbers, or rasters (y, x) for per-pixel geometry."""

    east: ArrayLike
    north: ArrayLike
    up: ArrayLike

    @classmethod
    def of(cls, incidence_deg: ArrayLike, heading_deg: ArrayLike) -> LineOfSight:
        """Build from the incidence angle and the flight direction clockwise from north of a right-looking satellite."""
        incidence, heading = np.radians(incidence_deg), np.radians(heading_deg)
        return cls(-np.sin(incidence) * np.cos(heading), np.sin(incidence) * np.sin(heading), np.cos(incidence))

    def part(self, component: str) -> Array:
        """Return one component by name."""
        return np.asarray(getattr(self, component), np.float64)

    def within(self, *window: slice) -> LineOfSight:
        """Cut rasters to a window (rows, columns); numbers stay."""
        parts = (self.part(name) for name in ("east", "north", "up"))
        return LineOfSight(*(part[window] if part.ndim else part for part in parts))

    def along(self, direction: LineOfSight) -> Array:
        """Scalar product with another vector."""
        names = ("east", "north", "up")
        return np.asarray(sum(self.part(name) * direction.part(name) for name in names))


@dataclass(frozen=True)
class Motion:
    """Result of :func:`decompose` for c components, in their order.

    Parameters
    ----------
    components
        (c, …), unit of the observations; NaN where fewer tracks than components are valid.
    covariance
        (c, c, …) of the components: (GᵀΣ⁻¹G)⁻¹, in the unit of the standard errors squared (without them: of
        observations with a standard error of 1).
    strength
        (…) √det GᵀG, for two tracks |det G|: from 0 for one direction only to about 1; below `WEAK` the
        components rest on little.
    """

    components: Array
    covariance: Array
    strength: Array

    @property
    def is_weak(self) -> NDArray[np.bool_]:
        """Where the lines of sight are too much alike; False where nothing is known."""
        weak: NDArray[np.bool_] = np.isfinite(self.strength) & (self.strength < WEAK)
        return weak


def decompose(
    observed: Sequence[ArrayLike],
    lines: Sequence[LineOfSight],
    sigma: Sequence[ArrayLike] | None = None,
    components: Sequence[str] = COMPONENTS,
) -> Motion:
    """Solve for the components of motion, pixel by pixel, by weighted least squares.

    Components that are not asked for are taken as 0; :func:`neglected` tells what that costs. With as many tracks
    as components the solution fits all tracks exactly and weights do not matter.

    Parameters
    ----------
    observed
        One array per track, all of one shape (…, y, x): displacement or rate towards the satellite; NaN is left out.
    lines
        One per track.
    sigma
        Standard error of every track, broadcastable to the observations; None = all equal.
    components
        Names out of ``east``, ``north``, ``up``.

    Raises
    ------
    InputError
        If there are fewer tracks than components, or the numbers of arguments differ.
    """
    _check(observed, lines, sigma, components)
    data = np.stack(np.broadcast_arrays(*(np.asarray(values, np.float64) for values in observed)))
    seen = np.isfinite(data)
    design = [[line.part(name) for name in components] for line in lines]
    plain = seen.astype(np.float64)
    factor = factorise(_normal_matrix(design, plain), 0.0)
    strength = _product_of_pivots(factor)
    weight = plain
    if sigma is not None:
        spread = np.stack(np.broadcast_arrays(*sigma, data[0])[:-1]).astype(np.float64)
        weight = np.divide(1, spread**2, out=np.zeros_like(data), where=seen)
        factor = factorise(_normal_matrix(design, weight), 0.0)
    weighted = weight * np.where(seen, data, 0)
    right = np.stack(
        [_sum(row[a] * y for row, y in zip(design, weighted, strict=True)) for a in range(len(components))]
    )
    solution, covariance = backward(factor, forward(factor, right)), _inverse(factor)
    unknown = strength <= _NONE
    solution[:, unknown], covariance[:, :, unknown] = np.nan, np.nan
    return Motion(solution, covariance, np.where(seen.any(0), strength, np.nan))


def neglected(
    component: str,
    lines: Sequence[LineOfSight],
    sigma: Sequence[ArrayLike] | None = None,
    components: Sequence[str] = COMPONENTS,
) -> Array:
    """Tell what a unit of a component that is taken as 0 adds to the others, (components, …).

    For Sentinel-1's two directions of flight, motion to the north adds about −0.21·tan θ of itself to up.
    """
    return decompose([line.part(component) for line in lines], lines, sigma, components).components


def _check(
    observed: Sequence[ArrayLike],
    lines: Sequence[LineOfSight],
    sigma: Sequence[ArrayLike] | None,
    components: Sequence[str],
) -> None:
    """Refuse arguments that do not fit together."""
    if len(observed) < len(components):
        raise InputError(
            f"decomposition: found {len(observed)} tracks, expected at least {len(components)} for "
            f"{', '.join(components)}; add a track of the other direction of flight."
        )
    if len(lines) != len(observed) or (sigma is not None and len(sigma) != len(observed)):
        raise InputError(
            f"decomposition: found {len(observed)} tracks with {len(lines)} lines of sight"
            + (f" and {len(sigma)} standard errors" if sigma is not None else "")
            + ", expected one for each track; complete them."
        )


def _sum(terms: Iterator[Array]) -> Array:
    """Add arrays."""
    return reduce(np.add, terms)


def _normal_matrix(design: Sequence[Sequence[Array]], weight: Array) -> Array:
    """Lower triangle of GᵀΣ⁻¹G, (c, c, …)."""
    size = len(design[0])
    matrix = np.zeros((size, size, *weight.shape[1:]))
    for a, b in combinations_with_replacement(range(size), 2):
        matrix[b, a] = _sum(row[a] * row[b] * w for row, w in zip(design, weight, strict=True))
    return matrix


def _product_of_pivots(factor: Array) -> Array:
    """Root of the determinant, 0 where the matrix is singular."""
    pivots = np.stack([factor[a, a] for a in range(len(factor))])
    product: Array = np.where(np.isinf(pivots), 0, pivots).prod(0)
    return product


def _inverse(factor: Array) -> Array:
    """Inverse from the factor, (c, c, …)."""
    size = len(factor)
    inverse = np.zeros(factor.shape)
    for a in range(size):
        inverse[a, a] = 1
        backward(factor, forward(factor, inverse[a]))
    return inverse

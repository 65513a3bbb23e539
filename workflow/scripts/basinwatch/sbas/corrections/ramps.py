"""Orbit and long-wave ramps: a surface per date, fitted robustly to ground whose motion is known.

The inversion is shift-equivariant: a surface found in the series of a date can be taken from the date or,
as a difference, from every pair of it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from basinwatch.sbas.pixels import Pixels

log = logging.getLogger(__name__)

Array = NDArray[np.float64]
Bool = NDArray[np.bool_]
Heights = NDArray[np.floating[Any]]

# 95 % as efficient as least squares on normal errors (Huber 1981).
_HUBER = 1.345
_NORMAL_SPREAD = 1.4826
_ROUNDS = 50
_TOLERANCE = 1e-6
_PLACE_TERMS = {"none": 1, "plane": 3, "bilinear": 4, "quadratic": 6}


@dataclass(frozen=True)
class RampSettings:
    """Which surface is taken from every date.

    Parameters
    ----------
    surface
        ``none``, ``plane``, ``bilinear`` (with xy) or ``quadratic`` (with xy, x² and y²).
    height
        Also a term that follows the terrain, where heights are known.
    min_px_per_term
        Stable pixels that every term of the surface needs.
    """

    surface: Literal["none", "plane", "bilinear", "quadratic"] = "none"
    height: bool = False
    min_px_per_term: int = 10


@dataclass(frozen=True)
class Terms:
    """Terms of a surface: one, column, row, xy, x², y² as far as wanted, then height.

    Parameters
    ----------
    place
        How many of them are terms of place.
    height_centre_m, height_scale_m
        Heights enter as (height − centre) / scale; without a height term the scale is 0.
    """

    place: int
    height_centre_m: float = 0.0
    height_scale_m: float = 0.0

    @classmethod
    def of(cls, settings: RampSettings, heights_m: Heights | None) -> Terms:
        """Choose the terms; `heights_m` are those of the ground the surface is fitted to."""
        place = _PLACE_TERMS[settings.surface]
        if not settings.height or heights_m is None or not np.isfinite(heights_m).any():
            return cls(place)
        return cls(place, float(np.nanmean(heights_m)), float(np.nanstd(heights_m)))

    def __len__(self) -> int:
        """Count of terms."""
        return self.place + bool(self.height_scale_m)

    def at(self, pixels: Pixels, heights_m: Heights | None) -> Array:
        """Values (terms, P); an unknown height counts as the mean one."""
        x, y = pixels.place
        values = np.stack([np.ones(len(pixels)), x, y, x * y, x**2, y**2][: self.place])
        if not self.height_scale_m:
            return values
        heights = np.full(len(pixels), np.nan) if heights_m is None else heights_m
        return np.concatenate([values, np.nan_to_num((heights - self.height_centre_m) / self.height_scale_m)[None]])


@dataclass(frozen=True)
class Ramps:
    """Surfaces of all dates: coefficients (dates, terms) of the terms."""

    coefficients: Array
    terms: Terms

    def at(self, pixels: Pixels, heights_m: Heights | None) -> NDArray[np.float32]:
        """Evaluate at pixels, (dates, P)."""
        surface = np.zeros((len(self.coefficients), len(pixels)), np.float32)
        for values, term in zip(self.coefficients.T, self.terms.at(pixels, heights_m), strict=True):
            surface += np.outer(values, term).astype(np.float32)
        return surface


def fit(
    series: Array, pixels: Pixels, heights_m: Heights | None, members: Bool, settings: RampSettings
) -> Ramps | None:
    """Fit the surface of every date.

    Parameters
    ----------
    series
        (dates, P) minus the motion that is known (none on stable ground), any unit; finite at the members.
    pixels, heights_m
        Where the values lie; heights (P,) or None.
    members
        (P,) ground whose motion is known: never a detected or fast pixel.

    Returns
    -------
    Ramps
        In the unit of the series; None when nothing is wanted or, with a log message, when too few pixels
        are members.
    """
    terms = Terms.of(settings, None if heights_m is None else heights_m[members])
    if len(terms) == 1:
        return None
    if members.sum() < settings.min_px_per_term * len(terms):
        log.warning("ramps: skipped, %d pixels of known motion are too few for %d terms", members.sum(), len(terms))
        return None
    design = terms.at(pixels, heights_m)[:, members]
    return Ramps(np.stack([_huber(design, values[members]) for values in series]), terms)


def _huber(design: Array, values: Array) -> Array:
    """Fit values (P,) with terms (terms, P) so that outliers count by their size, not its square (Huber 1964)."""
    weight = np.ones(len(values))
    coefficients = np.zeros(len(design))
    for _ in range(_ROUNDS):
        weighted = design * weight
        normal = np.einsum("ap,bp->ab", weighted, design)
        previous, coefficients = coefficients, np.linalg.pinv(normal) @ np.einsum("ap,p->a", weighted, values)
        residual = values - np.einsum("a,ap->p", coefficients, design)
        scale = _NORMAL_SPREAD * float(np.median(np.abs(residual)))
        if not scale or np.abs(coefficients - previous).max() <= _TOLERANCE * scale:
            break
        weight = np.minimum(1, _HUBER * scale / np.maximum(np.abs(residual), scale * _TOLERANCE))
    return coefficients

"""The reference of a stack: stable ground that stays clear of mines, and what is subtracted there.

Unwrapped pairs have an arbitrary constant each. The median over a set of stable pixels replaces it,
first per pair, and after the inversion once more per date.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.sbas.observations import Survey
from basinwatch.sbas.pixels import Pixels
from basinwatch.vectors import burn

log = logging.getLogger(__name__)

Bool = NDArray[np.bool_]
Array = NDArray[np.float64]

_LEAST_VALUES = 10
_HALF = 0.5
_NORMAL_SPREAD = 1.4826
_WIDEST_SPREAD = 3.0


@dataclass(frozen=True)
class ReferenceSettings:
    """Which ground counts as stable, and what is subtracted from every pair.

    Parameters
    ----------
    surface
        The median of the reference set, or a plane fitted to it.
    min_valid_share, min_coherence, min_px
        Stable ground is valid in this share of the pairs and has this mean coherence; when fewer
        pixels are left, the most coherent of the valid ones are taken.
    buffer_m
        Distance that stable ground keeps from detected polygons.
    max_px
        Of more pixels, this many are taken at random places.
    place_radius_m
        A point given as reference stands for the ground within this distance.
    """

    surface: Literal["constant", "plane"] = "constant"
    min_valid_share: float = 0.95
    min_coherence: float = 0.7
    min_px: int = 50
    buffer_m: float = 500.0
    max_px: int = 50_000
    place_radius_m: float = 100.0


def near(geometries: Sequence[BaseGeometry], grid: Grid, distance_m: float) -> Bool:
    """Pixels (y, x) inside polygons, at points, or within a distance of either; geometries are in the grid's CRS."""
    inside = burn([g for g in geometries if g.area], grid)
    for point in (g.centroid for g in geometries if not g.area and not g.is_empty):
        inverse = ~grid.affine
        column = int(np.floor(inverse.a * point.x + inverse.b * point.y + inverse.c))
        row = int(np.floor(inverse.d * point.x + inverse.e * point.y + inverse.f))
        if 0 <= row < grid.height and 0 <= column < grid.width:
            inside[row, column] = True
    if not inside.any() or not distance_m:
        return inside
    column_m, row_m = grid.pixel_spacing_m
    close: Bool = ndimage.distance_transform_edt(~inside, sampling=(row_m, column_m)) <= distance_m
    return close


def stable_ground(survey: Survey, excluded: Bool, settings: ReferenceSettings) -> Bool:
    """Choose ground (y, x) that is almost always valid, connected, coherent and not excluded.

    Only the largest connected part of the ground that is valid in half of the pairs counts, unless it is too
    small: an island may be unwrapped cycles away. Pixels of unknown coherence count as coherent. Where fewer
    than `min_px` pixels qualify, the most often valid, then the most coherent ones are taken; without any valid
    pixel the set is empty.
    """
    valid = (survey.valid_share > 0) & ~excluded
    connected = valid & _largest_part(survey.valid_share >= _HALF)
    among = connected if connected.sum() >= settings.min_px else valid
    among = _best(survey.valid_share, among, settings.min_valid_share, settings.min_px)
    quality = np.where(np.isfinite(survey.mean_coherence), survey.mean_coherence, 1.0)
    return _best(quality, among, settings.min_coherence, settings.min_px)


def _best(quality: NDArray[np.floating[Any]], among: Bool, wanted: float, least: int) -> Bool:
    """Pixels of at least the wanted quality, or of the highest one that leaves enough pixels."""
    good: Bool = among & (quality >= wanted)
    least = min(least, int(among.sum()))
    if good.sum() >= least:
        return good
    reached = np.sort(quality[among])[-least]
    log.warning("reference: limit lowered from %.2f to %.2f to have enough pixels", wanted, reached)
    return among & (quality >= reached)


def _largest_part(mask: Bool) -> Bool:
    """Largest 8-connected part of a mask."""
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return mask & (labels == sizes.argmax())


def given_ground(
    places: Sequence[BaseGeometry],
    detected: Sequence[BaseGeometry],
    valid: Bool,
    grid: Grid,
    settings: ReferenceSettings,
) -> Bool:
    """Ground (y, x) that a user named as reference, as far as it is `valid`.

    Parameters
    ----------
    places
        Points or polygons in the grid's CRS.
    detected
        Polygons of mines.
    valid
        Pixels (y, x) with any observation.

    Raises
    ------
    InputError
        If a place lies in a detected polygon, or there is no valid pixel at any.
    """
    moving = burn(detected, grid)
    for number, place in enumerate(places, start=1):
        if (near([place], grid, 0) & moving).any():
            raise InputError(
                f"reference: found place {number} inside a detected basin, expected stable ground; "
                "move it, or name none to have it chosen."
            )
    points, polygons = ([p for p in places if bool(p.area) == wide] for wide in (False, True))
    ground = (near(points, grid, settings.place_radius_m) | near(polygons, grid, 0)) & ~moving & valid
    if not ground.any():
        raise InputError(
            "reference: found no valid pixel there, expected ground that was unwrapped; move it, or name none to have "
            "it chosen."
        )
    return ground


def thinned(mask: Bool, most: int) -> Bool:
    """Keep at most so many pixels of a mask, at random but always the same places."""
    places = np.flatnonzero(mask)
    if len(places) <= most:
        return mask
    kept = np.zeros(mask.size, bool)
    kept[np.random.default_rng(0).choice(places, most, replace=False)] = True
    return kept.reshape(mask.shape)


def slow(rate: Array, among: Bool, stable_mm_per_year: float, min_px: int) -> Bool:
    """Pixels (P,) among the given ones whose rate is close to the median.

    The limit is `stable_mm_per_year`, or three robust standard deviations where rates scatter more; at
    least `min_px` pixels are kept.
    """
    among = among & np.isfinite(rate)
    if not among.any():
        return among
    offset = np.abs(rate - np.median(rate[among]))
    limit = max(stable_mm_per_year, _WIDEST_SPREAD * _NORMAL_SPREAD * float(np.median(offset[among])))
    limit = max(limit, float(np.sort(offset[among])[:min_px][-1]))
    return among & (offset <= limit)


def pair_surfaces(
    phase: NDArray[np.floating[Any]], members: Bool, pixels: Pixels, settings: ReferenceSettings, names: Sequence[str]
) -> Array:
    """Fit what is subtracted from every pair.

    Parameters
    ----------
    phase
        (m, P) radians at `pixels`.
    members
        (P,) which of them are the reference set.
    names
        One per pair, for the log.

    Returns
    -------
    numpy.ndarray
        Constant, column and row coefficient, (m, 3), for :func:`surface_at`; NaN for a pair of which fewer
        than 10 (or all) reference pixels are valid.
    """
    place = plane_terms(pixels)[:, members]
    least = min(_LEAST_VALUES, max(int(members.sum()), 1))
    surfaces = np.full((len(phase), 3), np.nan)
    for number, values in enumerate(phase):
        chosen = values[members].astype(np.float64)
        seen = np.isfinite(chosen)
        if seen.sum() < least:
            log.warning("%s: left out, only %d reference pixels are valid", names[number], seen.sum())
            continue
        surfaces[number] = _fit_surface(chosen[seen], place[:, seen], settings.surface == "plane")
    return surfaces


def plane_terms(pixels: Pixels) -> Array:
    """Terms of a plane, (3, P): one, column, row."""
    return np.concatenate([np.ones((1, len(pixels))), pixels.place])


def surface_at(surface: Array, terms: Array) -> NDArray[np.float32]:
    """Evaluate one row of :func:`pair_surfaces` at the :func:`plane_terms` of pixels: (P,)."""
    values = (surface[:, None] * terms).sum(0) if surface[1:].any() else np.full(terms.shape[1], surface[0])
    return values.astype(np.float32)


def _fit_surface(values: Array, place: Array, plane: bool) -> Array:
    """Fit a median, or a least-squares plane whose residuals have median zero."""
    surface = np.zeros(3)
    if plane:
        normal = (place[:, None] * place[None]).sum(-1)
        surface = np.linalg.pinv(normal) @ (place * values).sum(-1)
    surface[0] += np.median(values - (surface[:, None] * place).sum(0))
    return surface


def date_offsets(series: NDArray[np.floating[Any]], members: Bool) -> Array:
    """Median over the reference set at every date, (dates,), of a series (dates, P); 0 without any finite member."""
    members = members & np.isfinite(series).all(0)
    if not members.any():
        return np.zeros(len(series))
    offsets: Array = np.median(series[:, members], axis=1).astype(np.float64)
    return offsets

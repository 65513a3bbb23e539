"""Rate map of a stack of unwrapped pairs, with the quality that says where it can be believed.

Three passes: a survey of validity and coherence, the reference surface of every pair on stable ground,
and the inversion, block by block. Memory is bounded by the block, not by the scene.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import dask
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.phase import to_displacement_mm
from basinwatch.rasters import read_raster, read_share
from basinwatch.sbas.inversion import invert
from basinwatch.sbas.network import Network
from basinwatch.vectors import burn

log = logging.getLogger(__name__)

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

DAYS_PER_YEAR = 365.25
# Layers that say where a rate can be believed, in the order of the product's bands.
QUALITY = ("temporal_coherence", "mean_coherence", "residual_rms_mm", "n_obs", "n_gap", "measured")
NO_RATE, SUBSIDING, STABLE, UPLIFTING = 0, 1, 2, 3
_LEAST_WEIGHT = 0.05
_LEAST_REFERENCE_VALUES = 10


@dataclass(frozen=True)
class RateSettings:
    """How a rate is estimated and when it counts as measured.

    Parameters
    ----------
    weighting
        Weights of the pairs: all equal, or the coherence.
    min_coherence
        Observations below it are dropped (unknown coherence is kept).
    reference_surface
        What is subtracted from every pair: the median of the stable reference set, or a plane fitted to it.
    reference_min_valid_share, reference_min_coherence, reference_min_px
        The reference set is valid in this share of the pairs and has this mean coherence; when fewer
        pixels are left, the most coherent of the valid ones are taken.
    reference_buffer_m
        Distance the reference set keeps from detected polygons.
    min_temporal_coherence, min_observed_share, max_gaps
        A rate counts as measured when the residuals agree this well, this share of the pairs is valid
        and no more intervals than this are left without any pair.
    stable_mm_per_year
        Rates within ± this are stable.
    block_px
        Side of the blocks that are inverted one at a time.
    """

    weighting: Literal["uniform", "coherence"] = "uniform"
    min_coherence: float = 0.3
    reference_surface: Literal["constant", "plane"] = "constant"
    reference_min_valid_share: float = 0.95
    reference_min_coherence: float = 0.7
    reference_min_px: int = 50
    reference_buffer_m: float = 500.0
    min_temporal_coherence: float = 0.7
    min_observed_share: float = 0.5
    max_gaps: int = 0
    stable_mm_per_year: float = 5.0
    block_px: int = 512


@dataclass(frozen=True)
class UnwrappedStack:
    """Unwrapped pairs on one grid.

    Parameters
    ----------
    unwrapped
        One raster per pair of the network: float32 radians, positive away from the satellite, NaN = no data.
    coherence
        One coherence raster per pair (coded as shares), or None.
    network
        Dates and pairs, in the order of the rasters.
    """

    unwrapped: Sequence[Path]
    coherence: Sequence[Path] | None
    network: Network
    grid: Grid
    wavelength_m: float


@dataclass(frozen=True)
class RateProducts:
    """Rasters (y, x) of :func:`estimate_rate`; displacement towards the satellite is positive.

    Parameters
    ----------
    rate, sigma
        float32 mm/yr and its standard error from the scatter about the line; NaN without observations.
    temporal_coherence, mean_coherence, residual_rms_mm
        float32; NaN without observations (mean coherence: where no pair knows it).
    n_obs, n_gap
        uint16 valid pairs, and intervals no valid pair spans.
    classes
        uint8: 0 no rate, 1 subsiding, 2 stable, 3 uplifting.
    measured
        Where the rate counts as measured.
    reference
        The stable reference set.
    """

    rate: Float
    sigma: Float
    temporal_coherence: Float
    mean_coherence: Float
    residual_rms_mm: Float
    n_obs: NDArray[np.uint16]
    n_gap: NDArray[np.uint16]
    classes: NDArray[np.uint8]
    measured: Bool
    reference: Bool


def estimate_rate(
    stack: UnwrappedStack,
    settings: RateSettings,
    *,
    detected: Sequence[BaseGeometry] = (),
    displacement: Float | None = None,
    workers: int = 1,
) -> RateProducts:
    """Estimate the line-of-sight rate of a stack.

    Parameters
    ----------
    detected
        Polygons, in the grid's CRS, the reference set must avoid.
    displacement
        If given, float32 (dates, y, x) that is filled with the series in mm (it may be a memory map).
    workers
        Threads; the result does not depend on them.

    Raises
    ------
    InputError
        If a raster does not fit the grid.
    """
    valid_share, mean_coherence = _survey(stack, settings)
    reference = reference_set(valid_share, mean_coherence, _near(detected, stack.grid, settings), settings)
    surfaces = _reference_surfaces(stack, reference, settings)
    layers = _empty_layers(stack.grid.shape)

    def solve(window: Window) -> None:
        _solve_block(stack, surfaces, settings, window, layers, displacement)

    tasks = [dask.delayed(solve)(window) for window in _blocks(stack.grid, settings.block_px)]
    dask.compute(*tasks, scheduler="threads", num_workers=workers)
    measured = (
        (layers["temporal_coherence"] >= settings.min_temporal_coherence)
        & (layers["n_obs"] >= settings.min_observed_share * len(stack.unwrapped))
        & (layers["n_gap"] <= settings.max_gaps)
    )
    classes = classify(layers["rate"], settings.stable_mm_per_year)
    return RateProducts(
        **layers, mean_coherence=mean_coherence, classes=classes, measured=measured, reference=reference
    )


def reference_set(valid_share: Float, mean_coherence: Float, excluded: Bool, settings: RateSettings) -> Bool:
    """Choose stable ground (y, x): almost always valid, coherent, and away from what is excluded.

    Pixels of unknown coherence count as coherent. Where fewer than `reference_min_px` pixels qualify, the most
    often valid, then the most coherent ones are taken; without any valid pixel the set is empty.
    """
    candidates = _best(valid_share, (valid_share > 0) & ~excluded, settings.reference_min_valid_share, settings)
    quality = np.where(np.isfinite(mean_coherence), mean_coherence, 1.0)
    return _best(quality, candidates, settings.reference_min_coherence, settings)


def _best(quality: NDArray[np.floating[Any]], among: Bool, wanted: float, settings: RateSettings) -> Bool:
    """Pixels of at least the wanted quality, or of the highest one that leaves enough pixels."""
    good: Bool = among & (quality >= wanted)
    if good.sum() >= min(settings.reference_min_px, among.sum()):
        return good
    reached = np.sort(quality[among])[-min(settings.reference_min_px, int(among.sum()))]
    log.warning("reference set: limit lowered from %.2f to %.2f to have enough pixels", wanted, reached)
    return among & (quality >= reached)


def fit_rate(
    days: NDArray[np.floating[Any]], displacement: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit a straight line to every series by least squares.

    Parameters
    ----------
    days
        (dates,) acquisition times.
    displacement
        (dates, P), any unit.

    Returns
    -------
    rate, sigma
        (P,) slope and its standard error, unit per year of 365.25 days; sigma is NaN for two dates.
    """
    # Sums run date by date instead of through BLAS, whose rounding depends on the number of threads.
    years = (days - days.mean()) / DAYS_PER_YEAR
    spread = float((years**2).sum())
    mean = sum(row for row in displacement) / len(years)
    rate = sum(t * row for t, row in zip(years, displacement, strict=True)) / spread
    squares = sum((row - mean - t * rate) ** 2 for t, row in zip(years, displacement, strict=True))
    freedom = len(years) - 2
    sigma = np.sqrt(squares / (freedom * spread)) if freedom else np.full(rate.shape, np.nan)
    return rate, sigma


def classify(rate: NDArray[np.floating[Any]], threshold: float) -> NDArray[np.uint8]:
    """Class of a rate towards the satellite: 0 no rate, 1 below −threshold, 2 within, 3 above."""
    moving = np.where(rate < -threshold, SUBSIDING, np.where(rate > threshold, UPLIFTING, STABLE))
    return np.where(np.isfinite(rate), moving, NO_RATE).astype(np.uint8)


def _empty_layers(shape: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """Rasters the blocks write into."""
    layers: dict[str, NDArray[Any]] = {
        name: np.full(shape, np.nan, np.float32) for name in ("rate", "sigma", "temporal_coherence", "residual_rms_mm")
    }
    return layers | {name: np.zeros(shape, np.uint16) for name in ("n_obs", "n_gap")}


def _blocks(grid: Grid, size: int) -> list[Window]:
    """Windows that cover the grid, in reading order."""
    return [
        Window(column, row, min(size, grid.width - column), min(size, grid.height - row))
        for row, column in product(range(0, grid.height, size), range(0, grid.width, size))
    ]


def _read(
    stack: UnwrappedStack, number: int, settings: RateSettings, window: Window | None = None
) -> tuple[Float, Float]:
    """Phase and coherence of one pair; phase is NaN where the coherence is too low."""
    phase = read_raster(stack.unwrapped[number], window).astype(np.float32)
    expected = (window.height, window.width) if window else stack.grid.shape
    if phase.shape != expected:
        raise InputError(
            f"{stack.unwrapped[number]}: found {phase.shape[0]}x{phase.shape[1]} px, expected "
            f"{expected[0]}x{expected[1]} px as in the stack's grid; recreate this unwrapped pair."
        )
    if stack.coherence is None:
        return phase, np.full(phase.shape, np.nan, np.float32)
    coherence = read_share(stack.coherence[number], window)
    phase[coherence < settings.min_coherence] = np.nan
    return phase, coherence


def _survey(stack: UnwrappedStack, settings: RateSettings) -> tuple[Float, Float]:
    """Share of pairs in which each pixel is valid, and its mean known coherence."""
    valid, known = np.zeros(stack.grid.shape, np.uint16), np.zeros(stack.grid.shape, np.uint16)
    total = np.zeros(stack.grid.shape)
    for number in range(len(stack.unwrapped)):
        phase, coherence = _read(stack, number, settings)
        valid += np.isfinite(phase)
        known += np.isfinite(coherence)
        total += np.nan_to_num(coherence)
    mean = np.where(known > 0, total / np.maximum(known, 1), np.nan)
    return (valid / len(stack.unwrapped)).astype(np.float32), mean.astype(np.float32)


def _near(polygons: Sequence[BaseGeometry], grid: Grid, settings: RateSettings) -> Bool:
    """Pixels inside polygons or within the buffer around them."""
    inside = burn(polygons, grid)
    if not inside.any():
        return inside
    column_m, row_m = grid.pixel_spacing_m
    distance = ndimage.distance_transform_edt(~inside, sampling=(row_m, column_m))
    near: Bool = distance <= settings.reference_buffer_m
    return near


def _reference_surfaces(stack: UnwrappedStack, reference: Bool, settings: RateSettings) -> NDArray[np.float64]:
    """Constant, column and row coefficient of every pair's reference, (m, 3); NaN where it cannot be set."""
    rows, columns = np.nonzero(reference)
    place = _place(stack.grid, rows, columns)
    surfaces = np.full((len(stack.unwrapped), 3), np.nan)
    for number, path in enumerate(stack.unwrapped):
        values = _read(stack, number, settings)[0][reference].astype(np.float64)
        seen = np.isfinite(values)
        if seen.sum() < _LEAST_REFERENCE_VALUES:
            log.warning("%s: left out, only %d reference pixels are valid", path, seen.sum())
            continue
        surfaces[number] = _fit_surface(values[seen], place[:, seen], settings.reference_surface == "plane")
    return surfaces


def _place(grid: Grid, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float64]:
    """Design of a plane, (3, n): one, column and row, scaled to ±1/2 over the grid."""
    return np.stack([np.ones(len(rows)), columns / grid.width - 0.5, rows / grid.height - 0.5])


def _fit_surface(values: NDArray[np.float64], place: NDArray[np.float64], plane: bool) -> NDArray[np.float64]:
    """Fit a median, or a least-squares plane whose residuals have median zero."""
    surface = np.zeros(3)
    if plane:
        normal = (place[:, None] * place[None]).sum(-1)
        surface = np.linalg.pinv(normal) @ (place * values).sum(-1)
    surface[0] += np.median(values - (surface[:, None] * place).sum(0))
    return surface


def _solve_block(
    stack: UnwrappedStack,
    surfaces: NDArray[np.float64],
    settings: RateSettings,
    window: Window,
    layers: dict[str, NDArray[Any]],
    series: Float | None,
) -> None:
    """Invert the pixels of one window and put the results into the rasters."""
    phase, weights = _observations(stack, surfaces, settings, window)
    solution = invert(stack.network.index, stack.network.days, phase, weights)
    displacement = to_displacement_mm(solution.displacement, stack.wavelength_m)
    rate, sigma = fit_rate(stack.network.days, displacement)
    results = {
        "rate": rate,
        "sigma": sigma,
        "temporal_coherence": solution.temporal_coherence,
        "residual_rms_mm": np.abs(to_displacement_mm(solution.residual_rms, stack.wavelength_m)),
        "n_obs": solution.n_obs,
        "n_gap": solution.n_gap,
    }
    rows, columns = window.toslices()
    for name, values in results.items():
        layers[name][rows, columns] = values.reshape(window.height, window.width)
    if series is not None:
        series[:, rows, columns] = displacement.reshape(-1, window.height, window.width)


def _observations(
    stack: UnwrappedStack, surfaces: NDArray[np.float64], settings: RateSettings, window: Window
) -> tuple[Float, Float | None]:
    """Referenced phase (m, P) of a window, and its weights when they differ."""
    rows, columns = np.indices((window.height, window.width)).reshape(2, -1)
    place = _place(stack.grid, rows + window.row_off, columns + window.col_off)
    shape = (len(stack.unwrapped), rows.size)
    phase = np.empty(shape, np.float32)
    weights = np.empty(shape, np.float32) if settings.weighting == "coherence" else None
    for number, surface in enumerate(surfaces):
        values, coherence = _read(stack, number, settings, window)
        phase[number] = values.ravel() - (surface[:, None] * place).sum(0)
        if weights is not None:
            weights[number] = np.nan_to_num(np.maximum(coherence.ravel(), _LEAST_WEIGHT), nan=1.0)
    return phase, weights

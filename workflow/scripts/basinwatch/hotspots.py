"""Getis-Ord Gi* on a raster: where high or low rates gather more than chance allows.

Weights are binary within a distance and include the pixel itself; NaN pixels are no observations.
Rates are positive towards the satellite, so cold spots (negative z) are subsidence.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, signal, special

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.vectors import polygons_of

log = logging.getLogger(__name__)
Array = NDArray[np.float64]

LEVELS = (0.10, 0.05, 0.01)
_FFT_FROM_ROWS = 9
_EIGHT = np.ones((3, 3), int)


@dataclass(frozen=True)
class HotspotSettings:
    """Scale and strictness of the clusters.

    Parameters
    ----------
    radius_m
        Neighbourhood of the statistic.
    false_discovery_rate
        Whether significance levels bound the share of false discoveries (Benjamini & Hochberg 1995).
    calibrated
        Whether the calibrated score is judged (see :func:`noise_inflation`), which honours correlated noise.
    min_level
        Least class of a cluster: 1, 2, 3 for 90, 95, 99 %.
    min_px
        Smaller clusters are dropped.
    """

    radius_m: float = 300.0
    false_discovery_rate: bool = True
    calibrated: bool = True
    min_level: int = 2
    min_px: int = 20


@dataclass(frozen=True)
class Hotspots:
    """Result of :func:`find_hotspots`.

    Parameters
    ----------
    z, z_calibrated
        float64 (y, x) standard score, and the same divided by `inflation`; NaN without observation.
    p
        float64 (y, x) two-sided p-value of the score that was judged.
    classes
        int8 (y, x), −3…3 (see :func:`significance`).
    inflation
        Spread of z that correlated noise explains.
    clusters
        See :func:`clusters`.
    """

    z: Array
    z_calibrated: Array
    p: Array
    classes: NDArray[np.int8]
    inflation: float
    clusters: gpd.GeoDataFrame


def find_hotspots(
    rate: NDArray[np.floating[Any]], stable: NDArray[np.bool_], grid: Grid, settings: HotspotSettings
) -> Hotspots:
    """Score, classify and cluster a rate map.

    Parameters
    ----------
    rate
        (y, x) mm/yr, positive towards the satellite, NaN where not measured.
    stable
        (y, x) ground without deformation, from which the noise is learnt.

    Returns
    -------
    Hotspots
        Where (almost) nothing is measured, all NaN and no cluster.
    """
    if np.unique(rate[np.isfinite(rate)][:1000]).size < 2:
        nothing = np.full(rate.shape, np.nan)
        classes = np.zeros(rate.shape, np.int8)
        return Hotspots(nothing, nothing, nothing, classes, 1.0, clusters(classes, nothing, rate, grid, settings))
    z = gi_star(rate, settings.radius_m, grid.pixel_spacing_m)
    inflation = noise_inflation(rate, stable, settings.radius_m, grid.pixel_spacing_m)
    calibrated = z / inflation
    judged = calibrated if settings.calibrated else z
    classes = significance(judged, settings.false_discovery_rate)
    groups = clusters(classes, judged, rate, grid, settings)
    return Hotspots(z, calibrated, p_values(judged), classes, inflation, groups)


def gi_star(
    values: NDArray[np.floating[Any]],
    radius_m: float,
    spacing_m: tuple[float, float],
    method: Literal["auto", "runs", "fft"] = "auto",
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
    valid = np.isfinite(values)
    n = int(valid.sum())
    if np.isinf(values).any() or n < 2 or np.ptp(values[valid]) == 0:
        raise InputError(
            f"rate map: found {n} finite values, {int(np.isinf(values).sum())} infinite ones"
            f"{' and no variation' if n > 1 else ''}; expected finite rates that vary; check the rate's quality limits."
        )
    # Centring first avoids cancellation and makes z independent of the sign of the mean.
    centred = np.where(valid, values - values[valid].mean(dtype=np.float64), 0.0)
    variance = (centred**2).sum() / n
    runs = _runs(radius_m, spacing_m)
    total = _window_sum(centred, runs, method)
    count = np.rint(_window_sum(valid.astype(np.float64), runs, method))
    spread = variance * count * (n - count) / (n - 1)
    return np.where(valid & (spread > 0), total / np.sqrt(np.where(spread > 0, spread, 1)), np.nan)


def _runs(radius_m: float, spacing_m: tuple[float, float]) -> list[tuple[int, int]]:
    """Disc as (row offset, half width in columns)."""
    column_m, row_m = spacing_m
    reach = int(radius_m / row_m + 1e-9)
    return [
        (dy, int(np.sqrt(max(radius_m**2 - (dy * row_m) ** 2, 0)) / column_m + 1e-9)) for dy in range(-reach, reach + 1)
    ]


def _kernel(runs: list[tuple[int, int]]) -> Array:
    """Disc as an array of 0 and 1."""
    half = max(width for _, width in runs)
    return np.stack([np.abs(np.arange(-half, half + 1)) <= width for _, width in runs]).astype(np.float64)


def _window_sum(values: Array, runs: list[tuple[int, int]], method: str) -> Array:
    """Sum over the disc around every pixel; windows are clipped at the border."""
    if method == "fft" or (method == "auto" and len(runs) >= _FFT_FROM_ROWS):
        kernel = _kernel(runs)
        top, left = kernel.shape[0] // 2, kernel.shape[1] // 2
        full = signal.fftconvolve(values, kernel, mode="full")
        return full[top : top + values.shape[0], left : left + values.shape[1]]
    rows, columns = values.shape
    cumulative = np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))
    position = np.arange(columns)
    total = np.zeros(values.shape)
    for width in sorted({width for _, width in runs}):
        right, left_edge = np.minimum(position + width + 1, columns), np.maximum(position - width, 0)
        run = cumulative[:, right] - cumulative[:, left_edge]
        for dy in (dy for dy, own in runs if own == width and abs(dy) < rows):
            top, bottom = max(0, -dy), min(rows, rows - dy)
            total[top:bottom] += run[top + dy : bottom + dy]
    return total


def p_values(z: Array) -> Array:
    """Two-sided p of a standard normal score; NaN stays NaN."""
    p: Array = 2 * special.ndtr(-np.abs(z))
    return p


def significance(z: Array, false_discovery_rate: bool = False) -> NDArray[np.int8]:
    """Classes −3…3: sign of z times 1, 2, 3 for 90, 95, 99 % (two-sided); 0 not significant or NaN.

    With `false_discovery_rate` each level bounds the share of false discoveries among all pixels.
    """
    valid = np.isfinite(z)
    p = p_values(z[valid])
    ordered = np.sort(p)
    level = np.zeros(p.shape, np.int8)
    for alpha in LEVELS:
        critical = alpha
        if false_discovery_rate:
            passed = np.flatnonzero(ordered <= alpha * np.arange(1, p.size + 1) / p.size)
            critical = ordered[passed[-1]] if passed.size else -1.0
        level += p <= critical
    classes = np.zeros(z.shape, np.int8)
    classes[valid] = level * np.sign(z[valid]).astype(np.int8)
    return classes


def noise_inflation(
    values: NDArray[np.floating[Any]], stable: NDArray[np.bool_], radius_m: float, spacing_m: tuple[float, float]
) -> float:
    """Factor by which spatially correlated noise widens the spread of z.

    The variance of a window sum under a stationary null is the autocovariance of the stable ground
    summed over all pairs of pixels of the window; classical Gi* counts the diagonal only.

    Parameters
    ----------
    values
        (y, x) rates, NaN where invalid.
    stable
        (y, x) ground without deformation; the autocovariance is taken from it.
    """
    used = stable & np.isfinite(values)
    if used.sum() < 2 or np.ptp(values[used]) == 0:
        log.warning("no stable ground to learn the noise from: z is not calibrated")
        return 1.0
    centred = np.where(used, values - values[used].mean(dtype=np.float64), 0.0)
    kernel = _kernel(_runs(radius_m, spacing_m))
    shape = [max(size, width) + width for size, width in zip(values.shape, kernel.shape, strict=True)]
    products, overlaps, pairs = (_autocorrelation(a, shape) for a in (centred, used.astype(np.float64), kernel))
    covariance = products / np.maximum(np.rint(overlaps), 1)
    inflation = (np.rint(pairs) * covariance).sum() / (covariance[0, 0] * kernel.sum())
    # Noise cannot make z narrower; smaller values come from too little stable ground.
    return float(np.sqrt(max(inflation, 1.0)))


def _autocorrelation(values: Array, shape: list[int]) -> Array:
    """Sum of products at every lag (cyclic layout); `shape` leaves room for the window's lags."""
    spectrum = fft.rfft2(values, shape)
    lags: Array = fft.irfft2(np.abs(spectrum) ** 2, shape)
    return lags


def clusters(
    classes: NDArray[np.int8],
    z: Array,
    rate: NDArray[np.floating[Any]],
    grid: Grid,
    settings: HotspotSettings,
) -> gpd.GeoDataFrame:
    """Outline connected groups of significant pixels of one sign.

    Returns
    -------
    GeoDataFrame
        ``cluster`` (h1…hN, west to east within falling size), ``kind`` (subsidence, uplift), ``area_m2``,
        ``max_level``, ``extreme_z``, ``mean_z``, ``mean_rate``, ``extreme_rate`` (mm/yr), ``geometry``.
    """
    rows: list[dict[str, Any]] = []
    polygons = []
    for kind, sign in (("subsidence", -1), ("uplift", 1)):
        labels, count = ndimage.label(classes * sign >= settings.min_level, _EIGHT)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        kept = np.flatnonzero(sizes[1:] >= settings.min_px) + 1
        renumber = np.zeros(count + 1, np.int32)
        renumber[kept] = np.arange(1, len(kept) + 1)
        labels = renumber[labels]
        polygons += polygons_of(labels, grid)
        windows = ndimage.find_objects(labels)
        for number, window in enumerate(windows, start=1):
            inside = labels[window] == number
            rows.append(
                {"kind": kind, "area_m2": float(inside.sum() * grid.pixel_area_m2)}
                | _describe(inside, sign, classes[window], z[window], rate[window])
            )
    return _numbered(rows, polygons, grid)


def _describe(
    inside: NDArray[np.bool_], sign: int, classes: NDArray[Any], z: NDArray[Any], rate: NDArray[Any]
) -> dict[str, Any]:
    """Numbers of one cluster; extremes are those furthest in its own direction."""
    return {
        "max_level": int(np.abs(classes[inside]).max()),
        "mean_z": float(z[inside].mean()),
        "extreme_z": float(sign * (sign * z[inside]).max()),
        "mean_rate": float(rate[inside].mean(dtype=np.float64)),
        "extreme_rate": float(sign * (sign * rate[inside]).max()),
    }


def _numbered(rows: list[dict[str, Any]], polygons: list[Any], grid: Grid) -> gpd.GeoDataFrame:
    """Order clusters by falling area, then west to east, and name them."""
    columns = ["kind", "area_m2", "max_level", "mean_z", "extreme_z", "mean_rate", "extreme_rate"]
    frame = gpd.GeoDataFrame(rows, columns=columns, geometry=polygons, crs=grid.crs_wkt)
    corner = frame.geometry.bounds
    frame = frame.assign(_area=-frame["area_m2"], _x=corner["minx"], _y=corner["miny"])
    frame = frame.sort_values(["_area", "_x", "_y"], ignore_index=True).drop(columns=["_area", "_x", "_y"])
    frame.insert(0, "cluster", [f"h{number}" for number in range(1, len(frame) + 1)])
    return frame

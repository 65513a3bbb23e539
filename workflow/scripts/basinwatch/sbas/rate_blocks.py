"""One block of a rate map: its pairs are inverted and described piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.grid import Grid
from basinwatch.phase import to_displacement_mm
from basinwatch.sbas.corrections.chain import Corrections
from basinwatch.sbas.corrections.closure import Repaired, nonclosing_share
from basinwatch.sbas.corrections.height_error import height_of
from basinwatch.sbas.inversion import Solution, invert
from basinwatch.sbas.network import Network
from basinwatch.sbas.pair_lengths import length_contrast
from basinwatch.sbas.pixels import Pixels
from basinwatch.sbas.rate_settings import RateSettings
from basinwatch.sbas.trend import TrendSettings, fit_trend
from basinwatch.sbas.weights import pair_weights

Float = NDArray[np.float32]
Array = NDArray[np.float64]
Bool = NDArray[np.bool_]

_COUNTS = ("n_obs", "n_gap", "n_comp", "min_links", "repaired")
_CONTINUOUS = (
    "rate", "sigma", "annual_mm", "annual_day", "temporal_coherence", "residual_rms_mm", "nonclosing_share",
    "height_error_m", "short_minus_long_mm_yr",
)  # fmt: skip
PIECE_PX = 16_384


@dataclass(frozen=True)
class Block:
    """Results of one window: layers (height, width), where they can be trusted, and series (dates, height, width)."""

    layers: dict[str, NDArray[Any]]
    trusted: Bool
    series: Float


def empty_layers(shape: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """Rasters the blocks write into."""
    layers: dict[str, NDArray[Any]] = {name: np.full(shape, np.nan, np.float32) for name in _CONTINUOUS}
    return layers | {name: np.zeros(shape, np.uint16) for name in _COUNTS}


def weights_of(coherence: Float, settings: RateSettings) -> Array | None:
    """Weights of the pairs; None where all are equal."""
    if settings.weighting == "uniform":
        return None
    return pair_weights(coherence, settings.weighting, settings.looks)


@dataclass(frozen=True)
class Inversion:
    """What the pairs of P pixels tell: their solution, and what goes with it, (P,).

    Parameters
    ----------
    solution
        Of all dates; radians.
    nonclosing_share
        Share of the loops that miss whole cycles.
    contrast_rad
        Rate of the short pairs minus that of the long ones, radians per year.
    repaired, accepted
        As in :class:`~basinwatch.sbas.corrections.closure.Repaired`.
    """

    solution: Solution
    nonclosing_share: Float
    contrast_rad: Array
    repaired: NDArray[np.integer[Any]]
    accepted: Bool


def invert_all(
    corrections: Corrections,
    settings: RateSettings,
    phase: Float,
    coherence: Float | None,
    part: slice,
    pixels: Pixels,
    fields: Float,
) -> Inversion:
    """Correct and invert all pairs (m, P) at a part of the pixels of a block."""
    weights = None if coherence is None else weights_of(coherence[:, part], settings)
    return invert_observed(corrections, settings, corrections.to_pairs(phase[:, part], fields, pixels), weights)


def invert_observed(
    corrections: Corrections, settings: RateSettings, observed: Repaired, weights: Array | None
) -> Inversion:
    """Invert corrected pairs."""
    network, normal = corrections.scene.network, corrections.scene.normal
    solution = invert(network.index, network.days, observed.phase, weights, settings.bridge)
    residual = normal.residual(observed.phase.astype(np.float64), solution.displacement)
    return Inversion(
        solution=solution,
        nonclosing_share=nonclosing_share(observed.phase, corrections.closure.loops),
        contrast_rad=length_contrast(residual, network, settings.short_pair_days),
        repaired=observed.cycles,
        accepted=observed.accepted,
    )


def solve_block(
    grid: Grid,
    corrections: Corrections,
    settings: RateSettings,
    window: Window,
    inverse: Callable[[slice, Pixels, Float], Inversion],
) -> Block:
    """Describe the pixels of one window, piece by piece.

    Parameters
    ----------
    inverse
        Inverts a part of the pixels; takes the part, its pixels and the phase to take from every date there.
    """
    pixels = Pixels.within(window, grid)
    fields = corrections.fields(pixels)
    shape = window.height, window.width
    layers = empty_layers((1, len(pixels)))
    trusted, series = np.ones(len(pixels), bool), np.empty((len(fields), len(pixels)), np.float32)
    for start in range(0, len(pixels), PIECE_PX):
        part = slice(start, min(start + PIECE_PX, len(pixels)))
        place = pixels.part(part)
        found = inverse(part, place, fields if fields.shape[1] == 1 else fields[:, part])
        described, series[:, part] = _describe(corrections, settings, found, place)
        trusted[part] = found.accepted
        for name, values in described.items():
            layers[name][0, part] = values
    return Block(
        {name: values.reshape(shape) for name, values in layers.items()},
        trusted.reshape(shape),
        series.reshape(-1, *shape),
    )


def _describe(
    corrections: Corrections, settings: RateSettings, found: Inversion, pixels: Pixels
) -> tuple[dict[str, NDArray[Any]], NDArray[np.floating[Any]]]:
    """Layers (P,), and series (dates, P) in mm."""
    scene, solution = corrections.scene, found.solution
    series, slope = corrections.to_series(corrections.millimetres(solution.displacement))
    layers = _trend_layers(scene.network, series, settings.trend) | {
        "short_minus_long_mm_yr": to_displacement_mm(found.contrast_rad, scene.wavelength_m),
        "temporal_coherence": solution.temporal_coherence,
        "residual_rms_mm": np.abs(to_displacement_mm(solution.residual_rms, scene.wavelength_m)),
        "n_obs": solution.n_obs,
        "n_gap": solution.n_gap,
        "n_comp": solution.n_comp,
        "min_links": solution.min_links,
        "nonclosing_share": found.nonclosing_share,
        "repaired": found.repaired,
    }
    if corrections.height_error is not None:
        incidence = scene.auxiliary.incidence_at(pixels)
        layers["height_error_m"] = height_of(slope, scene.auxiliary.slant_range_m, incidence)
    return layers, series


def _trend_layers(network: Network, series: NDArray[np.floating[Any]], settings: TrendSettings) -> dict[str, Any]:
    """Rate, its standard error and the annual part of series (dates, P) in mm."""
    trend = fit_trend(network.days, series, settings, network.dates[0])
    layers = {"rate": trend.rate, "sigma": trend.sigma}
    return layers if trend.annual is None else layers | {"annual_mm": trend.annual, "annual_day": trend.peak_day}

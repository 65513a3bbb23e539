"""Rate map of a stack of unwrapped pairs, with the quality that says where it can be believed.

Three passes: a survey of validity and coherence, the corrections on a sample of known ground, and the
inversion, block by block. Memory is bounded by the block and one raster per layer, not by dates times scene.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.phase import to_displacement_mm
from basinwatch.sbas.banded import Bridge
from basinwatch.sbas.corrections.chain import Corrections, CorrectionSettings, Scene, estimate
from basinwatch.sbas.corrections.closure import nonclosing_share
from basinwatch.sbas.corrections.ground import Auxiliary, choose_ground
from basinwatch.sbas.corrections.height_error import height_of
from basinwatch.sbas.inversion import invert
from basinwatch.sbas.observations import (
    UnwrappedStack,
    blocks,
    in_order,
    read_at,
    read_block,
    survey,
)
from basinwatch.sbas.pixels import Pixels
from basinwatch.sbas.trend import classify, fit_rate
from basinwatch.sbas.weights import Weighting, pair_weights

Float = NDArray[np.float32]
Array = NDArray[np.float64]
Bool = NDArray[np.bool_]

# Layers that say where a rate can be believed, in the order of the product's bands.
QUALITY = (
    "temporal_coherence", "mean_coherence", "residual_rms_mm", "n_obs", "n_gap", "measured", "n_comp", "min_links",
    "nonclosing_share", "repaired", "height_error_m",
)  # fmt: skip
_COUNTS = ("n_obs", "n_gap", "n_comp", "min_links", "repaired")
_PIECE_PX = 16_384


@dataclass(frozen=True)
class RateSettings:
    """How a rate is estimated and when it counts as measured.

    Parameters
    ----------
    weighting, looks
        Weights of the pairs from their coherence and its effective number of looks, as
        :func:`basinwatch.sbas.weights.pair_weights` takes them.
    bridge
        What fills intervals without any pair: no motion, or the speed of their neighbours.
    min_coherence
        Observations below it are dropped (unknown coherence is kept).
    corrections
        What is corrected, and how.
    min_temporal_coherence, min_observed_share, max_gaps
        A rate counts as measured when the residuals agree this well, this share of the pairs is valid,
        no more intervals than this are left without any pair, and the dates fall into no more unconnected
        subsets than so many gaps make.
    stable_mm_per_year
        Rates within ± this are stable.
    block_px
        Side of the blocks that are read and inverted one at a time; a block takes 4 bytes per pair and pixel
        (8 with weights) and about as much per date.
    """

    weighting: Weighting = "uniform"
    looks: float = 1.0
    bridge: Bridge = "flat"
    min_coherence: float = 0.3
    corrections: CorrectionSettings = field(default_factory=CorrectionSettings)
    min_temporal_coherence: float = 0.7
    min_observed_share: float = 0.5
    max_gaps: int = 0
    stable_mm_per_year: float = 5.0
    block_px: int = 512


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
    n_comp, min_links
        uint16 subsets of dates that no pair connects (1 = connected), and valid pairs of the poorest date.
    nonclosing_share
        float32 share of the loops of three pairs that miss whole cycles; NaN without any loop.
    repaired
        uint16 observations of which whole cycles were taken.
    height_error_m
        float32 error of the elevation model; NaN where it was not estimated.
    classes
        uint8: 0 no rate, 1 subsiding, 2 stable, 3 uplifting.
    measured
        Where the rate counts as measured.
    reference
        The reference set.
    corrections
        What was corrected, with its report.
    """

    rate: Float
    sigma: Float
    temporal_coherence: Float
    mean_coherence: Float
    residual_rms_mm: Float
    n_obs: NDArray[np.uint16]
    n_gap: NDArray[np.uint16]
    n_comp: NDArray[np.uint16]
    min_links: NDArray[np.uint16]
    nonclosing_share: Float
    repaired: NDArray[np.uint16]
    height_error_m: Float
    classes: NDArray[np.uint8]
    measured: Bool
    reference: Bool
    corrections: Corrections


def estimate_rate(
    stack: UnwrappedStack,
    settings: RateSettings,
    auxiliary: Auxiliary | None = None,
    *,
    on_series: Callable[[Window, Float], None] | None = None,
    workers: int = 1,
) -> RateProducts:
    """Estimate the line-of-sight rate of a stack, corrected in the order of :mod:`.corrections.chain`.

    Parameters
    ----------
    auxiliary
        What is known of the scene besides its pairs; rasters and coordinates on the stack's grid.
    on_series
        Called for every block, in reading order, with its window and its displacement series: float32
        (dates, height, width) in mm.
    workers
        Threads; the result does not depend on them.

    Raises
    ------
    InputError
        If a raster does not fit the grid, or an input does not fit its correction.
    """
    seen = survey(stack, settings.min_coherence, workers)
    scene = Scene(stack.network, stack.wavelength_m, auxiliary or Auxiliary())
    ground = choose_ground(seen, scene.auxiliary, settings.corrections.reference, stack.grid)
    phase, coherence = read_at(stack, ground.pixels, settings.min_coherence, workers)
    weights = _weights(coherence, settings)
    corrections = estimate(phase, weights, ground, scene, settings.corrections, settings.stable_mm_per_year)
    del phase, coherence, weights
    layers, trusted = _empty_layers(stack.grid.shape), np.ones(stack.grid.shape, bool)
    windows = blocks(stack.grid, settings.block_px)
    solve = partial(_solve_block, stack, corrections, settings)
    for window, block in zip(windows, in_order(solve, windows, workers), strict=True):
        rows, columns = window.toslices()
        for name, values in block.layers.items():
            layers[name][rows, columns] = values
        trusted[rows, columns] = block.trusted
        if on_series is not None:
            on_series(window, block.series)
    return RateProducts(
        **layers,
        mean_coherence=seen.mean_coherence,
        classes=classify(layers["rate"], settings.stable_mm_per_year),
        measured=trusted & _measured(layers, len(stack.unwrapped), settings),
        reference=corrections.reference.mask(),
        corrections=corrections,
    )


@dataclass(frozen=True)
class _Block:
    """Results of one window: layers (height, width), where they can be trusted, and series (dates, height, width)."""

    layers: dict[str, NDArray[Any]]
    trusted: Bool
    series: Float


def _empty_layers(shape: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """Rasters the blocks write into."""
    continuous = ("rate", "sigma", "temporal_coherence", "residual_rms_mm", "nonclosing_share", "height_error_m")
    layers: dict[str, NDArray[Any]] = {name: np.full(shape, np.nan, np.float32) for name in continuous}
    return layers | {name: np.zeros(shape, np.uint16) for name in _COUNTS}


def _weights(coherence: Float, settings: RateSettings) -> Array | None:
    """Weights of the pairs; None where all are equal."""
    if settings.weighting == "uniform":
        return None
    return pair_weights(coherence, settings.weighting, settings.looks)


def _measured(layers: dict[str, NDArray[Any]], pairs: int, settings: RateSettings) -> Bool:
    """Where residuals, observations and gaps let a rate count as measured."""
    measured: Bool = (
        (layers["temporal_coherence"] >= settings.min_temporal_coherence)
        & (layers["n_obs"] >= settings.min_observed_share * pairs)
        & (layers["n_gap"] <= settings.max_gaps)
        & (layers["n_comp"] <= settings.max_gaps + 1)
    )
    return measured


def _solve_block(stack: UnwrappedStack, corrections: Corrections, settings: RateSettings, window: Window) -> _Block:
    """Correct and invert the pixels of one window, piece by piece."""
    weighted = settings.weighting != "uniform"
    phase, coherence = read_block(stack, window, settings.min_coherence, with_coherence=weighted)
    pixels = Pixels.within(window, stack.grid)
    fields = corrections.fields(pixels)
    shape = window.height, window.width
    layers = _empty_layers((1, len(pixels)))
    trusted, series = np.ones(len(pixels), bool), np.empty((len(fields), len(pixels)), np.float32)
    for start in range(0, len(pixels), _PIECE_PX):
        part = slice(start, start + _PIECE_PX)
        found, series[:, part], trusted[part] = _solve_piece(
            corrections,
            settings.bridge,
            phase[:, part],
            None if coherence is None else _weights(coherence[:, part], settings),
            fields if fields.shape[1] == 1 else fields[:, part],
            pixels.part(part),
        )
        for name, values in found.items():
            layers[name][0, part] = values
    return _Block(
        {name: values.reshape(shape) for name, values in layers.items()},
        trusted.reshape(shape),
        series.reshape(-1, *shape),
    )


def _solve_piece(
    corrections: Corrections, bridge: Bridge, phase: Float, weights: Array | None, fields: Float, pixels: Pixels
) -> tuple[dict[str, NDArray[Any]], NDArray[np.floating[Any]], Bool]:
    """Correct and invert observations (m, P): layers, series (dates, P) in mm, and where they can be trusted."""
    scene = corrections.scene
    observed = corrections.to_pairs(phase, fields, pixels)
    share = nonclosing_share(observed.phase, corrections.closure.loops)
    solution = invert(scene.network.index, scene.network.days, observed.phase, weights, bridge)
    series, slope = corrections.to_series(corrections.millimetres(solution.displacement))
    rate, sigma = fit_rate(scene.network.days, series)
    layers = {
        "rate": rate,
        "sigma": sigma,
        "temporal_coherence": solution.temporal_coherence,
        "residual_rms_mm": np.abs(to_displacement_mm(solution.residual_rms, scene.wavelength_m)),
        "n_obs": solution.n_obs,
        "n_gap": solution.n_gap,
        "n_comp": solution.n_comp,
        "min_links": solution.min_links,
        "nonclosing_share": share,
        "repaired": observed.cycles,
    }
    if corrections.height_error is not None:
        incidence = scene.auxiliary.incidence_at(pixels)
        layers["height_error_m"] = height_of(slope, scene.auxiliary.slant_range_m, incidence)
    return layers, series, observed.accepted

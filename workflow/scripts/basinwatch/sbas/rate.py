"""Rate map of a stack of unwrapped pairs, with the quality that says where it can be believed.

Three passes: a survey of validity and coherence, the corrections on a sample of known ground, and the
inversion, block by block. Memory is bounded by the block and one raster per layer, not by dates times scene.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.grid import Grid
from basinwatch.sbas.components import connected_share
from basinwatch.sbas.consistency import ConsistencyMap
from basinwatch.sbas.corrections.chain import Corrections, Scene, estimate, without_fast
from basinwatch.sbas.corrections.ground import Auxiliary, choose_ground
from basinwatch.sbas.network import Network
from basinwatch.sbas.observations import (
    UnwrappedStack,
    blocks,
    in_order,
    read_at,
    read_block,
    survey,
)
from basinwatch.sbas.rate_blocks import Block, empty_layers, invert_all, solve_block, weights_of
from basinwatch.sbas.rate_settings import RateSettings
from basinwatch.sbas.trend import classify

Float = NDArray[np.float32]
Array = NDArray[np.float64]
Bool = NDArray[np.bool_]

# Layers that say where a rate can be believed, in the order of the product's bands.
QUALITY = (
    "temporal_coherence", "mean_coherence", "residual_rms_mm", "n_obs", "n_gap", "measured", "n_comp", "min_links",
    "nonclosing_share", "repaired", "height_error_m", "connected_share",
    "consistency_mm", "short_minus_long_mm_yr",
)  # fmt: skip


@dataclass(frozen=True)
class RateProducts:
    """Rasters (y, x) of :func:`estimate_rate`; displacement towards the satellite is positive.

    Parameters
    ----------
    rate, sigma
        float32 mm/yr and its standard error; NaN without observations.
    annual_mm, annual_day
        float32 amplitude of the annual part, and the day of the year, from 0, of its largest displacement; NaN where
        none was fitted.
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
    connected_share
        float32 share of the pairs in which the pixel lies in the connected component of the reference; NaN where it
        is not known.
    consistency_mm
        float32 spatio-temporal consistency; NaN without a neighbour.
    short_minus_long_mm_yr
        float32 rate of the short pairs minus that of the long ones; NaN where either kind is missing.
    classes, sure_classes
        uint8: 0 no rate, 1 subsiding, 2 stable, 3 uplifting; and after the standard error is taken from the rate.
    measured
        Where the rate counts as measured.
    reference
        The reference set.
    corrections
        What was corrected, with its report.
    """

    rate: Float
    sigma: Float
    annual_mm: Float
    annual_day: Float
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
    connected_share: Float
    consistency_mm: Float
    short_minus_long_mm_yr: Float
    classes: NDArray[np.uint8]
    sure_classes: NDArray[np.uint8]
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
    scene = Scene(stack.network, stack.wavelength_m, auxiliary or Auxiliary(), settings.bridge)
    ground = choose_ground(seen, scene.auxiliary, settings.corrections.reference, stack.grid)
    phase, coherence = read_at(stack, ground.pixels, settings.min_coherence, workers)
    weights = weights_of(coherence, settings)
    ground = without_fast(phase, weights, ground, scene, settings.corrections, settings.stable_mm_per_year)
    corrections = estimate(phase, weights, ground, scene, settings.corrections)
    del phase, coherence, weights
    connected = connected_share(stack, corrections.reference, np.isfinite(corrections.surfaces[:, 0]), workers)
    solve = partial(_solve_window, stack, corrections, settings)
    return map_rate(stack.grid, settings, corrections, solve, (seen.mean_coherence, connected), on_series, workers)


def map_rate(
    grid: Grid,
    settings: RateSettings,
    corrections: Corrections,
    solve: Callable[[Window], Block],
    shares: tuple[Float, Float],
    on_series: Callable[[Window, Float], None] | None,
    workers: int,
) -> RateProducts:
    """Put the rate map together from its blocks, which `solve` makes in threads.

    Parameters
    ----------
    shares
        Mean coherence, and share of the pairs in which pixels are joined to the reference, (y, x).
    on_series, workers
        As for :func:`estimate_rate`.
    """
    network, (mean_coherence, connected) = corrections.scene.network, shares
    layers, trusted = empty_layers(grid.shape), np.ones(grid.shape, bool)
    consistency = ConsistencyMap(grid.shape)
    windows = blocks(grid, settings.block_px)
    for window, block in zip(windows, in_order(solve, windows, workers), strict=True):
        rows, columns = window.toslices()
        for name, values in block.layers.items():
            layers[name][rows, columns] = values
        trusted[rows, columns] = block.trusted
        consistency.add(window, block.series)
        if on_series is not None:
            on_series(window, block.series)
    return RateProducts(
        **layers,
        mean_coherence=mean_coherence,
        connected_share=connected,
        consistency_mm=consistency.values,
        classes=classify(layers["rate"], settings.stable_mm_per_year),
        sure_classes=classify(layers["rate"], settings.stable_mm_per_year, settings.class_sigmas * layers["sigma"]),
        measured=trusted & ~(connected < settings.min_connected_share) & _measured(layers, network, settings),
        reference=corrections.reference.mask(),
        corrections=corrections,
    )


def _measured(layers: dict[str, NDArray[Any]], network: Network, settings: RateSettings) -> Bool:
    """Where residuals, observations and gaps let a rate count as measured."""
    measured: Bool = (
        (layers["temporal_coherence"] >= settings.min_temporal_coherence)
        & (layers["n_obs"] >= settings.min_observed_share * len(network.pairs))
        & (layers["n_obs"] >= settings.min_pairs_per_date * len(network.dates))
        & (layers["n_gap"] <= settings.max_gaps)
        & (layers["n_comp"] <= settings.max_gaps + 1)
    )
    if settings.max_residual_rms_mm is not None:
        measured &= layers["residual_rms_mm"] <= settings.max_residual_rms_mm
    return measured


def _solve_window(stack: UnwrappedStack, corrections: Corrections, settings: RateSettings, window: Window) -> Block:
    """Read the pairs of one window and invert them."""
    weighted = settings.weighting != "uniform"
    phase, coherence = read_block(stack, window, settings.min_coherence, with_coherence=weighted)
    return solve_block(
        stack.grid, corrections, settings, window, partial(invert_all, corrections, settings, phase, coherence)
    )

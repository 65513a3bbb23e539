"""Blocks of a rate map that is updated: solved from what is remembered of them, or else in full."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.sbas.corrections.chain import Corrections, Scene
from basinwatch.sbas.corrections.closure import counted_share
from basinwatch.sbas.observations import UnwrappedStack
from basinwatch.sbas.observations import read_block as read_pairs
from basinwatch.sbas.pair_lengths import rate_contrast
from basinwatch.sbas.pixels import Pixels
from basinwatch.sbas.rate_blocks import Block, Float, Inversion, invert_observed, solve_block, weights_of
from basinwatch.sbas.rate_settings import RateSettings
from basinwatch.sbas.settled import Observed, Settled, settle, settled_dates, solve_later, wanted_pairs
from basinwatch.sbas.state import StateMismatchError
from basinwatch.sbas.update_files import Manifest, Remembered, merged, read_block, write_block

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """What the steps of one run share; blocks that had to be done in full are noted in `in_full`."""

    stack: UnwrappedStack
    settings: RateSettings
    scene: Scene
    identity: str
    workers: int
    in_full: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Before:
    """The run before: its files, and which pairs are new since."""

    manifest: Manifest
    folder: Path
    new: NDArray[np.int64]


def solve_window(run: Run, corrections: Corrections, before: Before | None, target: Path, window: Window) -> Block:
    """Solve one block, from what is remembered of it or else in full."""
    name = f"{window.row_off}_{window.col_off}"
    if before is not None:
        try:
            block = _recalled(run, before, name, window)
            return _solved(run, corrections, block, window, target / name)
        except StateMismatchError as reason:
            log.info("block %s in full: %s", name, reason)
            run.in_full.append(name)
    numbers = np.arange(len(run.stack.unwrapped))
    return _solved(run, corrections, Remembered(numbers, *_read(run, numbers, window), None), window, target / name)


def _read(run: Run, numbers: NDArray[np.int64], window: Window) -> tuple[Float, Float | None]:
    """Read some of the pairs in a window."""
    weighted = run.settings.weighting != "uniform"
    return read_pairs(run.stack.part(numbers), window, run.settings.min_coherence, with_coherence=weighted)


def _recalled(run: Run, before: Before, name: str, window: Window) -> Remembered:
    """Add the new pairs to what is remembered of a block."""
    held = read_block(before.folder, name, run.scene, run.identity)
    phase, coherence = _read(run, before.new, window)
    if held.settled and not _own_weights(phase, coherence):
        raise StateMismatchError("coherence: found it unknown for valid pairs, expected it to be known")
    numbers = np.sort(np.concatenate([held.numbers, before.new]))
    phase = merged((held.numbers, held.phase), (before.new, phase))
    if held.coherence is not None and coherence is not None:
        coherence = merged((held.numbers, held.coherence), (before.new, coherence))
    return Remembered(numbers, phase, coherence, held.settled)


def _own_weights(phase: Float, coherence: Float | None) -> bool:
    """Whether the weight of every valid pair follows from its own coherence."""
    return coherence is None or not (np.isfinite(phase) & np.isnan(coherence)).any()


def _solved(run: Run, corrections: Corrections, block: Remembered, window: Window, target: Path) -> Block:
    """Solve one block and remember it for the next run."""
    dates = _dates_of_block(run, block)
    settled: list[Settled] = []
    inverse = partial(_inverted, run, corrections, block, dates, settled)
    result = solve_block(run.stack.grid, corrections, run.settings, window, inverse)
    if settled:
        block = replace(block, settled=Settled.join(settled))
        kept = np.isin(block.numbers, wanted_pairs(run.stack.network, dates))
        coherence = None if block.coherence is None else block.coherence[kept]
        block = replace(block, numbers=block.numbers[kept], phase=block.phase[kept], coherence=coherence)
    write_block(target.parent, target.name, block, run.scene.pair_names, run.identity)
    return result


def _dates_of_block(run: Run, block: Remembered) -> int:
    """Tell how many dates of a block to settle; 0 if it stays as it is: unknown coherence counts as a mean of all."""
    dates, known = dates_to_settle(run), block.settled.dates if block.settled else 0
    return dates if dates > known and _own_weights(block.phase, block.coherence) else 0


def dates_to_settle(run: Run) -> int:
    """Tell how many dates can be settled; 0 where all pairs are looked at again to repair or drop them."""
    closure = run.settings.corrections.closure
    return 0 if closure.repair or closure.drop_bad_pairs else settled_dates(run.stack.network)


def _inverted(
    run: Run,
    corrections: Corrections,
    block: Remembered,
    dates: int,
    settled: list[Settled],
    part: slice,
    pixels: Pixels,
    fields: Float,
) -> Inversion:
    """Invert a part of a block, and settle its first dates."""
    weights = None if block.coherence is None else weights_of(block.coherence[:, part], run.settings)
    repaired = corrections.part(block.numbers).to_pairs(block.phase[:, part], fields, pixels)
    observed = Observed(
        network=run.stack.network,
        numbers=block.numbers,
        phase=repaired.phase,
        weights=weights,
        loops=corrections.closure.loops,
        short_days=run.settings.short_pair_days,
        bridge=run.settings.bridge,
    )
    before = block.settled.part(part) if block.settled else None
    if before is None:
        found = invert_observed(corrections, run.settings, repaired, weights)
    else:
        solution, lengths, loops = solve_later(before, observed)
        share = counted_share(*loops)
        found = Inversion(solution, share, rate_contrast(lengths), repaired.cycles, repaired.accepted)
    if dates:
        settled.append(settle(before, observed, found.solution.displacement, dates))
    return found

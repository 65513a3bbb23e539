"""Rate map of a stack that grows: a run reads the pairs of new scenes only, and remembers what the next one needs.

The reference and the sample of ground that corrections are estimated on stay those of the last full run. All else
equals a full run with that ground: the latest pairs are kept as they were read, and of the dates before them the
eliminated network (see :mod:`.settled`). What does not fit falls back to a full run, of a block or of the stack.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.fingerprints import ChangedFileError, fingerprints
from basinwatch.provenance import software, text_hash
from basinwatch.sbas.components import Connection, count_joined
from basinwatch.sbas.corrections.chain import Corrections, Scene, estimate, without_fast
from basinwatch.sbas.corrections.ground import Auxiliary, Ground, choose_ground
from basinwatch.sbas.corrections.reference import near
from basinwatch.sbas.network import Network
from basinwatch.sbas.observations import UnwrappedStack, read_at, tally
from basinwatch.sbas.pair_lengths import are_short, pair_days
from basinwatch.sbas.rate import RateProducts, map_rate
from basinwatch.sbas.rate_blocks import Float, weights_of
from basinwatch.sbas.rate_settings import RateSettings
from basinwatch.sbas.state import StateMismatchError
from basinwatch.sbas.update_blocks import Before, Run, dates_to_settle, solve_window
from basinwatch.sbas.update_files import (
    Manifest,
    Sample,
    clear_others,
    generation_folder,
    merged,
    read_manifest,
    read_sample,
    write_manifest,
    write_sample,
)

log = logging.getLogger(__name__)

# A reference is a median: it bears that so much of its ground has come to lie near basins since it was chosen.
_MOST_MOVING_SHARE = 0.1
# Fields are single precision, tens of radians large.
_FIELD_TOLERANCE_RAD = 1e-5


@dataclass(frozen=True)
class Memory:
    """Where a run remembers what the next one needs.

    Parameters
    ----------
    folder
        Of this stack alone.
    code
        Changes when a result may change with the code.
    """

    folder: Path
    code: str


@dataclass(frozen=True)
class Updated:
    """Result of :func:`update_rate`.

    Parameters
    ----------
    products
        As of :func:`~basinwatch.sbas.rate.estimate_rate`.
    report
        ``mode`` (full or appended), ``dates`` and ``pairs`` that were new, ``blocks_in_full``, ``reference_since``
        (last scene when the reference was chosen) and ``why``.
    manifest
        What :func:`remember` writes.
    """

    products: RateProducts
    report: dict[str, Any]
    manifest: Manifest


def update_rate(
    stack: UnwrappedStack,
    settings: RateSettings,
    auxiliary: Auxiliary | None,
    memory: Memory,
    *,
    on_series: Callable[[Window, Float], None] | None = None,
    workers: int = 1,
) -> Updated:
    """Estimate the rate of a stack, reading only what came in since the run before.

    Call :func:`remember` when all products are written.

    Parameters
    ----------
    stack, settings, auxiliary, on_series, workers
        As for :func:`~basinwatch.sbas.rate.estimate_rate`.

    Raises
    ------
    InputError
        As there.
    """
    scene = Scene(stack.network, stack.wavelength_m, auxiliary or Auxiliary(), settings.bridge)
    run = Run(stack, settings, scene, _identity(stack, settings, scene.auxiliary, memory.code), workers)
    files, before, why = _files(stack, scene.auxiliary), None, ""
    try:
        before = _recall(run, memory.folder, files)
        sample, corrections = _continued(run, before)
    except (StateMismatchError, ChangedFileError) as reason:
        before, why = None, str(reason)
        log.info("full run: %s", why)
        sample, corrections = _begun(run)
    clear_others(memory.folder, before.manifest.generation if before else None)
    manifest = _manifest(run, corrections, before, files)
    target = generation_folder(memory.folder, manifest.generation)
    write_sample(target, sample)
    solve, shares = partial(solve_window, run, corrections, before, target), _shares(sample, stack)
    products = map_rate(stack.grid, settings, corrections, solve, shares, on_series, workers)
    return Updated(products, _report(run, before, manifest, why), manifest)


def remember(memory: Memory, updated: Updated) -> None:
    """Let the next run start from this one; to be called last of all."""
    write_manifest(memory.folder, updated.manifest)


def _shares(sample: Sample, stack: UnwrappedStack) -> tuple[Float, Float]:
    """Mean coherence, and share of the pairs in which pixels are joined to the reference, (y, x)."""
    unknown = np.full(stack.grid.shape, np.nan, np.float32)
    return sample.tally.survey.mean_coherence, unknown if sample.connection is None else sample.connection.share


def _identity(stack: UnwrappedStack, settings: RateSettings, auxiliary: Auxiliary, code: str) -> str:
    """Hash of what must stay the same from run to run, besides the files."""
    known = {
        "reference": [place.wkb_hex for place in auxiliary.reference],
        "control": [(point.place.wkb_hex, point.rate_mm_per_year) for point in auxiliary.control],
        "incidence": str(auxiliary.incidence_deg),
        "slant_range_m": auxiliary.slant_range_m,
    }
    return text_hash([software(), code, repr(settings), stack.grid.to_dict(), stack.wavelength_m, known])


def _files(stack: UnwrappedStack, auxiliary: Auxiliary) -> dict[str, Path]:
    """Files that a rate depends on, by role; baselines enter afterwards."""
    files = {
        f"{kind} {a} {b}": path
        for kind in ("unwrapped", "coherence", "components")
        for (a, b), path in zip(_pair_dates(stack.network), getattr(stack, kind) or (), strict=False)
    }
    rasters = {"heights": auxiliary.heights, "incidence": auxiliary.incidence_deg}
    files |= {role: path for role, path in rasters.items() if isinstance(path, Path)}
    delays = auxiliary.delays.paths if auxiliary.delays else {}
    return files | {f"delay {day}": delays[day] for day in stack.network.dates if day in delays}


def _pair_dates(network: Network) -> list[tuple[str, str]]:
    """ISO dates of every pair."""
    return [(network.dates[a].isoformat(), network.dates[b].isoformat()) for a, b in network.pairs]


def _recall(run: Run, folder: Path, files: dict[str, Path]) -> Before:
    """Find the run before and check that the stack is what it was, and more."""
    manifest = read_manifest(folder)
    if manifest.identity != run.identity:
        raise StateMismatchError("settings, geometry or code: found others than in the run before, expected the same")
    names, known = run.scene.pair_names, set(manifest.pairs)
    gone = known - set(names)
    if gone:
        raise StateMismatchError(f"pair {min(gone)}: found it gone, expected all pairs of the run before")
    fingerprints({role: path for role, path in files.items() if role in manifest.files}, manifest.files)
    dates = [day.isoformat() for day in run.stack.network.dates]
    late = [day for day in manifest.dates if f"delay {day}" in files and f"delay {day}" not in manifest.files]
    if late:
        raise StateMismatchError(f"delay of {late[0]}: found a new one, expected none as in the run before")
    if manifest.settled and dates[: len(manifest.dates)] != manifest.dates:
        raise StateMismatchError("new scenes: found one among those of the run before, expected later ones only")
    new = np.array([number for number, name in enumerate(names) if name not in known], np.int64)
    return Before(manifest, generation_folder(folder, manifest.generation), new)


def _begun(run: Run) -> tuple[Sample, Corrections]:
    """Choose the ground and estimate the corrections, from all pairs."""
    stack, settings = run.stack, run.settings
    seen = tally(stack, settings.min_coherence, run.workers)
    ground = choose_ground(seen.survey, run.scene.auxiliary, settings.corrections.reference, stack.grid)
    phase, coherence = read_at(stack, ground.pixels, settings.min_coherence, run.workers)
    weights = weights_of(coherence, settings)
    ground = without_fast(phase, weights, ground, run.scene, settings.corrections, settings.stable_mm_per_year)
    corrections = estimate(phase, weights, ground, run.scene, settings.corrections)
    connection = _joined(run, corrections, np.arange(len(stack.unwrapped)))
    return Sample(ground, phase, coherence, seen, connection, corrections.fields(ground.pixels)), corrections


def _continued(run: Run, before: Before) -> tuple[Sample, Corrections]:
    """Add the new pairs to the sample of the run before and estimate the corrections on it."""
    settings, grid = run.settings, run.stack.grid
    held = read_sample(before.folder, grid)
    _check_ground(held.ground, run.scene.auxiliary, settings)
    fresh = run.stack.part(before.new)
    added = read_at(fresh, held.ground.pixels, settings.min_coherence, run.workers)
    old = np.setdiff1d(np.arange(len(run.stack.unwrapped)), before.new)
    phase, coherence = (
        merged((old, a), (before.new, b)) for a, b in zip((held.phase, held.coherence), added, strict=True)
    )
    corrections = estimate(phase, weights_of(coherence, settings), held.ground, run.scene, settings.corrections)
    fields = corrections.fields(held.ground.pixels)
    _check_past(run, before, corrections, held.fields, fields)
    connection = _joined(run, corrections, before.new)
    if held.connection is not None and connection is not None:
        connection = held.connection + connection
    seen = held.tally + tally(fresh, settings.min_coherence, run.workers)
    return Sample(held.ground, phase, coherence, seen, connection, fields), corrections


def _joined(run: Run, corrections: Corrections, numbers: NDArray[np.int64]) -> Connection | None:
    """Count where some of the pairs hang together with the reference."""
    if run.stack.components is None:
        return None
    kept = np.isfinite(corrections.surfaces[:, 0])
    paths = [run.stack.components[number] for number in numbers if kept[number]]
    return count_joined(run.stack, paths, corrections.reference, run.workers)


def _check_ground(ground: Ground, auxiliary: Auxiliary, settings: RateSettings) -> None:
    """Refuse a reference that basins have come to."""
    is_given = ground.given.any()
    distance_m = 0.0 if is_given else settings.corrections.reference.buffer_m
    moving = near(auxiliary.detected, ground.pixels.grid, distance_m)
    share = float(ground.pixels.part(ground.anchor).of(moving).mean()) if ground.anchor.any() else 1.0
    most = 0.0 if is_given else _MOST_MOVING_SHARE
    if share > most:
        raise StateMismatchError(f"reference: found {share:.0%} of it near basins by now, expected at most {most:.0%}")


def _check_past(run: Run, before: Before, corrections: Corrections, held: Float, fields: Float) -> None:
    """Refuse corrections that change what earlier runs have summed up or settled."""
    left_out = [name for name in _left_out(corrections) if name in before.manifest.pairs]
    if left_out != before.manifest.left_out:
        raise StateMismatchError("pairs left out: found others among the old ones, expected those of the run before")
    settled, network = before.manifest.settled, run.stack.network
    if not settled:
        return
    change = (fields[:settled] - fields[0]) - (held[:settled] - held[0])
    largest = float(np.nanmax(np.abs(change), initial=0))
    if largest > _FIELD_TOLERANCE_RAD:
        raise StateMismatchError(
            f"corrections of settled dates: found them {largest:.1e} rad from those before, expected at most "
            f"{_FIELD_TOLERANCE_RAD:g} rad"
        )
    old = np.setdiff1d(np.arange(len(network.pairs)), before.new)
    days, limit = pair_days(network), run.settings.short_pair_days
    if (are_short(days, limit)[old] != are_short(days[old], limit)).any():
        raise StateMismatchError("short pairs: found that others count as short by now, expected the same")


def _left_out(corrections: Corrections) -> list[str]:
    """Names of pairs without reference."""
    names = zip(corrections.scene.pair_names, corrections.surfaces[:, 0], strict=True)
    return [name for name, constant in names if np.isnan(constant)]


def _manifest(run: Run, corrections: Corrections, before: Before | None, files: dict[str, Path]) -> Manifest:
    """Describe this run for the next one."""
    network, old = run.stack.network, before.manifest if before else None
    return Manifest(
        identity=run.identity,
        generation=old.generation + 1 if old else 0,
        reference_since=old.reference_since if old else network.dates[-1].isoformat(),
        dates=[day.isoformat() for day in network.dates],
        pairs=run.scene.pair_names,
        left_out=_left_out(corrections),
        settled=max(dates_to_settle(run), old.settled if old else 0),
        files=fingerprints(files, old.files if old else {}),
    )


def _report(run: Run, before: Before | None, manifest: Manifest, why: str) -> dict[str, Any]:
    """Tell how this run went, for logs and products."""
    old = len(before.manifest.dates) if before else 0
    found = {
        "mode": "appended" if before else "full",
        "dates": len(manifest.dates) - old,
        "pairs": len(before.new) if before else len(manifest.pairs),
        "blocks_in_full": len(run.in_full),
        "reference_since": manifest.reference_since,
        "why": why or "the run before fits",
    }
    log.info("update: %s", found)
    return found

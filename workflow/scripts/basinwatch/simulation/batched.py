"""Render many tiles at once with torch, on a GPU or the CPU, for training on the fly.

Parameters, movement, true coherence and labels come from the numpy chain and are the same to the bit. Delay, residual
topography, speckle and filters are torch's: their noise is another realisation of the same statistics, and differs
between kinds of devices. A tile depends on its record only, not on the batch it is rendered in.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from basinwatch.datasets.tiles import Label
from basinwatch.simulation import atmosphere, torch_filters
from basinwatch.simulation.drawing import Component, draw
from basinwatch.simulation.geometry import Spacing
from basinwatch.simulation.rendering import (
    Record,
    delay_rad,
    field_rng,
    find_labels,
    height_sensitivity,
    layered_delay_phase,
    mapped_delay_phase,
    move_ground,
    shape_of,
    true_coherence,
)
from basinwatch.simulation.settings import Settings
from basinwatch.simulation.sources import NO_SOURCES, Sources
from basinwatch.simulation.torch_fields import grouped, scaled_fields, short_scaled_fields, smooth_fields
from basinwatch.simulation.torch_speckle import multilook


@dataclass(frozen=True)
class Scene:
    """What the numpy chain contributes to a tile.

    Parameters
    ----------
    record
        Drawn parameters.
    phase
        Phase of everything but random fields, radians, (y, x).
    missing
        Pixels without data.
    coherence
        True coherence.
    labels
        Instances.
    """

    record: Record
    phase: NDArray[np.float32]
    missing: NDArray[np.bool_]
    coherence: NDArray[np.float32]
    labels: list[Label]


@dataclass(frozen=True)
class RenderedBatch:
    """Tiles of one size.

    Parameters
    ----------
    phase
        float32 (tile, y, x) radians, NaN where invalid.
    coherence
        float32 (tile, y, x) in 0…1; NaN where invalid, and all over tiles whose user has none.
    labels, tile_ids
        Instances and number of each tile.
    """

    phase: Tensor
    coherence: Tensor
    labels: list[list[Label]]
    tile_ids: list[int]


def render_batch(records: Sequence[Record], device: torch.device, sources: Sources = NO_SOURCES) -> RenderedBatch:
    """Render drawn records of one tile size; whatever else they are drawn from may differ.

    Parameters
    ----------
    records
        Results of :func:`basinwatch.simulation.drawing.draw`.
    device
        Where the noise is drawn and the tensors stay.
    sources
        What the records were drawn with.

    Raises
    ------
    ValueError
        If the tiles differ in size.
    """
    return observe([prepare(record, sources) for record in records], device)


def simulate_batches(
    settings: Settings,
    first_id: int,
    batch_size: int,
    device: torch.device,
    sources: Sources = NO_SOURCES,
    executor: Executor | None = None,
) -> Iterator[RenderedBatch]:
    """Simulate tiles `first_id`, `first_id` + 1, … without end, `batch_size` at a time.

    Parameters
    ----------
    settings, sources
        What to draw from.
    first_id, batch_size
        Number of the first tile and tiles a batch.
    device
        Where the noise is drawn and the tensors stay.
    executor
        Threads or processes that prepare the next batch while this one is in use; none: nothing is done ahead.
    """
    task = partial(_simulate_scene, settings, sources)
    ahead: deque[Iterable[Scene]] = deque()
    for first in itertools.count(first_id, batch_size):
        numbers = range(first, first + batch_size)
        ahead.append(executor.map(task, numbers) if executor else map(task, numbers))
        if executor is None or len(ahead) > 1:
            yield observe(list(ahead.popleft()), device)


def _simulate_scene(settings: Settings, sources: Sources, tile_id: int) -> Scene:
    return prepare(draw(settings, tile_id, sources), sources)


def prepare(record: Record, sources: Sources = NO_SOURCES) -> Scene:
    """Do the part of a tile that is the same on every device; it pickles, so that other processes may do it."""
    ground = move_ground(record)
    truth = true_coherence(record, ground)
    phase = ground.moved + _given_phase(record, sources)
    return Scene(record, phase, ground.missing, truth, find_labels(record, ground, truth))


def _given_phase(record: Record, sources: Sources) -> NDArray[np.float32]:
    """Ramp, offset, delay of real maps and over real terrain."""
    air, spacing = record["atmosphere"], Spacing(*record["spacing_m"])
    phase = atmosphere.ramp(shape_of(record), spacing, air["ramp_rad_per_25km"]) + np.float32(record["offset_rad"])
    if air["gacos"] is not None:
        phase += mapped_delay_phase(record, sources)
    if air["terrain"] is not None and air["stratified_mm_per_km"]:
        phase += layered_delay_phase(record, sources)
    return phase


def observe(scenes: Sequence[Scene], device: torch.device) -> RenderedBatch:
    """Add delay, residual topography and noise to prepared tiles of one size, and filter them."""
    if len({scene.phase.shape for scene in scenes}) > 1:
        raise ValueError("the tiles of a batch must be of one size")
    records = [scene.record for scene in scenes]
    phase, truth, missing = (
        torch.from_numpy(np.stack(layers)).to(device)
        for layers in zip(*((s.phase, s.coherence, s.missing) for s in scenes), strict=True)
    )
    for add in (_add_turbulence, _add_layered_delay, _add_height_errors):
        add(phase, records)
    estimate = torch.full_like(phase, math.nan)
    for uniform, members in grouped(["uniform_rad" in r["noise"] for r in records]).items():
        chosen = [records[i] for i in members]
        if uniform:
            phase[members] = _uniform_noise(chosen, phase[members])
        else:
            phase[members], estimate[members] = _speckled(chosen, phase[members], truth[members], missing[members])
    phase *= _column([r["phase_sign"] for r in records], phase)
    return RenderedBatch(
        phase.masked_fill_(missing, math.nan),
        estimate.masked_fill_(missing, math.nan),
        [scene.labels for scene in scenes],
        [record["tile_id"] for record in records],
    )


def _rngs(records: Sequence[Record], component: Component, device: torch.device, block: int = 1) -> list[Generator]:
    """Random numbers of one random field of each tile, keyed as in the numpy chain; the CPU uses 32 bits of the key."""
    keys = [int(field_rng(record, component, block).integers(2**63)) for record in records]
    return [Generator(device).manual_seed(key) for key in keys]


def _spacings(records: Sequence[Record]) -> list[Spacing]:
    return [Spacing(*record["spacing_m"]) for record in records]


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    """One number a tile, to multiply tiles with."""
    return torch.tensor(values, dtype=torch.float32, device=like.device)[:, None, None]


def _add_turbulence(phase: Tensor, records: Sequence[Record]) -> None:
    """Add turbulent delay; to real maps only what these lack."""
    for mapped, members in grouped([r["atmosphere"]["gacos"] is not None for r in records]).items():
        chosen = [records[i] for i in members]
        draw_fields, share = (short_scaled_fields, atmosphere.FINE_SHARE) if mapped else (scaled_fields, 1.0)
        rngs, strengths = _rngs(chosen, Component.TURBULENCE, phase.device), [share * delay_rad(r) for r in chosen]
        shape = shape_of(chosen[0])
        phase[members] += draw_fields(rngs, shape, _spacings(chosen), atmosphere.delay_spectrum, strengths)


def _add_layered_delay(phase: Tensor, records: Sequence[Record]) -> None:
    """Add delay that follows fractal terrain."""
    airs = [r["atmosphere"] for r in records]
    members = [i for i, air in enumerate(airs) if air["stratified_mm_per_km"] and air["terrain"] is None]
    if members:
        chosen = [records[i] for i in members]
        rngs, strengths = _rngs(chosen, Component.TERRAIN, phase.device, 2), [airs[i]["relief_m"] / 2 for i in members]
        shape = shape_of(chosen[0])
        heights = scaled_fields(rngs, shape, _spacings(chosen), atmosphere.terrain_spectrum, strengths)
        phase[members] += _layered_phase(heights - heights.mean((1, 2), keepdim=True), chosen)


def _layered_phase(heights_m: Tensor, records: Sequence[Record]) -> Tensor:
    """Phase of a delay that grows with height, given about its mean, as a line or as the numpy chain's power law."""
    slopes = [atmosphere.delay_phase(r["atmosphere"]["stratified_mm_per_km"], r["incidence_deg"]) for r in records]
    layers = heights_m / 1000
    curved = [i for i, r in enumerate(records) if r["atmosphere"]["stratified_law"] == "power"]
    if curved:
        top_km, power = atmosphere.LAYERS_TOP_M / 1000, atmosphere.LAYERS_EXPONENT
        below_top = (top_km - layers[curved]).clamp_(min=0) ** power / (power * top_km ** (power - 1))
        layers[curved] = below_top.mean((1, 2), keepdim=True) - below_top
    return _column(slopes, layers) * layers


def _add_height_errors(phase: Tensor, records: Sequence[Record]) -> None:
    """Add what errors of the elevation model leave at the pair's baseline."""
    members = [i for i, r in enumerate(records) if r["atmosphere"]["height_error_m"]]
    if members:
        chosen = [records[i] for i in members]
        lengths = [r["atmosphere"]["height_error_correlation_m"] for r in chosen]
        rngs = _rngs(chosen, Component.TERRAIN, phase.device)
        errors = smooth_fields(rngs, shape_of(chosen[0]), lengths, _spacings(chosen))
        factors = [r["atmosphere"]["height_error_m"] * height_sensitivity(r) for r in chosen]
        phase[members] += _column(factors, phase) * errors


def _uniform_noise(records: Sequence[Record], phase: Tensor) -> Tensor:
    """Add uniform noise and wrap."""
    rngs = _rngs(records, Component.SPECKLE, phase.device)
    noise = torch.stack([torch.rand(phase.shape[1:], generator=rng, device=phase.device) for rng in rngs])
    noisy = phase + _column([r["noise"]["uniform_rad"] for r in records], phase) * (2 * noise - 1)
    return noisy - 2 * math.pi * torch.floor(noisy / (2 * math.pi) + 0.5)


def _speckled(records: Sequence[Record], phase: Tensor, truth: Tensor, missing: Tensor) -> tuple[Tensor, Tensor]:
    """Speckle, resampling texture, filter; phase and the coherence a processor would deliver, NaN where none."""
    noises = [r["noise"] for r in records]
    rngs = _rngs(records, Component.SPECKLE, phase.device)
    signal, sample = multilook(rngs, phase, truth, [n["looks"] for n in noises])
    for axis, members in grouped([n["texture_axis"] if n["texture_px"] else None for n in noises]).items():
        sigmas = [noises[i]["texture_px"] for i in members]
        signal[members] = torch_filters.smooth_along(signal[members], axis, sigmas)
    signal.masked_fill_(missing, 0)
    for window, members in grouped([n["window"] if n["alpha"] else None for n in noises]).items():
        alphas = [noises[i]["alpha"] for i in members]
        signal[members] = torch_filters.filter_goldstein(signal[members], alphas, window)
    estimate = torch.full_like(phase, math.nan)
    readings: dict[str, tuple[Callable[[Tensor], Tensor], Tensor]] = {
        "sample": (torch_filters.smoothed, sample),
        "phasor": (torch_filters.phasor_coherence, signal),
    }
    for kind, members in grouped([r["coherence"]["estimate"] for r in records]).items():
        read, source = readings[kind]
        estimate[members] = read(source[members])
    return signal.angle(), estimate

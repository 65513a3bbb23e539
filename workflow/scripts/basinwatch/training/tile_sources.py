"""Where training tiles come from: shards on disk, or the simulator while training goes on.

A source gives the tiles of a step from the number of the step alone, so that a run that was interrupted goes on with
the same ones.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
import torch

from basinwatch.datasets.tiles import LabelledTile, ShardSet, decode_phase, encode_phase, instance_target
from basinwatch.errors import InputError
from basinwatch.provenance import text_hash
from basinwatch.rasters import decode_share, encode_share
from basinwatch.simulation.batched import simulate_batches
from basinwatch.simulation.drawing import draw
from basinwatch.simulation.rendering import render
from basinwatch.simulation.settings import Settings
from basinwatch.simulation.sources import Sources
from basinwatch.training.augmentation import generator
from basinwatch.training.warping import Arrays

_ORDER = 0
_BATCHES_AHEAD = 3
Batches = Generator[Arrays, None, None]


class TileSource(Protocol):
    """What a training run draws tiles from."""

    @property
    def tile_size_px(self) -> int:
        """Side of the tiles."""

    @property
    def content(self) -> str:
        """What the tiles hold, see :func:`basinwatch.encoding.content`."""

    @property
    def tiles(self) -> int:
        """How many tiles an epoch has."""

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides which tiles come."""

    def batches(self, steps: range, batch_size: int) -> Batches:
        """Give phase (n, y, x) in radians, coherence and target of each step, see :meth:`ShardSet.batch`."""
        raise NotImplementedError


def tile_order(count: int, batch_size: int, step: int, seed: int) -> list[int]:
    """Tiles of one step: every epoch is a new permutation of all, read on without gaps between epochs."""
    places = range(step * batch_size, (step + 1) * batch_size)
    epochs = range(places[0] // count, places[-1] // count + 1)
    orders = {epoch: generator(seed, _ORDER, epoch).permutation(count) for epoch in epochs}
    return [int(orders[place // count][place % count]) for place in places]


@dataclass(frozen=True)
class ShardSource:
    """Tiles of shards, every one once an epoch."""

    data: ShardSet
    seed: int

    @property
    def tile_size_px(self) -> int:
        """Side of the tiles."""
        return self.data.tile_size_px

    @property
    def content(self) -> str:
        """What the shards hold."""
        return self.data.content

    @property
    def tiles(self) -> int:
        """Tiles in the shards."""
        return len(self.data)

    @property
    def fingerprint(self) -> str:
        """Hash of the shards."""
        return self.data.fingerprint

    def batches(self, steps: range, batch_size: int) -> Batches:
        """Decode the tiles of each step."""
        for step in steps:
            yield self.data.batch(tile_order(len(self.data), batch_size, step, self.seed))


@dataclass(frozen=True)
class SimulatedSource:
    """Tiles made while training goes on, none of them twice.

    Parameters
    ----------
    settings
        What to draw from. Tile n is that of a shard drawn from the same.
    epoch_tiles
        How many tiles count as one epoch.
    workers
        Processes that simulate.
    device
        Where to add noise with :mod:`basinwatch.simulation.batched`; None makes whole tiles in the processes.
    """

    settings: Settings
    epoch_tiles: int
    workers: int = 1
    device: torch.device | None = None

    @property
    def tile_size_px(self) -> int:
        """Side of the tiles."""
        return self.settings.tile_size_px

    @property
    def content(self) -> str:
        """Phase alone is simulated."""
        return "phase"

    @property
    def tiles(self) -> int:
        """Tiles that count as one epoch."""
        return self.epoch_tiles

    @property
    def fingerprint(self) -> str:
        """Hash of the settings and of which chain simulates."""
        chain = "numpy" if self.device is None else f"torch {self.device.type}"
        return text_hash([asdict(self.settings), chain])

    def batches(self, steps: range, batch_size: int) -> Batches:
        """Simulate the tiles of each step, the next steps ahead."""
        sources = Sources.open(self.settings)
        with _processes(self.workers) as pool:
            if self.device is None:
                yield from self._made_by(pool, sources, steps, batch_size)
            else:
                yield from self._observed(pool, sources, self.device, steps, batch_size)

    def _made_by(self, pool: Executor, sources: Sources, steps: range, batch_size: int) -> Iterator[Arrays]:
        """Tiles that the processes make whole."""
        waiting: deque[list[Future[Arrays]]] = deque()
        for step in steps:
            numbers = range(step * batch_size, (step + 1) * batch_size)
            waiting.append([pool.submit(simulate_arrays, self.settings, sources, number) for number in numbers])
            if len(waiting) > _BATCHES_AHEAD:
                yield _stacked([future.result() for future in waiting.popleft()])
        for futures in waiting:
            yield _stacked([future.result() for future in futures])

    def _observed(
        self, pool: Executor, sources: Sources, device: torch.device, steps: range, batch_size: int
    ) -> Iterator[Arrays]:
        """Tiles whose random fields torch draws on the device."""
        first = steps.start * batch_size
        rendered = simulate_batches(self.settings, first, batch_size, device, sources, pool)
        for _, batch in zip(steps, rendered, strict=False):
            shape = batch.phase.shape[1:]
            targets = np.stack([instance_target(labels, shape) for labels in batch.labels])
            yield batch.phase.cpu().numpy(), batch.coherence.cpu().numpy(), targets


def simulate_arrays(settings: Settings, sources: Sources, number: int) -> Arrays:
    """Phase, coherence and target of one simulated tile, each (1, y, x), as precise as a shard holds them."""
    return tile_arrays(render(draw(settings, number, sources), sources))


def tile_arrays(tile: LabelledTile) -> Arrays:
    """Phase, coherence and target of a tile, each (1, y, x), as precise as a shard holds them."""
    known = np.full_like(tile.phase, np.nan) if tile.coherence is None else tile.coherence
    phase, coherence = decode_phase(encode_phase(tile.phase)), decode_share(encode_share(known))
    return phase[None], coherence[None], instance_target(tile.labels, tile.phase.shape)[None]


@dataclass(frozen=True)
class MixedSource:
    """Batches with a fixed share of tiles from one source, the rest from another.

    Parameters
    ----------
    first, second
        The sources; epochs are those of the first.
    second_share
        Share of each batch, at least one tile and never all, that comes from the second.
    """

    first: TileSource
    second: TileSource
    second_share: float

    def __post_init__(self) -> None:
        sizes = self.first.tile_size_px, self.second.tile_size_px
        if sizes[0] != sizes[1]:
            raise InputError(
                f"training: found simulated tiles of {sizes[0]} px and labelled ones of {sizes[1]} px, expected one "
                "size; set simulation.tile_size_px and training_tiling to the same."
            )
        if self.first.content != self.second.content:
            raise InputError(
                f"training: found simulated tiles of {self.first.content} and labelled ones of {self.second.content}, "
                "expected one of them; train on each by itself."
            )

    @property
    def tile_size_px(self) -> int:
        """Side of the tiles."""
        return self.first.tile_size_px

    @property
    def content(self) -> str:
        """What the tiles of both sources hold."""
        return self.first.content

    @property
    def tiles(self) -> int:
        """Tiles until the first source's epoch is over."""
        return round(self.first.tiles / (1 - self.second_share))

    @property
    def fingerprint(self) -> str:
        """Hash of both sources and the share."""
        return text_hash([self.first.fingerprint, self.second.fingerprint, self.second_share])

    def batches(self, steps: range, batch_size: int) -> Batches:
        """Put the tiles of both sources together."""
        if batch_size < 2:
            raise InputError(f"training.batch_size: found {batch_size}, expected at least 2 to mix; raise it.")
        count = min(max(round(self.second_share * batch_size), 1), batch_size - 1)
        with (
            closing(self.first.batches(steps, batch_size - count)) as first,
            closing(self.second.batches(steps, count)) as second,
        ):
            for parts in zip(first, second, strict=True):
                yield _stacked(parts)


def _stacked(parts: Sequence[Arrays]) -> Arrays:
    """Join batches."""
    phase, coherence, target = (np.concatenate(layers) for layers in zip(*parts, strict=True))
    return phase, coherence, target


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Yield fresh processes: copies of one that already computes with threads could hang."""
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

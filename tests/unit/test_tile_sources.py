"""Tiles of shards, tiles simulated while training goes on, and mixtures of both."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from basinwatch.datasets.tiles import ShardSet, write_shard
from basinwatch.errors import InputError
from basinwatch.prefetching import one_ahead
from basinwatch.simulation.drawing import draw
from basinwatch.simulation.rendering import render
from basinwatch.simulation.settings import Settings
from basinwatch.training.tile_sources import MixedSource, ShardSource, SimulatedSource, tile_order

SETTINGS = replace(Settings(), tile_size_px=64, seed=5)


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    """The first twelve tiles of a recipe, from a shard."""
    paths = [tmp_path_factory.mktemp("shard") / name for name in ("s.safetensors", "s.json")]
    write_shard(*paths, [render(draw(SETTINGS, number)) for number in range(12)], {})
    return ShardSet.read([tuple(paths)])


def test_every_epoch_visits_every_tile_once_in_a_new_order():
    read = [n for step in range(14) for n in tile_order(7, 3, step, 1)]
    epochs = [read[i : i + 7] for i in range(0, 42, 7)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 3


def test_tiles_simulated_underway_are_those_a_shard_would_hold(shard):
    source = SimulatedSource(SETTINGS, epoch_tiles=12, workers=2)
    for step, arrays in zip(range(1, 4), source.batches(range(1, 4), 3), strict=True):
        for own, stored in zip(arrays, shard.batch(range(3 * step, 3 * step + 3)), strict=True):
            np.testing.assert_array_equal(own, stored)


def test_torch_on_the_cpu_gives_the_same_labels_and_goes_on_from_any_step(shard):
    source = SimulatedSource(SETTINGS, epoch_tiles=12, device=torch.device("cpu"))
    straight = list(source.batches(range(3), 2))
    resumed = list(source.batches(range(1, 3), 2))
    assert len(straight) == 3
    for step, (phase, _, target) in enumerate(straight):
        np.testing.assert_array_equal(target, shard.batch([2 * step, 2 * step + 1])[2])
        assert np.nanmax(np.abs(phase)) <= np.pi + 1e-6
    for own, other in zip(straight[1:], resumed, strict=True):
        for first, second in zip(own, other, strict=True):
            np.testing.assert_array_equal(first, second)


def test_a_source_is_told_apart_by_all_that_decides_its_tiles(shard):
    sources = [
        SimulatedSource(SETTINGS, 12),
        SimulatedSource(replace(SETTINGS, seed=6), 12),
        SimulatedSource(SETTINGS, 12, device=torch.device("cpu")),
        ShardSource(shard, 0),
        MixedSource(SimulatedSource(SETTINGS, 12), ShardSource(shard, 0), 0.5),
    ]
    assert len({source.fingerprint for source in sources}) == len(sources)
    assert SimulatedSource(SETTINGS, 12, workers=3).fingerprint == sources[0].fingerprint


def test_a_mixture_holds_the_wanted_share_of_each_in_every_batch(shard):
    class Counted:
        """Stands for real tiles: all phases zero."""

        tile_size_px, tiles, fingerprint, content = 64, 100, "counted", "phase"

        def batches(self, steps, batch_size):
            for _ in steps:
                yield tuple(np.zeros((batch_size, 64, 64), kind) for kind in (np.float32, np.float32, np.uint8))

    source = MixedSource(ShardSource(shard, 1), Counted(), 0.25)
    for phase, _, target in source.batches(range(3), 8):
        assert phase.shape == target.shape == (8, 64, 64)
        assert int((phase == 0).all(axis=(1, 2)).sum()) == 2
    assert source.tiles == 16
    assert sum(len(phase) for phase, _, _ in MixedSource(Counted(), Counted(), 0.01).batches(range(1), 4)) == 4
    with pytest.raises(InputError, match="batch_size: found 1, expected at least 2 to mix"):
        next(source.batches(range(1), 1))


def test_tiles_of_two_sizes_are_not_mixed(shard):
    with pytest.raises(InputError, match="simulated tiles of 128 px and labelled ones of 64 px"):
        MixedSource(SimulatedSource(replace(SETTINGS, tile_size_px=128), 9), ShardSource(shard, 0), 0.5)


def test_simulated_phase_is_not_mixed_with_rates(shard, tmp_path):
    paths = tmp_path / "r.safetensors", tmp_path / "r.json"
    write_shard(*paths, [render(draw(SETTINGS, 0))], {"content": "rates"})
    with pytest.raises(InputError, match="found simulated tiles of phase and labelled ones of rates"):
        MixedSource(ShardSource(shard, 0), ShardSource(ShardSet.read([paths]), 0), 0.5)


def test_items_made_ahead_come_in_order_and_no_further_than_one():
    made = []

    def items():
        for number in range(1, 10):
            made.append(number)
            yield number

    assert list(one_ahead(items())) == list(range(1, 10))
    made.clear()
    assert list(islice(one_ahead(items()), 3)) == [1, 2, 3]
    assert len(made) <= 4

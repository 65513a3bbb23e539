"""Training: the loss in closed form, the same curve twice, interrupted or not, and a net that learns."""

import csv
import json
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from basinwatch import training
from basinwatch.augmentation import AugmentationSettings
from basinwatch.compute import pick_device
from basinwatch.datasets import BASIN, IGNORED, Label, LabelledTile, ShardSet, read_shard, write_shard
from basinwatch.errors import InputError
from basinwatch.models import load_model
from basinwatch.phase import wrap
from basinwatch.training import TrainingSettings, learning_rate, segmentation_loss, tile_order, train
from basinwatch.training_state import TrainingState

TINY = TrainingSettings(
    options={"widths": [4, 8]}, steps=6, batch_size=4, warmup_steps=2, validate_every=2, precision="float32",
    checkpoint_seconds=0.0, seed=11,
)  # fmt: skip


def bowl_tile(number, side=64):
    """A Gaussian bowl of 2–6 rad on noise; the label is where it exceeds 1 rad."""
    random = np.random.default_rng([9, number])
    rows, columns = np.mgrid[:side, :side] - random.uniform(16, side - 16, 2)[:, None, None]
    bowl = random.uniform(2, 6) * np.exp(-(rows**2 + columns**2) / (2 * random.uniform(5, 9) ** 2))
    phase = wrap((bowl + random.normal(0, 0.3, bowl.shape)).astype(np.float32))
    return LabelledTile(number, phase, None, [Label(bowl > 1)], f"scene{number}")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    files = []
    for name, numbers in (("a", range(12)), ("b", range(12, 20)), ("v", range(20, 28))):
        files.append((folder / f"{name}.safetensors", folder / f"{name}.json"))
        write_shard(*files[-1], [bowl_tile(n) for n in numbers], {})
    return ShardSet.read(files[:2]), ShardSet.read(files[2:])


def test_the_loss_equals_its_closed_form_and_ignores_what_is_to_be_ignored():
    logits = torch.tensor([[[[0.0, 2.0], [-1.0, 50.0]]]])
    target = torch.tensor([[[BASIN, 0], [BASIN, IGNORED]]], dtype=torch.uint8)
    p = 1 / (1 + np.exp(-np.array([0.0, 2.0, -1.0])))
    entropy = -(3 * np.log(p[0]) + np.log(1 - p[1]) + 3 * np.log(p[2])) / 7
    dice = 1 - (2 * (p[0] + p[2]) + 1) / (p.sum() + 2 + 1)
    assert float(segmentation_loss(logits, target, 3.0, 0.5)) == pytest.approx(entropy + 0.5 * dice, rel=1e-5)
    everything = torch.full_like(target, IGNORED)
    assert float(segmentation_loss(logits, everything, 1.0, 1.0)) == 0


def test_the_rate_rises_linearly_and_falls_along_half_a_cosine():
    settings = replace(TINY, steps=110, warmup_steps=10, learning_rate=1.0)
    assert [learning_rate(s, settings) for s in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1.0, 1.0])
    assert learning_rate(60, settings) == pytest.approx(0.5)
    assert 0 < learning_rate(109, settings) < 0.001


def test_every_epoch_visits_every_tile_once_in_a_new_order():
    read = [n for step in range(14) for n in tile_order(7, 3, step, 1)]
    epochs = [read[i : i + 7] for i in range(0, 42, 7)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 3


def test_a_shard_set_holds_the_tiles_of_all_shards_in_order(shards):
    phase, coherence, target = shards[0].batch([1, 12])
    for index, number in enumerate((1, 12)):
        tile = bowl_tile(number)
        np.testing.assert_allclose(phase[index], tile.phase, atol=1e-4)
        np.testing.assert_array_equal(target[index] == BASIN, tile.labels[0].mask)
        np.testing.assert_array_equal(shards[0].labels(number)[0].mask, tile.labels[0].mask)
    assert np.isnan(coherence).all()
    assert len(shards[0]) == 20


def test_a_basin_wins_over_ignored_ground(tmp_path):
    mask = np.zeros((8, 8), bool)
    mask[2:5, 2:5] = True
    tile = LabelledTile(0, np.zeros((8, 8), np.float32), None, [Label(mask), Label(~mask | mask, ignore=True)], "x")
    write_shard(tmp_path / "s.safetensors", tmp_path / "s.json", [tile], {})
    target = ShardSet([read_shard(tmp_path / "s.safetensors", tmp_path / "s.json")]).batch([0])[2][0]
    np.testing.assert_array_equal(target, np.where(mask, BASIN, IGNORED))


def test_an_interrupted_run_ends_in_the_same_curve_and_weights(shards, tmp_path, monkeypatch):
    train(*shards, TINY, tmp_path / "straight", "cpu", threads=1)
    original, calls = training.Trainer.step, []

    def stop_after_three(self, *batch):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(None)
        original(self, *batch)

    monkeypatch.setattr(training.Trainer, "step", stop_after_three)
    with pytest.raises(KeyboardInterrupt):
        train(*shards, TINY, tmp_path / "broken", "cpu", threads=1)
    assert (tmp_path / "broken" / "checkpoint.safetensors").exists()
    assert not (tmp_path / "broken" / "model.json").exists()
    taken = []
    monkeypatch.setattr(training.Trainer, "step", lambda self, *batch: (taken.append(None), original(self, *batch)))
    train(*shards, TINY, tmp_path / "broken", "cpu", threads=1)
    assert len(taken) == 3
    for name in ("curves.csv", "weights.safetensors", "model.json"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()
    assert not (tmp_path / "broken" / "checkpoint.safetensors").exists()


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_not_taken_up(shards, tmp_path, caplog):
    def state():
        return training.Trainer(TINY, *shards, torch.device("cpu")).state

    first = state()
    first.step = 4
    first.save(tmp_path, "mine")
    same, other, damaged = state(), state(), state()
    same.restore(tmp_path, "mine")
    assert same.step == 4
    with caplog.at_level(logging.WARNING):
        other.restore(tmp_path, "theirs")
        (tmp_path / "checkpoint.safetensors").write_bytes(b"half a file")
        damaged.restore(tmp_path, "mine")
    assert (other.step, damaged.step) == (0, 0)
    assert [r.message.count("starts anew") for r in caplog.records] == [1, 1]


def test_the_average_moves_by_the_share_the_decay_leaves(shards):
    detector = training.Trainer(TINY, *shards, torch.device("cpu")).state.detector
    state = TrainingState(detector, torch.optim.AdamW(detector.parameters()))
    before = state.average.head.bias.clone()
    with torch.no_grad():
        detector.head.bias += 1
    state.step = 10**6
    state.update_average(0.9)
    torch.testing.assert_close(state.average.head.bias, before + 0.1)


def test_a_tiny_net_learns_gaussian_bowls(shards, tmp_path):
    gentle = AugmentationSettings(ramp_probability=0, noise_probability=0)
    settings = replace(
        TINY, options={"widths": [8, 16, 16]}, steps=90, batch_size=8, learning_rate=1e-2, validate_every=45,
        average_decay=0.8, augmentation=gentle, checkpoint_seconds=1e9,
    )  # fmt: skip
    record = train(*shards, settings, tmp_path, "cpu")
    rows = list(csv.DictReader((tmp_path / "curves.csv").read_text().splitlines()))
    assert [int(r["step"]) for r in rows] == [45, 90]
    assert float(rows[1]["train_loss"]) < float(rows[0]["train_loss"]) < 1.5
    assert float(rows[1]["iou"]) > 0.4
    assert record["metrics"]["at_thresholds"]["f1"] > 0.6
    model = load_model(tmp_path)
    assert model.spec["tile_size_px"] == 64
    assert 0 < model.spec["threshold"] <= model.spec["peak_threshold"]
    assert model.spec["training"] == json.loads(json.dumps(record))
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_a_diverging_run_says_so(shards, tmp_path):
    with pytest.raises(InputError, match="lower learning_rate"):
        train(*shards, replace(TINY, learning_rate=1e30, warmup_steps=0, steps=20), tmp_path, "cpu")


def test_settings_without_steps_are_refused():
    with pytest.raises(InputError, match="steps is 0"):
        TrainingSettings(steps=0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_cpu_is_used_and_the_log_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        assert pick_device("cuda").type == "cpu"
    assert "no usable GPU" in caplog.text

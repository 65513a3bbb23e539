"""Training: the same curve twice, interrupted or not, nets that learn, and data or weights that do not fit."""

import csv
import json
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from basinwatch.compute import pick_device
from basinwatch.datasets.tiles import IGNORED, Label, LabelledTile, Shard, ShardSet, read_shard, write_shard
from basinwatch.errors import InputError
from basinwatch.models import load_model
from basinwatch.phase import wrap
from basinwatch.training import trainer as training
from basinwatch.training.augmentation import AugmentationSettings
from basinwatch.training.curve import rows_since_best
from basinwatch.training.optimizers import OptimizerSettings
from basinwatch.training.schedules import ScheduleSettings
from basinwatch.training.state import TrainingState
from basinwatch.training.tile_sources import ShardSource
from basinwatch.training.trainer import TrainingSettings, train
from safetensors import safe_open

TINY = TrainingSettings(
    options={"widths": [4, 8]}, steps=6, batch_size=4, schedule=ScheduleSettings(warmup_steps=2), validate_every=2,
    precision="float32", checkpoint_seconds=0.0, seed=11,
)  # fmt: skip
GENTLE = AugmentationSettings(ramp_probability=0, noise_probability=0)
SMALL_RCNN = {
    "depths": [1, 1, 1, 1], "width_per_group": 16, "pyramid_width": 16, "box_width": 32, "mask_width": 16,
    "anchors": "small", "train_proposals": [50, 20], "test_proposals": [50, 20], "sampled_rois": 8,
}  # fmt: skip
SMALL_YOLO = {"width": 0.125, "depth": 0.33, "head_width": 16}


def bowl_tile(number, side=64):
    """A Gaussian bowl of 2–6 rad on noise; the label is where it exceeds 1 rad."""
    random = np.random.default_rng([9, number])
    rows, columns = np.mgrid[:side, :side] - random.uniform(16, side - 16, 2)[:, None, None]
    bowl = random.uniform(2, 6) * np.exp(-(rows**2 + columns**2) / (2 * random.uniform(5, 9) ** 2))
    phase = wrap((bowl + random.normal(0, 0.3, bowl.shape)).astype(np.float32))
    return LabelledTile(number, phase, None, [Label(bowl > 1)], f"scene{number}")


def shard_set(folder, tiles, name="s"):
    paths = folder / f"{name}.safetensors", folder / f"{name}.json"
    write_shard(*paths, tiles, {})
    return ShardSet.read([paths])


def set_of(folder, kind):
    """Tiles of wrapped phase, of rates or of a picture of so many bands."""
    tiles = [bowl_tile(0)]
    if kind.startswith("bands"):
        tiles = [replace(tiles[0], phase=np.zeros((int(kind.removeprefix("bands")), 64, 64), np.float32))]
    paths = folder / f"{kind}.safetensors", folder / f"{kind}.json"
    write_shard(*paths, tiles, {"content": "rates"} if kind == "rates" else {})
    return ShardSet.read([paths])


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    training_set = shard_set(folder, [bowl_tile(n) for n in range(20)], "t")
    return ShardSource(training_set, TINY.seed), shard_set(folder, [bowl_tile(n) for n in range(20, 28)], "v")


def test_a_shard_set_holds_the_tiles_of_all_shards_in_order(tmp_path):
    files = []
    for name, numbers in (("a", range(3)), ("b", range(3, 5))):
        files.append((tmp_path / f"{name}.safetensors", tmp_path / f"{name}.json"))
        write_shard(*files[-1], [bowl_tile(n) for n in numbers], {})
    data = ShardSet.read(files)
    phase, coherence, target = data.batch([1, 4])
    for index, number in enumerate((1, 4)):
        tile = bowl_tile(number)
        np.testing.assert_allclose(phase[index], tile.phase, atol=1e-4)
        np.testing.assert_array_equal(target[index] == 1, tile.labels[0].mask)
        np.testing.assert_array_equal(data.labels(number)[0].mask, tile.labels[0].mask)
    assert np.isnan(coherence).all()
    assert len(data) == 5


def test_a_basin_wins_over_ignored_ground(tmp_path):
    mask = np.zeros((8, 8), bool)
    mask[2:5, 2:5] = True
    tile = LabelledTile(0, np.zeros((8, 8), np.float32), None, [Label(mask), Label(~mask | mask, ignore=True)], "x")
    write_shard(tmp_path / "s.safetensors", tmp_path / "s.json", [tile], {})
    target = ShardSet([read_shard(tmp_path / "s.safetensors", tmp_path / "s.json")]).batch([0])[2][0]
    np.testing.assert_array_equal(target, np.where(mask, 1, IGNORED))


def test_no_tile_at_all_is_one_sentence():
    nothing = Shard(np.empty((0, 8, 8), np.int16), np.empty((0, 8, 8), np.uint8), {"images": [], "annotations": []})
    with pytest.raises(InputError, match="found no tile"):
        ShardSet([nothing])


def stop_after(monkeypatch, count):
    """Interrupt a run before its update number `count` + 1; the numbers of all updates are returned."""
    original, calls = training.Trainer.update, []

    def update(self, loss):
        if len(calls) == count:
            raise KeyboardInterrupt
        calls.append(self.state.step)
        original(self, loss)

    monkeypatch.setattr(training.Trainer, "update", update)
    return calls


@pytest.mark.parametrize(
    ("architecture", "options", "optimizer"), [("basinnet", TINY.options, "adamw"), ("mask_rcnn", SMALL_RCNN, "sgd")]
)
def test_an_interrupted_run_ends_in_the_same_curve_and_weights(
    architecture, options, optimizer, shards, tmp_path, monkeypatch
):
    settings = replace(TINY, architecture=architecture, options=options, optimizer=OptimizerSettings(optimizer))
    train(*shards, settings, tmp_path / "straight", "cpu", threads=1)
    stop_after(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        train(*shards, settings, tmp_path / "broken", "cpu", threads=1)
    assert (tmp_path / "broken" / "checkpoint.safetensors").exists()
    assert not (tmp_path / "broken" / "model.json").exists()
    monkeypatch.undo()
    done = stop_after(monkeypatch, 99)
    train(*shards, settings, tmp_path / "broken", "cpu", threads=1)
    assert done == [3, 4, 5]
    for name in ("curves.csv", "weights.safetensors", "model.json"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()
    assert sorted(p.name for p in (tmp_path / "broken").iterdir()) == [
        "curves.csv", "curves.png", "model.json", "weights.safetensors",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def straight(shards, tmp_path_factory):
    """A run without interruption."""
    folder = tmp_path_factory.mktemp("straight")
    train(*shards, TINY, folder, "cpu", threads=1)
    return folder


@pytest.mark.parametrize(
    ("place", "call"),
    [
        ("Trainer.training_loss", 0), ("Trainer.add_row", 1), ("write_curve", 2), ("save_model", 0),
        ("best_thresholds", 0), ("shutil.rmtree", 0),
    ],
)  # fmt: skip
def test_a_run_killed_anywhere_ends_in_the_same_curve_and_weights(place, call, straight, shards, tmp_path, monkeypatch):
    """Also while it validates, keeps its best weights, ships them or cleans up."""
    owner, name = place.split(".") if "." in place else (None, place)
    target = training if owner is None else getattr(training, owner)
    original, calls = getattr(target, name), []

    def kill(*arguments, **options):
        calls.append(1)
        if len(calls) == call + 1:
            raise KeyboardInterrupt
        return original(*arguments, **options)

    monkeypatch.setattr(target, name, kill)
    with pytest.raises(KeyboardInterrupt):
        train(*shards, TINY, tmp_path, "cpu", threads=1)
    monkeypatch.undo()
    train(*shards, TINY, tmp_path, "cpu", threads=1)
    for name in ("curves.csv", "weights.safetensors", "model.json"):
        assert (tmp_path / name).read_bytes() == (straight / name).read_bytes()
    assert not (tmp_path / "best").exists()


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_not_taken_up(shards, tmp_path, caplog):
    def state():
        return training.Trainer(TINY, *shards, torch.device("cpu")).state

    first = state()
    first.step = 4
    first.snapshot("mine").save(tmp_path)
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
    state.update_average(0.0)
    torch.testing.assert_close(state.average.head.bias, detector.head.bias)


def test_a_tiny_net_learns_gaussian_bowls_and_ships_its_best_row(shards, tmp_path):
    settings = replace(
        TINY, options={"widths": [8, 16, 16]}, steps=90, batch_size=8, learning_rate=1e-2, validate_every=30,
        average_decay=0.8, augmentation=GENTLE, checkpoint_seconds=1e9,
    )  # fmt: skip
    record = train(*shards, settings, tmp_path, "cpu")
    rows = list(csv.DictReader((tmp_path / "curves.csv").read_text().splitlines()))
    assert [int(r["step"]) for r in rows] == [30, 60, 90]
    assert float(rows[2]["train_loss"]) < float(rows[0]["train_loss"]) < 2.5
    assert float(rows[2]["iou"]) > 0.4
    best = max(rows, key=lambda row: (float(row["ap50"]), float(row["iou"])))
    assert record["metrics"]["best_row"]["step"] == float(best["step"])
    assert record["metrics"]["at_thresholds"]["f1"] > 0.6
    model = load_model(tmp_path)
    assert model.spec["tile_size_px"] == 64
    assert 0 < model.spec["threshold"] <= model.spec["peak_threshold"]
    assert model.spec["training"] == json.loads(json.dumps(record))
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_a_detector_of_boxes_is_trained_and_chosen_by_its_average_precision(shards, tmp_path):
    settings = replace(
        TINY, architecture="light_yolo_basin", options=SMALL_YOLO, steps=16, batch_size=4, learning_rate=5e-3,
        validate_every=8, average_decay=0.0, augmentation=GENTLE, checkpoint_seconds=1e9,
    )  # fmt: skip
    record = train(*shards, settings, tmp_path, "cpu")
    rows = list(csv.DictReader((tmp_path / "curves.csv").read_text().splitlines()))
    assert [row["iou"] for row in rows] == ["", ""]
    assert float(rows[1]["train_loss"]) < float(rows[0]["train_loss"])
    assert record["metrics"]["best_row"]["ap50"] == pytest.approx(max(float(row["ap50"]) for row in rows))
    spec = load_model(tmp_path).spec
    assert spec["threshold"] == spec["peak_threshold"]


def test_a_run_that_brings_nothing_better_ends_early(shards, tmp_path):
    settings = replace(TINY, steps=100, learning_rate=1e-12, validate_every=1, patience=3)
    train(*shards, settings, tmp_path, "cpu")
    assert len((tmp_path / "curves.csv").read_text().splitlines()) < 20
    curve = [{"iou": iou, "ap50": 0.0} for iou in (0.1, 0.3, 0.3, 0.2)]
    assert [rows_since_best(curve[:n]) for n in (1, 2, 3, 4)] == [0, 0, 1, 2]


def test_whole_basins_decide_which_row_is_best_and_pixels_only_at_a_draw():
    curve = [{"ap50": 0.5, "iou": 0.9}, {"ap50": 0.6, "iou": 0.7}, {"ap50": 0.6, "iou": 0.8}]
    assert [rows_since_best(curve[:n]) for n in (1, 2, 3)] == [0, 0, 0]
    boxes = [{"ap50": 0.2, "iou": None}, {"ap50": 0.1, "iou": None}]
    assert rows_since_best(boxes) == 1


def test_a_diverging_run_stops_and_leaves_good_weights_and_checkpoint(shards, tmp_path, monkeypatch):
    original = training.Trainer.update

    def explode(self, loss):
        original(self, loss)
        if self.state.step == 3:
            with torch.no_grad():
                self.state.detector.head.weight.fill_(float("nan"))

    monkeypatch.setattr(training.Trainer, "update", explode)
    with pytest.raises(InputError, match=r"loss at step 4 is nan.*lower learning_rate; the best weights so far are in"):
        train(*shards, TINY, tmp_path, "cpu")
    assert load_model(tmp_path / "best").spec["tile_size_px"] == 64
    state = training.Trainer(TINY, *shards, torch.device("cpu")).state
    progress = json.loads(safe_metadata(tmp_path / "checkpoint.safetensors")["progress"])
    state.restore(tmp_path, progress["identity"])
    assert state.step == 2
    assert all(torch.isfinite(v).all() for v in state.detector.state_dict().values())


def test_a_gradient_that_is_no_number_stops_the_run_before_it_reaches_the_weights(shards, tmp_path, monkeypatch):
    original = training.Trainer.find_gradient

    def explode(self, loss):
        original(self, loss)
        return float("inf") if self.state.step == 3 else 1.0

    monkeypatch.setattr(training.Trainer, "find_gradient", explode)
    with pytest.raises(InputError, match="norm of the gradient at step 4 is inf, expected a number"):
        train(*shards, TINY, tmp_path, "cpu")
    assert load_model(tmp_path / "best").spec["tile_size_px"] == 64


def test_tiles_without_any_basin_train_and_score_without_fault(tmp_path):
    empty = [replace(bowl_tile(n), labels=[]) for n in range(6)]
    data = shard_set(tmp_path, empty)
    record = train(ShardSource(data, 0), data, replace(TINY, steps=2), tmp_path, "cpu")
    assert record["metrics"]["at_thresholds"]["recall"] == 0.0
    assert np.isfinite(float(record["metrics"]["last_row"]["train_loss"]))


def safe_metadata(path):
    with safe_open(path, framework="pt") as stored:
        return stored.metadata()


def test_training_goes_on_from_weights_of_another_run(shards, tmp_path):
    train(*shards, TINY, tmp_path / "first", "cpu")
    settings = replace(TINY, weights=str(tmp_path / "first"))
    state = training.Trainer(settings, *shards, torch.device("cpu")).state
    weights = load_model(tmp_path / "first").detector.state_dict()
    started = {name: value for name, value in state.detector.state_dict().items() if value.is_floating_point()}
    assert all(torch.equal(value, weights[name]) for name, value in started.items())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"architecture": "unet", "options": {"widths": [4, 8]}}, "architecture 'basinnet', expected 'unet'"),
        ({"options": {"widths": [4, 8], "encoding": "sincos"}}, "encoding 'sincos_coherence', expected 'sincos'"),
        ({"options": {"widths": [4, 16]}}, "do not fit training.options"),
    ],
)
def test_weights_of_something_else_are_refused_in_one_sentence(change, sentence, shards, tmp_path_factory):
    folder = tmp_path_factory.mktemp("other")
    train(*shards, replace(TINY, steps=1), folder, "cpu")
    with pytest.raises(InputError, match=sentence) as error:
        training.Trainer(replace(TINY, weights=str(folder), **change), *shards, torch.device("cpu"))
    assert "\n" not in str(error.value)


def test_tiles_that_no_layer_halves_are_refused(shards, tmp_path):
    odd = shard_set(tmp_path, [bowl_tile(0, side=70)])
    with pytest.raises(InputError, match="tiles of 70 px, expected a multiple of 4 for basinnet"):
        training.Trainer(TINY, ShardSource(odd, 0), odd, torch.device("cpu"))
    with pytest.raises(InputError, match="tiles of 64 px and validation tiles of 70 px"):
        training.Trainer(TINY, shards[0], odd, torch.device("cpu"))


@pytest.mark.parametrize(
    ("kind", "encoding", "wanted"),
    [
        ("rates", "sincos_coherence", "phase"),
        ("rates", "bands1", "bands1"),
        ("bands2", "rgb", "phase"),
        ("bands2", "abs_rate", "rates"),
        ("bands2", "bands3", "bands3"),
        ("phase", "abs_rate", "rates"),
    ],
)
def test_rates_pictures_and_phase_are_never_taken_for_each_other(kind, encoding, wanted, tmp_path):
    settings = replace(TINY, options=TINY.options | {"encoding": encoding})
    wrong = set_of(tmp_path, kind)
    sentence = f"tiles of {kind} for basinnet with encoding '{encoding}', expected .*tiles of {wanted}; correct"
    with pytest.raises(InputError, match=f"found {sentence}"):
        training.Trainer(settings, ShardSource(wrong, 0), wrong, torch.device("cpu"))
    with pytest.raises(InputError, match=f"found validation {sentence}"):
        training.Trainer(settings, ShardSource(set_of(tmp_path, wanted), 0), wrong, torch.device("cpu"))


@pytest.mark.parametrize(("kind", "encoding"), [("rates", "abs_rate"), ("bands2", "bands2"), ("phase", "rgb")])
def test_tiles_of_what_the_encoding_takes_are_trained_on(kind, encoding, tmp_path):
    data = set_of(tmp_path, kind)
    settings = replace(TINY, options=TINY.options | {"encoding": encoding})
    trainer = training.Trainer(settings, ShardSource(data, 0), data, torch.device("cpu"))
    assert data.content == kind
    assert np.isfinite(trainer.validate()[1])


def test_shards_of_rates_and_of_phase_are_not_put_together(tmp_path):
    for kind in ("phase", "rates"):
        set_of(tmp_path, kind)
    files = [(tmp_path / f"{kind}.safetensors", tmp_path / f"{kind}.json") for kind in ("phase", "rates")]
    with pytest.raises(InputError, match="found tiles of phase and rates, expected one;"):
        ShardSet.read(files)


def test_settings_without_steps_are_refused():
    with pytest.raises(InputError, match="steps is 0"):
        TrainingSettings(steps=0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_cpu_is_used_and_the_log_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        assert pick_device("cuda").type == "cpu"
    assert "no usable GPU" in caplog.text

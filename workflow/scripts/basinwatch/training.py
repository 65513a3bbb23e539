"""Train a detector: the same settings, data and seed give the same curve, interrupted or not."""

from __future__ import annotations

import csv
import logging
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from basinwatch import detectors, encoding
from basinwatch.augmentation import AugmentationSettings, augment_batch, generator
from basinwatch.compute import fast_dtype, pick_device, use_threads
from basinwatch.datasets import BASIN, IGNORED, ShardSet
from basinwatch.detectors import Detector
from basinwatch.errors import InputError
from basinwatch.evaluation import choose_thresholds, compare, confusion, object_scores, pixel_scores
from basinwatch.instances import InstanceSettings, find_instances
from basinwatch.models import save_model
from basinwatch.provenance import atomic_path, package_versions, text_hash
from basinwatch.training_state import CHECKPOINT, TrainingState

logger = logging.getLogger(__name__)
_ORDER, _CHANGE = 0, 1
_ROW = ("step", "learning_rate", "train_loss", "validation_loss", "iou", "precision", "recall", "f1")


@dataclass(frozen=True)
class TrainingSettings:
    """Recipe of a training run.

    Parameters
    ----------
    name
        What the model is called.
    architecture, options
        Detector and its options, see :mod:`basinwatch.detectors`.
    steps, batch_size
        Optimiser steps and tiles per step.
    learning_rate, warmup_steps, weight_decay
        AdamW; the rate rises linearly to `learning_rate` and falls to 0 along a cosine.
    clip_norm
        Largest norm of the gradient.
    average_decay
        Decay per step of the moving average of the weights, which is what is validated and shipped.
    positive_weight
        Weight of basin pixels in the cross-entropy; basins are under one percent of all pixels, and without
        a weight of about 10 training lingers at finding nothing.
    dice_weight
        Weight of the soft Dice loss beside the cross-entropy.
    validate_every
        Steps between rows of the curve.
    checkpoint_seconds
        Time between checkpoints.
    min_area_px
        Smallest basin counted.
    pixel_size_m
        Smallest and largest pixel size of the training data, recorded in the model.
    precision
        ``auto`` (bfloat16 where the hardware has it) or ``float32``.
    """

    name: str = "basinnet"
    architecture: str = "basinnet"
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    steps: int = 3000
    batch_size: int = 16
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    weight_decay: float = 1e-2
    clip_norm: float = 5.0
    average_decay: float = 0.999
    positive_weight: float = 10.0
    dice_weight: float = 1.0
    validate_every: int = 250
    checkpoint_seconds: float = 120.0
    min_area_px: int = 12
    pixel_size_m: tuple[float, float] = (10.0, 100.0)
    precision: str = "auto"
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)

    def __post_init__(self) -> None:
        for key in ("steps", "batch_size", "validate_every"):
            if getattr(self, key) < 1:
                raise InputError(f"training: {key} is {getattr(self, key)}, expected at least 1; correct the setting.")


def learning_rate(step: int, settings: TrainingSettings) -> float:
    """Rate of a step: linear warm-up, then half a cosine to 0 (Loshchilov & Hutter 2017)."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    progress = (step - settings.warmup_steps) / max(settings.steps - settings.warmup_steps, 1)
    return settings.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def segmentation_loss(logits: Tensor, target: Tensor, positive_weight: float, dice_weight: float) -> Tensor:
    """Cross-entropy per pixel plus soft Dice over the batch, both without ignored pixels.

    Parameters
    ----------
    logits
        (n, 1, y, x).
    target
        uint8 (n, y, x): 0, BASIN or IGNORED.
    """
    counted = (target != IGNORED).float()
    basin = (target == BASIN).float()
    logits = logits[:, 0].float()
    weight = counted * (1 + (positive_weight - 1) * basin)
    entropy = functional.binary_cross_entropy_with_logits(logits, basin, weight, reduction="sum") / weight.sum().clamp(
        min=1
    )
    probability = torch.sigmoid(logits) * counted
    dice = 1 - (2 * (probability * basin).sum() + 1) / (probability.sum() + basin.sum() + 1)
    return entropy + dice_weight * dice


def tile_order(count: int, batch_size: int, step: int, seed: int) -> list[int]:
    """Tiles of one step: every epoch is a new permutation of all, read on without gaps between epochs."""
    places = range(step * batch_size, (step + 1) * batch_size)
    epochs = range(places[0] // count, places[-1] // count + 1)
    orders = {epoch: generator(seed, _ORDER, epoch).permutation(count) for epoch in epochs}
    return [int(orders[place // count][place % count]) for place in places]


def training_batch(data: ShardSet, step: int, settings: TrainingSettings) -> tuple[Tensor, Tensor]:
    """Augmented and encoded tiles of one step (n, 3, y, x), and their targets (n, y, x)."""
    tiles = tile_order(len(data), settings.batch_size, step, settings.seed)
    phase, coherence, target = augment_batch(data.batch(tiles), settings.augmentation, settings.seed, _CHANGE, step)
    return torch.from_numpy(encoding.encode(phase, coherence)), torch.from_numpy(target)


def _batches(data: ShardSet, first_step: int, settings: TrainingSettings) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches from `first_step` on; the next is prepared while one is in use."""
    with ThreadPoolExecutor(1) as worker:
        upcoming = worker.submit(training_batch, data, first_step, settings)
        for step in range(first_step, settings.steps):
            batch = upcoming.result()
            if step + 1 < settings.steps:
                upcoming = worker.submit(training_batch, data, step + 1, settings)
            yield batch


def _network_input(x: Tensor, device: torch.device) -> Tensor:
    """Move tiles to the device in the memory layout convolutions are fastest with."""
    return x.to(device, memory_format=torch.channels_last)


class Trainer:
    """One training run on one device."""

    def __init__(
        self, settings: TrainingSettings, training: ShardSet, validation: ShardSet, device: torch.device
    ) -> None:
        self.settings, self.training, self.validation, self.device = settings, training, validation, device
        self.dtype = fast_dtype(device, settings.precision)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            detector = detectors.build(settings.architecture, settings.options)
        detector = detector.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.state = TrainingState(detector, torch.optim.AdamW(_groups(detector, settings.weight_decay)))

    def _logits(self, detector: Detector, x: Tensor) -> Tensor:
        """Run a detector in the chosen precision."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits: Tensor = detector(_network_input(x, self.device))
        return logits

    def step(self, x: Tensor, target: Tensor) -> None:
        """One optimiser step."""
        settings, state = self.settings, self.state
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate(state.step, settings)
        state.detector.train()
        loss = self._loss(self._logits(state.detector, x), target)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.detector.parameters(), settings.clip_norm)
        state.optimizer.step()
        state.update_average(settings.average_decay)
        state.step += 1
        state.losses.append(loss.item())

    def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss of a batch with this run's weights."""
        settings = self.settings
        return segmentation_loss(logits, target.to(self.device), settings.positive_weight, settings.dice_weight)

    @torch.inference_mode()
    def validate(self) -> tuple[list[NDArray[np.float16]], float]:
        """Probabilities of all validation tiles (y, x) by the averaged weights, and their mean loss."""
        size = self.settings.batch_size
        probabilities: list[NDArray[np.float16]] = []
        losses = []
        for start in range(0, len(self.validation), size):
            phase, coherence, target = self.validation.batch(range(start, min(start + size, len(self.validation))))
            logits = self._logits(self.state.average, torch.from_numpy(encoding.encode(phase, coherence)))
            losses.append(self._loss(logits, torch.from_numpy(target)).item() * len(phase))
            probabilities.extend(torch.sigmoid(logits[:, 0].float()).cpu().numpy().astype(np.float16))
        return probabilities, sum(losses) / len(self.validation)

    def add_row(self) -> None:
        """Validate and extend the curve."""
        probabilities, loss = self.validate()
        settings, state, data = self.settings, self.state, self.validation
        counts, compared = np.zeros((2, 2), np.int64), []
        instance_settings = InstanceSettings(min_area_px=settings.min_area_px)
        for number, probability in enumerate(probabilities):
            counts += confusion(data.batch([number])[2][0], probability >= instance_settings.threshold)
            compared.append(compare(find_instances(probability, instance_settings), data.labels(number)))
        objects = object_scores(compared)
        rate, trained = learning_rate(state.step - 1, settings), float(np.mean(state.losses))
        iou = np.nan_to_num(pixel_scores(counts).basin_iou)
        values = (state.step, rate, trained, loss, iou, objects.precision, objects.recall, objects.f1)
        state.curve.append(dict(zip(_ROW, map(float, values), strict=True)))
        state.losses = []


def _groups(detector: Detector, weight_decay: float) -> list[dict[str, Any]]:
    """Decay convolution kernels only, not normalisation and biases."""
    kernels = [p for p in detector.parameters() if p.ndim > 1]
    others = [p for p in detector.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def train(
    training: ShardSet,
    validation: ShardSet,
    settings: TrainingSettings,
    folder: Path,
    device: str = "auto",
    threads: int | None = None,
) -> dict[str, Any]:
    """Train a detector and write model, curves and, underway, checkpoints into `folder`.

    A checkpoint of the same settings and data in `folder` is taken up where it ended, and leads to
    the same curve as a run without interruption (same device and thread count).

    Returns
    -------
    dict
        The training record as written to ``model.json``.
    """
    use_threads(threads)
    trainer = Trainer(settings, training, validation, pick_device(device))
    fingerprints = {"training": training.fingerprint, "validation": validation.fingerprint}
    identity = text_hash([asdict(settings), fingerprints, trainer.device.type, str(trainer.dtype)])
    trainer.state.restore(folder, identity)
    _run(trainer, folder, identity)
    record = {
        "data_sha256": fingerprints, "tiles": [len(training), len(validation)], "settings": asdict(settings),
        "versions": package_versions(), "device": trainer.device.type, "precision": str(trainer.dtype),
    }  # fmt: skip
    _ship(trainer, folder, record)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return record


def _run(trainer: Trainer, folder: Path, identity: str) -> None:
    """Step to the end, extending the curve and saving checkpoints."""
    settings, state = trainer.settings, trainer.state
    began = saved = time.monotonic()
    first = state.step
    for x, target in _batches(trainer.training, first, settings):
        trainer.step(x, target)
        if not math.isfinite(state.losses[-1]):
            raise InputError(
                f"training {settings.name}: loss at step {state.step} is {state.losses[-1]}, expected a number; "
                "lower learning_rate."
            )
        if state.step % settings.validate_every == 0 or state.step == settings.steps:
            trainer.add_row()
            write_curve(folder / "curves.csv", state.curve)
            plot_curve(folder / "curves.png", state.curve)
            _report(state, settings, (time.monotonic() - began) / (state.step - first))
        if time.monotonic() - saved >= settings.checkpoint_seconds:
            state.save(folder, identity)
            saved = time.monotonic()


def _report(state: TrainingState, settings: TrainingSettings, seconds_per_step: float) -> None:
    """Log the last row of the curve and the time left."""
    row = state.curve[-1]
    logger.info(
        "step %d of %d: loss %.4f, validation %.4f, IoU %.3f, F1 %.3f; %.2f s a step, %.0f min left",
        state.step, settings.steps, row["train_loss"], row["validation_loss"], row["iou"], row["f1"],
        seconds_per_step, seconds_per_step * (settings.steps - state.step) / 60,
    )  # fmt: skip


def _ship(trainer: Trainer, folder: Path, record: dict[str, Any]) -> None:
    """Choose thresholds on the validation tiles and write the model."""
    settings, data = trainer.settings, trainer.validation
    probabilities, _ = trainer.validate()
    truths = [data.labels(n) for n in range(len(data))]
    chosen, scores = choose_thresholds(probabilities, truths, settings.min_area_px)
    last = trainer.state.curve[-1] if trainer.state.curve else {}
    chosen_scores = {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1}
    record["metrics"] = {"last_row": last, "at_thresholds": chosen_scores}
    spec = {
        "name": settings.name, "architecture": settings.architecture, "options": settings.options,
        "tile_size_px": data.tile_size_px, "threshold": chosen.threshold, "peak_threshold": chosen.peak_threshold,
        "min_area_px": chosen.min_area_px, "pixel_size_m": list(settings.pixel_size_m), "training": record,
    }  # fmt: skip
    save_model(folder, trainer.state.average, spec)


def write_curve(path: Path, curve: list[dict[str, float]]) -> None:
    """Write the training curve as CSV."""
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, _ROW, lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.9g}" for k, v in row.items()} for row in curve)


def plot_curve(path: Path, curve: list[dict[str, float]]) -> None:
    """Draw losses and validation scores against steps."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [row["step"] for row in curve]
    for axes, keys, title in ((left, _ROW[2:4], "loss"), (right, _ROW[4:], "validation score")):
        for key in keys:
            axes.plot(steps, [row[key] for row in curve], marker=".", label=key.replace("_", " "))
        axes.set(xlabel="step", title=title)
        axes.legend()
    right.set_ylim(0, 1)
    with atomic_path(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})

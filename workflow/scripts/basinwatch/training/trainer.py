"""Train any detector: the same settings, data and seed give the same curve, interrupted or not."""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from basinwatch import detectors
from basinwatch.compute import fast_dtype, pick_device, prepare_cpu
from basinwatch.datasets.tiles import ShardSet
from basinwatch.detectors import Detector
from basinwatch.encoding import content, encode
from basinwatch.errors import InputError
from basinwatch.evaluation.average_precision import average_precision
from basinwatch.evaluation.predictions import Output, best_thresholds, hold_against, predict
from basinwatch.evaluation.scores import confusion, object_scores, pixel_scores
from basinwatch.inference.instances import InstanceSettings
from basinwatch.models import load_model, read_spec, save_model
from basinwatch.prefetching import one_ahead
from basinwatch.provenance import package_versions, text_hash
from basinwatch.training.augmentation import AugmentationSettings, augment_batch
from basinwatch.training.curve import COLUMNS, Row, plot_curve, rows_since_best, write_curve
from basinwatch.training.optimizers import OptimizerSettings, build_optimizer, limit_gradient, set_learning_rate
from basinwatch.training.schedules import ScheduleSettings, learning_rate
from basinwatch.training.starting_weights import start_from_model
from basinwatch.training.state import CHECKPOINT, TrainingState
from basinwatch.training.tile_sources import TileSource

logger = logging.getLogger(__name__)
BEST = "best"
_CHANGE = 1
_STEP_SEEDS, _SEEDS = 2**32, 2**63


@dataclass(frozen=True)
class TrainingSettings:
    """Recipe of a training run.

    Parameters
    ----------
    name
        What the model is called.
    architecture, options
        Detector and its options, see :mod:`basinwatch.detectors`.
    weights
        Folder of a model to start from; None starts from random numbers.
    steps, batch_size
        Optimiser steps and tiles per step.
    learning_rate
        Peak of the rate; the rest of its course is the schedule's.
    average_decay
        Decay per step of the moving average of the weights, which is what is validated and shipped; 0 takes the
        weights as they are.
    validate_every
        Steps between rows of the curve.
    patience
        Training ends early when so many rows in a row brought no better weights; None goes on to the end.
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
    weights: str | None = None
    seed: int = 0
    steps: int = 3000
    batch_size: int = 16
    learning_rate: float = 1e-3
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    average_decay: float = 0.999
    validate_every: int = 500
    patience: int | None = None
    checkpoint_seconds: float = 120.0
    min_area_px: int = 12
    pixel_size_m: tuple[float, float] = (10.0, 100.0)
    precision: str = "auto"
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)

    def __post_init__(self) -> None:
        for key in ("steps", "batch_size", "validate_every"):
            if getattr(self, key) < 1:
                raise InputError(f"training: {key} is {getattr(self, key)}, expected at least 1; correct the setting.")


def training_batches(
    source: TileSource, first_step: int, settings: TrainingSettings, code: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented tiles of each step, encoded as `code` says (n, channels, y, x), and their targets (n, y, x)."""
    steps = range(first_step, settings.steps)
    for step, arrays in zip(steps, source.batches(steps, settings.batch_size), strict=True):
        phase, coherence, target = augment_batch(arrays, settings.augmentation, settings.seed, _CHANGE, step)
        yield torch.from_numpy(encode(phase, coherence, code)), torch.from_numpy(target)


class Trainer:
    """One training run on one device."""

    def __init__(
        self, settings: TrainingSettings, training: TileSource, validation: ShardSet, device: torch.device
    ) -> None:
        self.settings, self.training, self.validation, self.device = settings, training, validation, device
        self.dtype = fast_dtype(device, settings.precision)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            detector = detectors.build(settings.architecture, settings.options)
        _require_fitting_tiles(settings.architecture, detector, training, validation)
        if settings.weights is not None:
            start_from_model(detector, settings.architecture, Path(settings.weights))
        detector = detector.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.state = TrainingState(detector, build_optimizer(detector, settings.optimizer))

    def _input(self, x: Tensor) -> Tensor:
        """Move tiles to the device in the memory layout convolutions are fastest with."""
        return x.to(self.device, memory_format=torch.channels_last)

    def _loss(self, detector: Detector, x: Tensor, target: Tensor) -> Tensor:
        """Loss of a batch in the chosen precision; what a detector draws at random depends on the step alone."""
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed((self.settings.seed * _STEP_SEEDS + self.state.step) % _SEEDS)
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
                losses = detector.loss(self._input(x), target.to(self.device))
        return torch.stack([value.float() for value in losses.values()]).sum()

    def training_loss(self, x: Tensor, target: Tensor) -> Tensor:
        """Loss of a batch, to learn from."""
        self.state.detector.train()
        return self._loss(self.state.detector, x, target)

    def find_gradient(self, loss: Tensor) -> float:
        """Set the gradient of a loss, limited as the settings say; its norm before that."""
        self.state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        return limit_gradient(self.state.detector, self.settings.optimizer)

    def update(self, loss: Tensor) -> None:
        """One optimiser step down the gradient of a loss."""
        state = self.state
        set_learning_rate(state.optimizer, self.learning_rate(state.step))
        state.optimizer.step()
        state.update_average(self.settings.average_decay)
        state.step += 1
        state.losses.append(loss.item())

    def learning_rate(self, step: int) -> float:
        """Learning rate of a step."""
        return learning_rate(step, self.settings.steps, self.settings.learning_rate, self.settings.schedule)

    @torch.inference_mode()
    def validate(self) -> tuple[list[Output], float]:
        """Run the averaged weights on all validation tiles; outputs and mean loss."""
        size, detector = self.settings.batch_size, self.state.average
        outputs: list[Output] = []
        losses = []
        for start in range(0, len(self.validation), size):
            phase, coherence, target = self.validation.batch(range(start, min(start + size, len(self.validation))))
            x = torch.from_numpy(encode(phase, coherence, detector.encoding))
            losses.append(self._loss(detector, x, torch.from_numpy(target)).item() * len(phase))
            outputs += predict(detector, self._input(x), self.dtype)
        return outputs, sum(losses) / len(self.validation)

    def add_row(self) -> None:
        """Validate and extend the curve."""
        outputs, loss = self.validate()
        state, data, shape = self.state, self.validation, (self.validation.tile_size_px,) * 2
        rule = InstanceSettings(min_area_px=self.settings.min_area_px)
        counts, compared = np.zeros((2, 2), np.int64), []
        for number, output in enumerate(outputs):
            found = hold_against(output, data.labels(number), rule, shape)
            compared.append(found.best)
            if found.pixels is not None:
                counts += confusion(data.batch([number])[2][0], found.pixels)
        objects = object_scores([c.above(rule.peak_threshold) for c in compared])
        iou = float(np.nan_to_num(pixel_scores(counts).basin_iou)) if counts.any() else None
        rate, trained = self.learning_rate(state.step - 1), float(np.mean(state.losses))
        ap50 = float(np.nan_to_num(average_precision(compared)))
        values = (state.step, rate, trained, loss, iou, ap50, objects.precision, objects.recall, objects.f1)
        state.curve.append(Row(zip(COLUMNS, values, strict=True)))
        state.losses = []


def _require_fitting_tiles(architecture: str, detector: Detector, training: TileSource, validation: ShardSet) -> None:
    """Refuse tiles a detector cannot take."""
    sizes = training.tile_size_px, validation.tile_size_px
    if sizes[0] != sizes[1]:
        raise InputError(
            f"training: found tiles of {sizes[0]} px and validation tiles of {sizes[1]} px, expected one size; use "
            "data sets of one recipe."
        )
    if sizes[0] % detector.stride:
        raise InputError(
            f"training: found tiles of {sizes[0]} px, expected a multiple of {detector.stride} for {architecture}; "
            "correct simulation.tile_size_px and the tiling of labelled pairs."
        )
    wanted = content(detector.encoding)
    for what, found in (("tiles", training.content), ("validation tiles", validation.content)):
        if found != wanted:
            raise InputError(
                f"training: found {what} of {found} for {architecture} with encoding '{detector.encoding}', expected "
                f"{what} of {wanted}; correct options.encoding or the data."
            )


def train(
    training: TileSource,
    validation: ShardSet,
    settings: TrainingSettings,
    folder: Path,
    device: str = "auto",
    threads: int | None = None,
) -> dict[str, Any]:
    """Train a detector and write model, curves and, underway, checkpoints and the best weights so far into `folder`.

    A checkpoint of the same settings and data in `folder` is taken up where it ended, and leads to
    the same curve as a run without interruption (same device and thread count). The weights of the best row of the
    curve are shipped. Underway they lie in the folder's `best`, a complete model with thresholds of one half.

    Returns
    -------
    dict
        The training record as written to ``model.json``.

    Raises
    ------
    InputError
        If the tiles do not fit the detector, or loss or gradient stop being numbers.
    """
    prepare_cpu(threads)
    trainer = Trainer(settings, training, validation, pick_device(device))
    fingerprints = {"training": training.fingerprint, "validation": validation.fingerprint}
    if settings.weights is not None:
        fingerprints["start"] = read_spec(Path(settings.weights))["weights_sha256"]
    identity = text_hash([asdict(settings), fingerprints, trainer.device.type, str(trainer.dtype)])
    trainer.state.restore(folder, identity)
    _run(trainer, folder, identity)
    record = {
        "data_sha256": fingerprints, "tiles": [training.tiles, len(validation)], "settings": asdict(settings),
        "versions": package_versions(), "device": trainer.device.type, "precision": str(trainer.dtype),
    }  # fmt: skip
    _ship(trainer, folder, record)
    # In this order a run that is killed in between finds what its checkpoint counts on.
    (folder / CHECKPOINT).unlink(missing_ok=True)
    shutil.rmtree(folder / BEST)
    return record


def _run(trainer: Trainer, folder: Path, identity: str) -> None:
    """Step to the end, extending the curve, saving checkpoints and keeping the best weights."""
    settings, state = trainer.settings, trainer.state
    if _has_stalled(trainer):
        return
    began = saved = time.monotonic()
    first = state.step
    prepared = training_batches(trainer.training, first, settings, state.detector.encoding)
    with closing(one_ahead(prepared)) as batches:
        for x, target in batches:
            due = time.monotonic() - saved >= settings.checkpoint_seconds
            before = state.snapshot(identity) if due else None
            loss = trainer.training_loss(x, target)
            _require_finite("loss", loss.item(), trainer, folder)
            _require_finite("norm of the gradient", trainer.find_gradient(loss), trainer, folder)
            # Only now is it known that the weights are good.
            if before is not None:
                before.save(folder)
                saved = time.monotonic()
            trainer.update(loss)
            if state.step % settings.validate_every == 0 or state.step == settings.steps:
                _add_row(trainer, folder)
                _report(state, settings, (time.monotonic() - began) / (state.step - first))
                if _has_stalled(trainer):
                    return


def _require_finite(what: str, value: float, trainer: Trainer, folder: Path) -> None:
    """Stop a run that diverges before its weights are changed; checkpoint and best weights stay as they are."""
    if not math.isfinite(value):
        kept = f"; the best weights so far are in {folder / BEST}" if trainer.state.curve else ""
        raise InputError(
            f"training {trainer.settings.name}: {what} at step {trainer.state.step + 1} is {value}, expected a number; "
            f"lower learning_rate{kept}."
        )


def _has_stalled(trainer: Trainer) -> bool:
    """Whether the settings' patience is over."""
    patience, curve = trainer.settings.patience, trainer.state.curve
    return patience is not None and bool(curve) and rows_since_best(curve) >= patience


def _add_row(trainer: Trainer, folder: Path) -> None:
    """Validate, write the curve, and keep the weights if there are none better."""
    curve = trainer.state.curve
    trainer.add_row()
    write_curve(folder / "curves.csv", curve)
    plot_curve(folder / "curves.png", curve)
    if rows_since_best(curve) == 0:
        rule = InstanceSettings(min_area_px=trainer.settings.min_area_px)
        save_model(folder / BEST, trainer.state.average, _spec(trainer, rule, {"curve": curve}))


def _report(state: TrainingState, settings: TrainingSettings, seconds_per_step: float) -> None:
    """Log the last row of the curve and the time left."""
    row = state.curve[-1]
    logger.info(
        "step %d of %d: loss %.4f, validation %.4f, IoU %.3f, AP50 %.3f, F1 %.3f; %.2f s a step, %.0f min left",
        state.step, settings.steps, row["train_loss"], row["validation_loss"], row["iou"] or math.nan, row["ap50"],
        row["f1"], seconds_per_step, seconds_per_step * (settings.steps - state.step) / 60,
    )  # fmt: skip


def _spec(trainer: Trainer, chosen: InstanceSettings, record: dict[str, Any]) -> dict[str, Any]:
    """Fields of ``model.json``."""
    settings = trainer.settings
    return {
        "name": settings.name, "architecture": settings.architecture, "options": settings.options,
        "tile_size_px": trainer.validation.tile_size_px, "threshold": chosen.threshold,
        "peak_threshold": chosen.peak_threshold, "min_area_px": chosen.min_area_px,
        "core_threshold": chosen.core_threshold, "pixel_size_m": list(settings.pixel_size_m), "training": record,
    }  # fmt: skip


def _ship(trainer: Trainer, folder: Path, record: dict[str, Any]) -> None:
    """Take the best weights, choose thresholds on the validation tiles and write the model."""
    data, curve = trainer.validation, trainer.state.curve
    trainer.state.average.load_state_dict(load_model(folder / BEST).detector.state_dict())
    outputs, _ = trainer.validate()
    chosen, scores = best_thresholds(outputs, [data.labels(n) for n in range(len(data))], trainer.settings.min_area_px)
    best = curve[-1 - rows_since_best(curve)]
    at_thresholds = {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1}
    record["metrics"] = {"last_row": curve[-1], "best_row": best, "at_thresholds": at_thresholds}
    save_model(folder, trainer.state.average, _spec(trainer, chosen, record))

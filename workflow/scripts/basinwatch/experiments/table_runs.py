"""Train one detector for a table and score it, from nothing but its recipe and a seed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from basinwatch.compute import pick_device, use_threads
from basinwatch.datasets.tiles import Shard, ShardSet, read_shard
from basinwatch.evaluation.tables import EvaluationSettings, evaluate
from basinwatch.experiments.paper_tables import TableRun
from basinwatch.models import load_model
from basinwatch.simulation.recipes import read_settings
from basinwatch.simulation.settings import Settings
from basinwatch.simulation.shards import ShardFiles, simulate_shard
from basinwatch.training.recipes import read_recipe, training_settings
from basinwatch.training.tile_sources import ShardSource
from basinwatch.training.trainer import train

_PIXEL_SIZE_M = (10.0, 40.0)
_VALIDATION, _TEST = 10_000_000, 20_000_000
_STILL_AIR = {"delay_mm": 0.0, "stratified_share": 0.0, "height_error_m": [0.0, 0.0], "ramp_fringes": 0.0}
_BYTES = 4


@dataclass(frozen=True)
class Scale:
    """How much is trained and tried; `steps` None takes the preset's."""

    training_tiles: int
    validation_tiles: int
    test_tiles: int
    tile_size_px: int
    steps: int | None


SCALES = {"smoke": Scale(8, 4, 8, 128, 2), "full": Scale(4000, 400, 500, 256, None)}


def train_and_score(
    run: TableRun, preset: Path, seed: int, scale: Scale, device: str, threads: int
) -> dict[str, float | None]:
    """Figures of one run on the first tiles of the benchmark set, which always has air, and its size.

    Parameters
    ----------
    preset
        Recipe that the run changes.
    seed
        Of weights, of training tiles and of their order; validation and test tiles are the same for all.

    Returns
    -------
    dict
        All figures of :func:`basinwatch.evaluation.detector_scores.figures`, ``parameters_m`` (millions) and
        ``parameters_mb`` (four bytes each).
    """
    air = {} if run.air else {"recipe": "custom", "atmosphere": _STILL_AIR}
    base = {"recipe": "realistic", "tile_size_px": scale.tile_size_px, "pixel_size_m": list(_PIXEL_SIZE_M)}
    known, given = read_settings({**base, "seed": 5}), read_settings({**base, "seed": seed, **air})
    short = {} if scale.steps is None else {"steps": scale.steps, "validate_every": scale.steps, "batch_size": 2}
    recipe = read_recipe(preset, {**run.changes, **short, "seed": seed})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        training = ShardSource(ShardSet([_tiles(given, range(scale.training_tiles), "train", folder)]), seed)
        validation = _tiles(known, range(_VALIDATION, _VALIDATION + scale.validation_tiles), "validation", folder)
        test = _tiles(known, range(_TEST, _TEST + scale.test_tiles), "test", folder)
        settings = training_settings(recipe, run.name, training.tiles, _PIXEL_SIZE_M)
        train(training, ShardSet([validation]), settings, folder / "model", device, threads)
        use_threads(threads)
        found = pick_device(device)
        model = load_model(folder / "model", found)
        scores = evaluate(model, {"benchmark": [test]}, EvaluationSettings(resamples=20), found)
    count = sum(parameter.numel() for parameter in model.detector.parameters())
    return _values(scores) | {"parameters_m": count / 1e6, "parameters_mb": count * _BYTES / 1e6}


def _tiles(settings: Settings, numbers: range, split: str, folder: Path) -> Shard:
    """Simulate tiles and read them as training does."""
    files = ShardFiles(*(folder / f"{split}.{suffix}" for suffix in ("safetensors", "json", "jsonl")))
    simulate_shard(settings, numbers, files, split)
    return read_shard(files.arrays, files.coco)


def _values(scores: Mapping[str, Any]) -> dict[str, float | None]:
    """Figures without their intervals over tiles."""
    figures = scores["sets"]["benchmark"]["figures"]
    return {name: found["value"] for name, found in figures.items()}

"""Train one detector for a table and score it, from nothing but its recipe, a seed, and tiles the user labelled."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from basinwatch.compute import pick_device, prepare_cpu
from basinwatch.datasets.tiles import Shard, ShardSet, read_shard
from basinwatch.evaluation.tables import EvaluationSettings, evaluate
from basinwatch.experiments.costs import costs
from basinwatch.experiments.paper_tables import BENCHMARK, LABELLED, PARTS, Figures, TableRun
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


@dataclass(frozen=True)
class Scale:
    """How much is trained and tried; `steps` None takes the preset's, `labelled_tiles` None all there are."""

    training_tiles: int
    validation_tiles: int
    test_tiles: int
    tile_size_px: int
    steps: int | None
    labelled_tiles: int | None = None


SCALES = {"smoke": Scale(8, 4, 8, 128, 2, 8), "full": Scale(4000, 400, 500, 256, None)}


@dataclass(frozen=True)
class LabelledShards:
    """Tiles the user labelled, to train on and to try detectors on; either may be empty."""

    train: Sequence[Shard] = ()
    test: Sequence[Shard] = ()


def train_and_score(
    run: TableRun, preset: Path, seed: int, scale: Scale, labelled: LabelledShards, device: str, threads: int
) -> dict[str, Figures]:
    """Figures of one run on the benchmark set, which always has air, and on labelled test tiles where there are some.

    Parameters
    ----------
    preset
        Recipe that the run changes.
    seed
        Of weights, of training tiles and of their order; validation and test tiles are the same for all.
    labelled
        Its training tiles join the simulated ones, which then have their size.

    Returns
    -------
    dict
        By set (the benchmark set, its thirds by noise, the labelled tiles) all figures of
        :func:`basinwatch.evaluation.detector_scores.figures` and of
        :func:`basinwatch.evaluation.sampled_points.point_scores`, what follows from them (``pixel_f1``, ``point_f1``,
        ``iou_ground``), :func:`basinwatch.experiments.costs.costs`, ``train_hours`` and ``train_step_ms``; empty where
        the run wants labelled tiles alone and there are none.
    """
    own = _some(labelled.train, scale.labelled_tiles)
    if not run.simulated and not own:
        return {}
    short = {} if scale.steps is None else {"steps": scale.steps, "validate_every": scale.steps, "batch_size": 2}
    recipe = read_recipe(preset, {**run.changes, **short, "seed": seed})
    size_px = ShardSet(own).tile_size_px if own else scale.tile_size_px
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known, given = _simulators(run, seed, size_px)
        simulated = [_tiles(given, range(scale.training_tiles), "train", folder)] if run.simulated else []
        training = ShardSource(ShardSet([*simulated, *own]), seed)
        validation = _tiles(known, range(_VALIDATION, _VALIDATION + scale.validation_tiles), "validation", folder)
        settings = training_settings(recipe, run.name, training.tiles, _PIXEL_SIZE_M)
        begin = time.perf_counter()
        train(training, ShardSet([validation]), settings, folder / "model", device, threads)
        seconds = time.perf_counter() - begin
        prepare_cpu(threads)
        found = pick_device(device)
        benchmark = _tiles(known, range(_TEST, _TEST + scale.test_tiles), "test", folder)
        own_tests = {LABELLED: _some(labelled.test, scale.labelled_tiles)} if labelled.test else {}
        tests = {BENCHMARK: [benchmark], **_by_noise(benchmark), **own_tests}
        scores = evaluate(load_model(folder / "model", found), tests, EvaluationSettings(resamples=20), found)
        spent = costs(load_model(folder / "model", found).detector, run.side_px, found)
    spent |= {"train_hours": seconds / 3600, "train_step_ms": 1000 * seconds / settings.steps}
    return {name: _values(scores["sets"][name]) | spent for name in tests}


def _some(shards: Sequence[Shard], count: int | None) -> list[Shard]:
    """Take the first tiles; None takes all."""
    if count is None:
        return list(shards)
    taken: list[Shard] = []
    for shard in shards:
        left = count - sum(map(len, taken))
        if left > 0:
            taken.append(_chosen(shard, range(min(left, len(shard)))))
    return taken


def _by_noise(shard: Shard) -> dict[str, list[Shard]]:
    """Split tiles into thirds by how much neighbouring pixels differ, as the areas of Zhang et al. (2022) do."""
    calm = [np.nanmean(np.cos(np.diff(shard.tile(number).phase))) for number in range(len(shard))]
    thirds = np.array_split(np.argsort(calm)[::-1], len(PARTS))
    return {name: [_chosen(shard, places.tolist())] for name, places in zip(PARTS, thirds, strict=True) if places.size}


def _chosen(shard: Shard, places: Sequence[int]) -> Shard:
    """Take some tiles of a shard."""
    coco = {**shard.coco, "images": [shard.coco["images"][place] for place in places]}
    return Shard(shard.phase[list(places)], shard.coherence[list(places)], coco)


def _simulators(run: TableRun, seed: int, size_px: int) -> tuple[Settings, Settings]:
    """Read settings of the tiles that all runs are tried on, and of those that one learns from."""
    base = {"recipe": "realistic", "tile_size_px": size_px, "pixel_size_m": list(_PIXEL_SIZE_M)}
    air = {} if run.air else {"recipe": "custom", "atmosphere": _STILL_AIR}
    return read_settings({**base, "seed": 5}), read_settings({**base, "seed": seed, **air})


def _tiles(settings: Settings, numbers: range, split: str, folder: Path) -> Shard:
    """Simulate tiles and read them as training does."""
    files = ShardFiles(*(folder / f"{split}.{suffix}" for suffix in ("safetensors", "json", "jsonl")))
    simulate_shard(settings, numbers, files, split)
    return read_shard(files.arrays, files.coco)


def _values(scores: Mapping[str, Any]) -> dict[str, float | None]:
    """Figures of one set without intervals over tiles, those at sampled points, and what papers derive of them."""
    values = {name: found["value"] for name, found in scores["figures"].items()} | scores["points"]
    for kind in ("pixel", "point"):
        values[f"{kind}_f1"] = _harmonic_mean(values.get(f"{kind}_precision"), values.get(f"{kind}_recall"))
    both, basins = values.get("miou"), values.get("iou")
    return values | {"iou_ground": None if both is None or basins is None else 2 * both - basins}


def _harmonic_mean(precision: float | None, recall: float | None) -> float | None:
    """F1; None where it is not defined."""
    if not precision or not recall:
        return None
    return 2 * precision * recall / (precision + recall)

"""Evaluate a model on sets of labelled tiles, and put several models side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from basinwatch.datasets.tiles import Shard, ShardSet
from basinwatch.errors import InputError
from basinwatch.evaluation.detector_scores import figures, recall_by_class, summary
from basinwatch.evaluation.sampled_points import point_scores
from basinwatch.evaluation.tile_scores import TileScores, rule_of, score_tiles
from basinwatch.models import LoadedModel
from basinwatch.provenance import package_versions

SHOWN = (
    "map", "ap50", "ap80", "box_map", "box_ap50", "precision", "recall", "f1", "f1_strong", "pa", "mpa", "miou", "iou",
    "kappa", "area_similarity", "false_per_1000_km2",
)  # fmt: skip


@dataclass(frozen=True)
class EvaluationSettings:
    """How a model is scored.

    Parameters
    ----------
    resamples, seed
        Bootstrap samples over tiles, and the seed of these and of sampled points.
    batch_size
        Tiles per pass of the network.
    precision
        ``auto`` (bfloat16 where the hardware has it) or ``float32``.
    """

    resamples: int = 200
    seed: int = 0
    batch_size: int = 8
    precision: str = "auto"


def evaluate(
    model: LoadedModel, sets: Mapping[str, Sequence[Shard]], settings: EvaluationSettings, device: torch.device
) -> dict[str, Any]:
    """Scores of a model on every set.

    Returns
    -------
    dict
        ``model``, ``weights_sha256``, ``thresholds``, ``versions``, and ``sets``: by name ``tiles``, ``basins``,
        ``area_km2``, ``fingerprint``, ``figures`` (value, low, high), ``classes`` and ``points``.
    """
    rule = rule_of(model.spec)
    return {
        "model": model.spec["name"],
        "architecture": model.spec["architecture"],
        "weights_sha256": model.spec["weights_sha256"],
        "thresholds": {"threshold": rule.threshold, "peak_threshold": rule.peak_threshold},
        "versions": package_versions(),
        "sets": {name: _evaluate_set(model, shards, settings, device) for name, shards in sets.items()},
    }


def _evaluate_set(
    model: LoadedModel, shards: Sequence[Shard], settings: EvaluationSettings, device: torch.device
) -> dict[str, Any]:
    """Scores on one set, without NaN."""
    tiles = (shard.tile(index) for shard in shards for index in range(len(shard)))
    scored = list(score_tiles(model, tiles, device, settings.batch_size, settings.precision))
    table = figures(scored, rule_of(model.spec).peak_threshold, settings.resamples, settings.seed)
    classes = recall_by_class(scored, settings.resamples, settings.seed)
    content = summary(scored) | {
        "fingerprint": ShardSet(shards).fingerprint,
        "figures": table.set_index("figure").to_dict("index"),
        "classes": classes.to_dict("records"),
        "points": _points(scored, settings.seed),
    }
    known: dict[str, Any] = _without_nan(content)
    return known


def _points(tiles: Sequence[TileScores], seed: int) -> dict[str, float]:
    """Scores at sampled points of all tiles together."""
    truth, predicted = (np.concatenate(parts) for parts in zip(*(tile.pixels for tile in tiles), strict=True))
    return point_scores(truth, predicted, seed)


def _without_nan(value: Any) -> Any:
    """Replace numbers that JSON does not have by None, at any depth."""
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def figure_table(scores: Mapping[str, Any]) -> pd.DataFrame:
    """Figures of one model: ``model``, ``set``, ``figure``, ``value``, ``low``, ``high``."""
    rows = [
        {"model": scores["model"], "set": name, "figure": figure, **estimate}
        for name, content in scores["sets"].items()
        for figure, estimate in content["figures"].items()
    ]
    return pd.DataFrame(rows, columns=["model", "set", "figure", "value", "low", "high"])


def class_table(scores: Mapping[str, Any]) -> pd.DataFrame:
    """Recall by class of basins of one model, see :func:`basinwatch.evaluation.detector_scores.recall_by_class`."""
    rows = [{"set": name} | row for name, content in scores["sets"].items() for row in content["classes"]]
    return pd.DataFrame(rows, columns=["set", "by", "from", "to", "basins", "criterion", "recall", "low", "high"])


def read_scores(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Read the scores of several models.

    Raises
    ------
    InputError
        If they were not scored on the same tiles.
    """
    everything = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    prints = [{name: content["fingerprint"] for name, content in scores["sets"].items()} for scores in everything]
    for path, found in zip(paths, prints, strict=True):
        if found != prints[0]:
            raise InputError(
                f"{path}: scored on other tiles than {paths[0]}, expected the same; delete both and evaluate again."
            )
    return everything


def to_markdown(everything: Sequence[Mapping[str, Any]]) -> str:
    """One table per set: a row per figure, a column per model."""
    return "\n".join(_set_table(name, everything) for name in everything[0]["sets"])


def _set_table(name: str, everything: Sequence[Mapping[str, Any]]) -> str:
    """Table of one set."""
    first = everything[0]["sets"][name]
    rows = ["| figure | " + " | ".join(scores["model"] for scores in everything) + " |"]
    rows.append("|---" * (len(everything) + 1) + "|")
    for figure in SHOWN:
        cells = [_cell(scores["sets"][name]["figures"].get(figure)) for scores in everything]
        rows.append(f"| {figure} | " + " | ".join(cells) + " |")
    return f"## {name}: {first['tiles']} tiles, {first['basins']} basins\n\n" + "\n".join(rows) + "\n"


def _cell(estimate: Mapping[str, float | None] | None) -> str:
    """Value and interval of a figure."""
    if estimate is None or estimate["value"] is None:
        return "–"
    if estimate["low"] is None or estimate["high"] is None:
        return f"{estimate['value']:.3g}"
    return f"{estimate['value']:.3g} ({estimate['low']:.3g}–{estimate['high']:.3g})"

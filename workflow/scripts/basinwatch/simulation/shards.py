"""Shards of simulated tiles: a fixed range of tile numbers, the unit of a re-run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from basinwatch import datasets
from basinwatch.provenance import atomic_path
from basinwatch.simulation.scene import Settings, draw, render


def simulate_shard(settings: Settings, first_id: int, count: int, arrays: Path, coco: Path, parameters: Path) -> None:
    """Simulate tiles `first_id` … `first_id + count - 1` and write them as one shard.

    Parameters
    ----------
    settings
        What to draw from.
    first_id, count
        Tile numbers; a tile depends on its number and the settings only.
    arrays, coco
        The two files of the shard (see :mod:`basinwatch.datasets`).
    parameters
        Drawn parameters, one JSON object per line.
    """
    records = [draw(settings, number) for number in range(first_id, first_id + count)]
    with atomic_path(parameters) as part:
        part.write_text("".join(json.dumps(r, allow_nan=False) + "\n" for r in records), encoding="utf-8")
    datasets.write_shard(arrays, coco, [render(r) for r in records], {"simulation": asdict(settings)})

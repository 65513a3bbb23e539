"""Shards of simulated tiles: a fixed range of tile numbers, the unit of a re-run."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from basinwatch.datasets import tiles as datasets
from basinwatch.datasets.tiles import LabelledTile
from basinwatch.provenance import atomic_path
from basinwatch.simulation.drawing import draw
from basinwatch.simulation.rendering import render
from basinwatch.simulation.settings import Settings
from basinwatch.simulation.sources import Sources

_REPORT_EVERY = 25

log = logging.getLogger(__name__)


class ShardFiles(NamedTuple):
    """The two files of a shard (:mod:`basinwatch.datasets.tiles`), and drawn parameters, one JSON object per line."""

    arrays: Path
    coco: Path
    parameters: Path


def simulate_shard(settings: Settings, numbers: range, files: ShardFiles, split: str = "train") -> None:
    """Simulate tiles and write them as one shard.

    Parameters
    ----------
    settings
        What to draw from.
    numbers
        Tile numbers; a tile depends on its number, the settings and the split only.
    files
        Where to write.
    split
        ``train``, ``validation`` or ``test``: whose real delay maps may be used.
    """
    sources = Sources.open(settings)
    records = [draw(settings, number, sources, split) for number in numbers]
    lines = "".join(json.dumps(r, allow_nan=False) + "\n" for r in records).encode()
    with atomic_path(files.parameters) as part:
        part.write_bytes(lines)
    manifest = {"simulation": asdict(settings), "split": split, "parameters_sha256": hashlib.sha256(lines).hexdigest()}
    tiles = _rendered(records, sources)
    datasets.write_shard(files.arrays, files.coco, tiles, manifest, len(records))


def _rendered(records: Sequence[Mapping[str, Any]], sources: Sources) -> Iterator[LabelledTile]:
    """Render one tile after another, and log how far it is."""
    for done, record in enumerate(records, start=1):
        yield render(record, sources)
        if done % _REPORT_EVERY == 0:
            log.info("simulated %d of %d tiles", done, len(records))

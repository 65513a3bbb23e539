"""Simulate one shard of labelled training tiles.

In: real delay maps and terrain where the recipe names them. Out: phase and coherence of a fixed range of samples
(safetensors), their labels (COCO) and the parameters each sample was drawn with (JSON lines). Same seed and sample
number give the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.provenance import log_to
from basinwatch.simulation import shards
from basinwatch.simulation.recipes import read_settings

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def simulate_shard(settings: Mapping[str, Any], split: str, first: int, count: int, files: shards.ShardFiles) -> None:
    """Simulate samples `first` to `first + count - 1`."""
    shards.simulate_shard(read_settings(settings), range(first, first + count), files, split)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    simulate_shard(
        settings=snakemake.params.settings,
        split=snakemake.wildcards.split,
        first=snakemake.params.first_sample,
        count=snakemake.params.samples,
        files=shards.ShardFiles(
            Path(snakemake.output.arrays), Path(snakemake.output.coco), Path(snakemake.output.parameters)
        ),
    )

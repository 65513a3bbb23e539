"""Simulate one shard of labelled training tiles.

In: nothing but the recipe. Out: phase and coherence of a fixed range of samples (safetensors), their labels (COCO) and
the parameters each sample was drawn with (JSON lines). Same seed and sample number give the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.provenance import log_to
from basinwatch.simulation import shards
from basinwatch.simulation.scene import Settings

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def simulate_shard(
    settings: Mapping[str, Any], first: int, count: int, arrays: Path, coco: Path, parameters: Path
) -> None:
    """Simulate samples `first` to `first + count - 1`."""
    shards.simulate_shard(Settings.from_config(settings), first, count, arrays, coco, parameters)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    simulate_shard(
        settings=snakemake.params.settings,
        first=snakemake.params.first_sample,
        count=snakemake.params.samples,
        arrays=Path(snakemake.output.arrays),
        coco=Path(snakemake.output.coco),
        parameters=Path(snakemake.output.parameters),
    )

"""Simulate the frozen set of tiles that every model is scored on.

In: its recipe. Out: one shard of tiles, their labels and their parameters. No training or validation uses its sample
numbers.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from basinwatch.provenance import log_to
from basinwatch.simulation.recipes import read_settings
from basinwatch.simulation.shards import ShardFiles, simulate_shard

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def simulate_benchmark(recipe: Path, files: ShardFiles) -> None:
    """Simulate the samples that a recipe asks for."""
    wanted = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    numbers = range(wanted["first_sample"], wanted["first_sample"] + wanted["samples"])
    simulate_shard(read_settings(wanted["simulation"]), numbers, files, "test")


if __name__ == "__main__":
    log_to(snakemake.log[0])
    outputs = snakemake.output
    simulate_benchmark(
        recipe=Path(snakemake.input.recipe),
        files=ShardFiles(Path(outputs.arrays), Path(outputs.coco), Path(outputs.parameters)),
    )

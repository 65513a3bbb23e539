"""Train a detector.

In: a preset, training and validation shards. Out: ``weights.safetensors``, ``model.json`` with the training record,
``curves.csv`` and ``curves.png``. A run that was interrupted goes on from its last checkpoint and ends with the same
curve; one that diverges leaves its best weights in the folder ``best``. Runs on the GPU when the job has one, else on
the CPU.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.compute import pick_device
from basinwatch.datasets.tiles import ShardSet
from basinwatch.provenance import log_to
from basinwatch.simulation.recipes import read_settings
from basinwatch.training.recipes import read_recipe, training_settings
from basinwatch.training.tile_sources import MixedSource, ShardSource, SimulatedSource, TileSource
from basinwatch.training.trainer import train

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def shard_set(arrays: Sequence[str], coco: Sequence[str]) -> ShardSet:
    """Read shards."""
    return ShardSet.read([(Path(a), Path(c)) for a, c in zip(arrays, coco, strict=True)])


def tile_source(
    inputs: Mapping[str, Sequence[str]], data: Mapping[str, Any], seed: int, workers: int, device: str
) -> TileSource:
    """Choose simulated tiles, labelled ones, or both."""
    simulated, labelled = ((list(inputs[f"{r}_arrays"]), list(inputs[f"{r}_coco"])) for r in ("simulated", "labelled"))
    if data["source"] == "shards" and (data["labelled_share"] is None or not simulated[0]):
        return ShardSource(shard_set(simulated[0] + labelled[0], simulated[1] + labelled[1]), seed)
    first: TileSource = (
        ShardSource(shard_set(*simulated), seed)
        if data["source"] == "shards"
        else SimulatedSource(
            read_settings(data["simulation"]),
            data["epoch_tiles"],
            workers,
            pick_device(device) if data["source"] == "simulation_torch" else None,
        )
    )
    if data["labelled_share"] is None:
        return first
    return MixedSource(first, ShardSource(shard_set(*labelled), seed), data["labelled_share"])


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs, params = snakemake.input, snakemake.params
    device = "auto" if snakemake.resources.get("gpu", 0) else "cpu"
    recipe = read_recipe(Path(inputs.preset), params.recipe)
    training = tile_source(inputs, params.data, recipe["seed"], params.workers, device)
    train(
        training,
        shard_set(inputs.validation_arrays, inputs.validation_coco),
        training_settings(recipe, snakemake.wildcards.name, training.tiles, tuple(params.data["pixel_size_m"])),
        folder=Path(snakemake.output.weights).parent,
        device=device,
        threads=snakemake.threads,
    )

"""Train a detector.

In: training and validation shards. Out: ``weights.safetensors``, ``model.json`` with the training record,
``curves.csv`` and ``curves.png``. A run that was interrupted goes on from its last checkpoint and ends with the same
curve. Runs on the GPU when the job has one, else on the CPU.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.datasets import ShardSet
from basinwatch.provenance import log_to
from basinwatch.training import TrainingSettings, train

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def shard_set(arrays: Sequence[str], coco: Sequence[str]) -> ShardSet:
    """Read shards."""
    return ShardSet.read([(Path(a), Path(c)) for a, c in zip(arrays, coco, strict=True)])


def training_settings(name: str, config: Mapping[str, Any], tiles: int) -> TrainingSettings:
    """Translate the configuration's section; epochs become steps."""
    recipe = dict(config)
    steps = round(recipe.pop("epochs") * tiles / recipe["batch_size"])
    low, high = recipe.pop("pixel_size_m")
    return TrainingSettings(name=name, steps=max(steps, 1), pixel_size_m=(low, high), **recipe)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs = snakemake.input
    training = shard_set(inputs.train_arrays, inputs.train_coco)
    train(
        training,
        shard_set(inputs.validation_arrays, inputs.validation_coco),
        training_settings(snakemake.wildcards.name, snakemake.params.settings, len(training)),
        folder=Path(snakemake.output.weights).parent,
        device="auto" if snakemake.resources.get("gpu", 0) else "cpu",
        threads=snakemake.threads,
    )

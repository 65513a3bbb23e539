"""Score a model on the frozen benchmark set and on the user's labelled test tiles.

In: a model, shards. Out: all scores with 95 % intervals over tiles (``scores.json``), the same as a table
(``figures.csv``), and the share of basins found by peak, coherence and size (``classes.csv``).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.compute import pick_device, prepare_cpu
from basinwatch.datasets.tiles import Shard, read_shard
from basinwatch.evaluation.tables import EvaluationSettings, class_table, evaluate, figure_table
from basinwatch.models import load_model
from basinwatch.provenance import atomic_path, log_to, write_json

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def read_set(arrays: Sequence[str], coco: Sequence[str]) -> list[Shard]:
    """Read shards."""
    return [read_shard(Path(a), Path(c)) for a, c in zip(arrays, coco, strict=True)]


def evaluate_detector(
    folder: Path, name: str, sets: Mapping[str, Sequence[Shard]], settings: EvaluationSettings, device: str,
    outputs: Mapping[str, Any],
) -> None:  # fmt: skip
    """Score a model, under the name the configuration gives it, and write."""
    found = pick_device(device)
    scores = evaluate(load_model(folder, found), sets, settings, found) | {"model": name}
    for role, table in (("figures", figure_table(scores)), ("classes", class_table(scores))):
        with atomic_path(outputs[role]) as part:
            table.to_csv(part, index=False, lineterminator="\n", float_format="%.6g")
    write_json(outputs["scores"], scores)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs = snakemake.input
    prepare_cpu(snakemake.threads)
    shards = {"benchmark": read_set([inputs.benchmark_arrays], [inputs.benchmark_coco])}
    if inputs.get("labelled_arrays"):
        shards["labelled"] = read_set(inputs.labelled_arrays, inputs.labelled_coco)
    evaluate_detector(
        folder=Path(inputs.weights).parent,
        name=snakemake.wildcards.model,
        sets=shards,
        settings=EvaluationSettings(**snakemake.params.settings),
        device="auto" if snakemake.resources.get("gpu", 0) else "cpu",
        outputs=dict(snakemake.output.items()),
    )

"""Train and score one run of the papers' tables.

In: the preset of the run, and labelled tiles to train on and to try it on, as far as there are any. Out: the figures of
the run by set as JSON.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.datasets.tiles import Shard, read_shard
from basinwatch.experiments.paper_tables import read_run
from basinwatch.experiments.table_runs import SCALES, LabelledShards, train_and_score
from basinwatch.provenance import log_to, write_json

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def read_use(inputs: Mapping[str, Sequence[str]], use: str) -> list[Shard]:
    """Read the labelled shards of one use."""
    files = zip(inputs[f"{use}_arrays"], inputs[f"{use}_coco"], strict=True)
    return [read_shard(Path(arrays), Path(coco)) for arrays, coco in files]


if __name__ == "__main__":
    log_to(snakemake.log[0])
    wanted = snakemake.wildcards
    run = read_run(wanted.run, snakemake.params.run)
    device = "auto" if snakemake.resources.get("gpu", 0) else "cpu"
    preset = Path(snakemake.input.preset)
    labelled = LabelledShards(*(read_use(snakemake.input, use) for use in ("train", "test")))
    scale = SCALES[wanted.scale]
    figures = train_and_score(run, preset, int(wanted.seed), scale, labelled, device, snakemake.threads)
    write_json(snakemake.output.figures, figures)

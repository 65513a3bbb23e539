"""Train and score one run of the papers' tables.

In: the preset of the run. Out: the figures of the run as JSON.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.experiments.paper_tables import read_run
from basinwatch.experiments.table_runs import SCALES, train_and_score
from basinwatch.provenance import log_to, write_json

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    wanted = snakemake.wildcards
    run = read_run(wanted.run, snakemake.params.run)
    device = "auto" if snakemake.resources.get("gpu", 0) else "cpu"
    preset = Path(snakemake.input.preset)
    figures = train_and_score(run, preset, int(wanted.seed), SCALES[wanted.scale], device, snakemake.threads)
    write_json(snakemake.output.figures, figures)

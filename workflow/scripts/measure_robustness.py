"""Score a model on the tiles of the benchmark set under one disturbance.

In: a model, the parameters of the tiles and the recipe they were drawn from. Out: all figures with 95 % intervals over
tiles, for every level of the disturbance.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from basinwatch.compute import pick_device, prepare_cpu
from basinwatch.evaluation.robustness import measure_robustness, read_records
from basinwatch.evaluation.tables import EvaluationSettings
from basinwatch.models import load_model
from basinwatch.provenance import atomic_path, log_to
from basinwatch.simulation.recipes import read_settings
from basinwatch.simulation.sources import Sources

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs, params = snakemake.input, snakemake.params
    prepare_cpu(snakemake.threads)
    device = pick_device("auto" if snakemake.resources.get("gpu", 0) else "cpu")
    recipe = yaml.safe_load(Path(inputs.recipe).read_text(encoding="utf-8"))
    figures = measure_robustness(
        model=load_model(Path(inputs.weights).parent, device),
        records=read_records(Path(inputs.parameters), params.tiles),
        family=snakemake.wildcards.family,
        settings=EvaluationSettings(**params.settings),
        device=device,
        sources=Sources.open(read_settings(recipe["simulation"])),
    )
    with atomic_path(Path(snakemake.output.figures)) as part:
        figures.to_csv(part, index=False, lineterminator="\n", float_format="%.6g")

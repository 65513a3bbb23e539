"""The plan of a stack of pairs without our workflow: as many jobs per pair with as many files, and nothing else.

What it costs to plan is Snakemake's share of planning (``plan_floor`` of ``operate.py``): no input function, setting,
script, environment, log or benchmark file, and of what adds up over the pairs only one job per stack and one at the end.
"""

from itertools import pairwise
from pathlib import Path


include: "../workflow/rules/planning.smk"


SCENES = [day.replace("-", "") for day in Path("scenes.csv").read_text().split()[1:]]
STACKS = sorted(path.name for path in Path("raw").iterdir() if path.is_dir())
ADJACENT = ["_".join(pair) for pair in pairwise(SCENES)]
PAIRS = [
    f"{first}_{second}"
    for place, second in enumerate(SCENES)
    for first in SCENES[max(0, place - 3) : place]
]


wildcard_constraints:
    stack="|".join(STACKS),
    pair=r"\d{8}_\d{8}",


rule all:
    default_target: True
    input:
        rates=expand("results/{stack}/rate.tif", stack=STACKS),
        basins=expand("results/mosaic/{pair}.gpkg", pair=ADJACENT),
        probabilities=expand("results/mosaic/{pair}.tif", pair=ADJACENT),


rule grid:
    input:
        header="raw/grid.dem_par",
    output:
        grid="results/{stack}/grid.json",
        tiles="results/{stack}/tiles.json",
    shell:
        "true"


rule ingest:
    input:
        phase="raw/{stack}/{pair}.diff",
        coherence="raw/{stack}/{pair}.cc",
        header="raw/grid.dem_par",
        grid="results/{stack}/grid.json",
    output:
        phase="results/{stack}/interferograms/{pair}/phase.tif",
        coherence="results/{stack}/interferograms/{pair}/coherence.tif",
        meta="results/{stack}/interferograms/{pair}/meta.json",
    shell:
        "true"


rule unwrap:
    input:
        phase="results/{stack}/interferograms/{pair}/phase.tif",
        coherence="results/{stack}/interferograms/{pair}/coherence.tif",
        meta="results/{stack}/interferograms/{pair}/meta.json",
        unwrapped="raw/{stack}/{pair}.unw",
        header="raw/grid.dem_par",
        grid="results/{stack}/grid.json",
    output:
        unwrapped="results/{stack}/unwrapped/{pair}.tif",
        components="results/{stack}/unwrapped/{pair}.components.tif",
    shell:
        "true"


rule predict:
    input:
        phase="results/{stack}/interferograms/{pair}/phase.tif",
        coherence="results/{stack}/interferograms/{pair}/coherence.tif",
        meta="results/{stack}/interferograms/{pair}/meta.json",
        tiles="results/{stack}/tiles.json",
        weights="resources/models/basinnet/weights.safetensors",
        description="resources/models/basinnet/model.json",
    output:
        probability="results/{stack}/detections/{pair}/probability.tif",
        objects="results/{stack}/detections/{pair}/objects.parquet",
    shell:
        "true"


rule form:
    input:
        description="resources/models/basinnet/model.json",
        probability="results/{stack}/detections/{pair}/probability.tif",
        objects="results/{stack}/detections/{pair}/objects.parquet",
        coherence="results/{stack}/interferograms/{pair}/coherence.tif",
        meta="results/{stack}/interferograms/{pair}/meta.json",
    output:
        instances="results/{stack}/detections/{pair}/instances.parquet",
    shell:
        "true"


rule mosaic_basins:
    input:
        instances=expand(
            "results/{stack}/detections/{{pair}}/instances.parquet", stack=STACKS
        ),
        grids=expand("results/{stack}/grid.json", stack=STACKS),
    output:
        basins="results/mosaic/{pair}.gpkg",
    shell:
        "true"


rule mosaic_probability:
    input:
        probabilities=expand(
            "results/{stack}/detections/{{pair}}/probability.tif", stack=STACKS
        ),
        grids=expand("results/{stack}/grid.json", stack=STACKS),
    output:
        probability="results/mosaic/{pair}.tif",
    shell:
        "true"


rule rate:
    input:
        unwrapped=expand("results/{{stack}}/unwrapped/{pair}.tif", pair=PAIRS),
    output:
        rate="results/{stack}/rate.tif",
    shell:
        "true"

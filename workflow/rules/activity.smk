"""Basins through time: identity, states, cumulative days."""


def area_mosaics(wildcards):
    """Basins of every pair of an area."""
    return [
        f"results/areas/{wildcards.area}/{wildcards.model}/mosaic/{pair}.gpkg"
        for pair in area_pairs(wildcards.area)
    ]


def area_probabilities(wildcards):
    """Probability rasters of every pair in every stack of an area."""
    return [
        f"results/{stack}/detections/{wildcards.model}/{pair}/probability.tif"
        for stack in AREAS[wildcards.area]
        for pair in STACKS[stack].detection_pairs
    ]


def area_grids(wildcards):
    """Grids of the stacks of an area."""
    return [f"results/{stack}/grid.json" for stack in AREAS[wildcards.area]]


rule link_basins:
    input:
        mosaics=area_mosaics,
        probabilities=area_probabilities,
        grids=area_grids,
    output:
        basins="results/areas/{area}/{model}/basins.gpkg",
        timeline="results/areas/{area}/{model}/timeline.csv",
    log:
        "logs/{area}/link_basins/{model}.log",
    benchmark:
        "logs/benchmarks/{area}/link_basins/{model}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code_version("activity", "linking", "rasters", "stacks"),
        settings=config["activity"],
    message:
        "Link the detections of area {wildcards.area} into basins"
    script:
        "../scripts/link_basins.py"


def stack_detections(wildcards, name):
    """One detection product of every pair of a stack."""
    return [
        f"results/{wildcards.stack}/detections/{wildcards.model}/{pair}/{name}"
        for pair in STACKS[wildcards.stack].detection_pairs
    ]


def stack_probabilities(wildcards):
    """Probability rasters of a stack."""
    return stack_detections(wildcards, "probability.tif")


def stack_instances(wildcards):
    """Instances of a stack."""
    return stack_detections(wildcards, "instances.parquet")


rule accumulate_activity:
    input:
        instances=stack_instances,
        probabilities=stack_probabilities,
        grid="results/{stack}/grid.json",
    output:
        activity="results/{stack}/activity/{model}/activity.tif",
    log:
        "logs/{stack}/accumulate_activity/{model}.log",
    benchmark:
        "logs/benchmarks/{stack}/accumulate_activity/{model}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_version("activity", "rasters", "stacks"),
    message:
        "Add up the days with activity in stack {wildcards.stack}"
    script:
        "../scripts/accumulate_activity.py"

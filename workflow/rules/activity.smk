"""Basins through time: identity, states, cumulative days."""


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


rule accumulate_activity:
    input:
        instances=stack_instances,
        probabilities=stack_probabilities,
        grid="results/{stack}/grid.json",
    output:
        activity="results/{stack}/activity/{model}/activity.tif",
        state=update("results/{stack}/activity/{model}/state.npz"),
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
        code=code_version("activity.update", "rasters", "stacks", "vectors"),
    message:
        "Add up the days with activity in stack {wildcards.stack}"
    script:
        "../scripts/accumulate_activity.py"


rule record_changes:
    input:
        basins="results/areas/{area}/{model}/basins.gpkg",
        stacks=described_stacks,
    output:
        changes="results/areas/{area}/{model}/changes.csv",
        runs=update("results/areas/{area}/{model}/runs.gpkg"),
    log:
        "logs/{area}/record_changes/{model}.log",
    benchmark:
        "logs/benchmarks/{area}/record_changes/{model}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_version("activity.changes", "refusals", "vectors"),
        pairs=searched_pairs,
    message:
        "Tell what changed in area {wildcards.area} since the last run"
    script:
        "../scripts/record_changes.py"

"""One set of basins per area and pair of dates, and the maps of all stacks of an area in one."""


rule mosaic_basins:
    input:
        instances=instances_of_pair,
        grids=area_grids,
    output:
        basins="results/areas/{area}/{model}/mosaic/{pair}.gpkg",
    log:
        "logs/{area}/mosaic_basins/{model}/{pair}.log",
    benchmark:
        "logs/benchmarks/{area}/mosaic_basins/{model}/{pair}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_version("mosaics.basins", "mosaics.area_grids", "vectors"),
    message:
        "Merge the basins of pair {wildcards.pair} in area {wildcards.area}"
    script:
        "../scripts/mosaic_basins.py"


rule mosaic_probability:
    input:
        probabilities=probabilities_of_pair,
        grids=area_grids,
    output:
        probability="results/areas/{area}/{model}/mosaic/{pair}.tif",
    log:
        "logs/{area}/mosaic_probability/{model}/{pair}.log",
    benchmark:
        "logs/benchmarks/{area}/mosaic_probability/{model}/{pair}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        code=code_version("mosaics.rasters", "mosaics.area_grids"),
    message:
        "Lay the probabilities of pair {wildcards.pair} over area {wildcards.area}"
    script:
        "../scripts/mosaic_probability.py"


rule mosaic_activity:
    input:
        activity=area_activity,
        grids=area_grids,
    output:
        activity="results/areas/{area}/{model}/activity.tif",
    log:
        "logs/{area}/mosaic_activity/{model}.log",
    benchmark:
        "logs/benchmarks/{area}/mosaic_activity/{model}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code_version("mosaics.rasters", "mosaics.area_grids"),
    message:
        "Lay the activity of all stacks over area {wildcards.area}"
    script:
        "../scripts/mosaic_activity.py"

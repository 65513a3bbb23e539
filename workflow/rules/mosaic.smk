"""One set of basins per area and pair of dates."""


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
        code=code_version("mosaics", "grid", "vectors"),
    message:
        "Merge the basins of pair {wildcards.pair} in area {wildcards.area}"
    script:
        "../scripts/mosaic_basins.py"

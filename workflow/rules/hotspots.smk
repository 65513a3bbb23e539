"""Getis-Ord Gi* clusters of the rate map, and how they develop."""


rule map_hotspots:
    input:
        rate="results/{stack}/sbas/rate.tif",
        quality="results/{stack}/sbas/quality.tif",
        basins=basins_under_rate,
        grid="results/{stack}/grid.json",
    output:
        statistic="results/{stack}/hotspots/gi_star.tif",
        clusters="results/{stack}/hotspots/clusters.gpkg",
    log:
        "logs/{stack}/map_hotspots.log",
    benchmark:
        "logs/benchmarks/{stack}/map_hotspots.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_version("hotspots", "rasters", "vectors"),
        settings=hotspot_settings(),
        stable_mm_yr=config["sbas"]["rate_threshold_mm_yr"],
    message:
        "Map Gi* hot spots of stack {wildcards.stack}"
    script:
        "../scripts/map_hotspots.py"


rule map_emerging:
    input:
        displacement="results/{stack}/sbas/displacement.tif",
        rate="results/{stack}/sbas/rate.tif",
        quality="results/{stack}/sbas/quality.tif",
        basins=basins_under_rate,
        grid="results/{stack}/grid.json",
    output:
        patterns="results/{stack}/hotspots/emerging.tif",
        areas="results/{stack}/hotspots/emerging.gpkg",
    log:
        "logs/{stack}/map_emerging.log",
    benchmark:
        "logs/benchmarks/{stack}/map_emerging.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=code_version("hotspots", "rasters", "vectors"),
        settings=config["hotspots"],
        stable_mm_yr=config["sbas"]["rate_threshold_mm_yr"],
    message:
        "Map how the hot spots of stack {wildcards.stack} develop"
    script:
        "../scripts/map_emerging.py"

"""Detected basins against the rate map and its clusters."""


rule compare_basins:
    input:
        basins=basins_of_stack,
        timeline=timeline_of_stack,
        activity="results/{stack}/activity/{model}/activity.tif",
        phase=detection_phases,
        stack="results/{stack}/stack.json",
        clusters="results/{stack}/hotspots/clusters.gpkg",
        statistic="results/{stack}/hotspots/gi_star.tif",
        rate="results/{stack}/sbas/rate.tif",
        quality="results/{stack}/sbas/quality.tif",
        grid="results/{stack}/grid.json",
    output:
        objects="results/{stack}/comparison/{model}/objects.gpkg",
        blind="results/{stack}/comparison/{model}/blind.gpkg",
        summary="results/{stack}/comparison/{model}/summary.json",
    log:
        "logs/{stack}/compare_basins/{model}.log",
    benchmark:
        "logs/benchmarks/{stack}/compare_basins/{model}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        code=code_version("comparison", "refusals", "rasters", "stacks"),
        detection_pairs=detection_pairs,
        network_pairs=network_pairs,
        settings=config["comparison"],
        min_temporal_coherence=config["sbas"]["min_temporal_coherence"],
        min_connected_share=config["sbas"]["min_connected_share"],
        stable_mm_yr=config["sbas"]["rate_threshold_mm_yr"],
    message:
        "Compare the basins of stack {wildcards.stack} with its rate map"
    script:
        "../scripts/compare_basins.py"

"""Tracks of both directions of flight put together: motion east, up and down the slope."""


rule fuse_tracks:
    input:
        unpack(fusion_files),
    output:
        motion="results/areas/{area}/fusion/motion.tif",
        displacement_east="results/areas/{area}/fusion/displacement_east.tif",
        displacement_up="results/areas/{area}/fusion/displacement_up.tif",
        summary="results/areas/{area}/fusion/fusion.json",
    log:
        "logs/{area}/fuse_tracks.log",
    benchmark:
        "logs/benchmarks/{area}/fuse_tracks.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=90,
    params:
        code=code_version(
            "fusion.areas",
            "fusion.passes",
            "fusion.series",
            "fusion.slope",
            "fusion.time",
            "sbas.corrections.reference",
            "sbas.series_file",
            "vectors",
        ),
        stacks=rated_stacks,
        incidence=incidence_of_tracks,
        heading_deg=heading_of_tracks,
        settings=config["fusion"],
        stable_mm_yr=config["sbas"]["rate_threshold_mm_yr"],
    message:
        "Fuse the rate maps of area {wildcards.area}"
    script:
        "../scripts/fuse_tracks.py"


rule project_downslope:
    input:
        motion="results/areas/{area}/fusion/motion.tif",
        summary="results/areas/{area}/fusion/fusion.json",
        heights=heights_of_area,
        grid=first_rated_grid,
    output:
        slope="results/areas/{area}/fusion/slope.tif",
        summary="results/areas/{area}/fusion/slope.json",
    log:
        "logs/{area}/project_downslope.log",
    benchmark:
        "logs/benchmarks/{area}/project_downslope.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        code=code_version("fusion.areas", "fusion.decomposition", "fusion.slope"),
    message:
        "Project the motion of area {wildcards.area} onto its slopes"
    script:
        "../scripts/project_downslope.py"

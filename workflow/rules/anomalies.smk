"""Ground that moves down its slope: rates as pictures, samples to learn from, anomalies, hazards."""


rule project_single_track:
    input:
        unpack(track_files),
    output:
        slope="results/areas/{area}/anomalies/slope.tif",
    log:
        "logs/{area}/project_single_track.log",
    benchmark:
        "logs/benchmarks/{area}/project_single_track.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        code=code_version("fusion.areas", "fusion.passes", "fusion.slope", "rasters"),
        track=track_settings,
    message:
        "Project the rate of one track of area {wildcards.area} onto its slopes"
    script:
        "../scripts/project_single_track.py"


rule scale_rates:
    input:
        slope=slope_rates,
        grid=first_rated_grid,
    output:
        picture="results/areas/{area}/anomalies/picture.tif",
    log:
        "logs/{area}/scale_rates.log",
    benchmark:
        "logs/benchmarks/{area}/scale_rates.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code_version("anomalies.pictures", "rasters"),
    message:
        "Make a picture of the slope rates of area {wildcards.area}"
    script:
        "../scripts/scale_rates.py"


rule extract_samples:
    input:
        slope=slope_rates,
        grid=first_rated_grid,
    output:
        samples="results/areas/{area}/anomalies/samples.gpkg",
    log:
        "logs/{area}/extract_samples.log",
    benchmark:
        "logs/benchmarks/{area}/extract_samples.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_version("anomalies.samples", "rasters", "vectors"),
        settings=sample_settings(),
    message:
        "Extract samples of anomalies in area {wildcards.area}"
    script:
        "../scripts/extract_samples.py"


rule cut_samples:
    input:
        picture="results/areas/{area}/anomalies/picture.tif",
        samples="results/areas/{area}/anomalies/samples.gpkg",
    output:
        arrays="results/areas/{area}/anomalies/tiles.safetensors",
        coco="results/areas/{area}/anomalies/tiles.json",
    log:
        "logs/{area}/cut_samples.log",
    benchmark:
        "logs/benchmarks/{area}/cut_samples.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        code=code_version("anomalies.tiles"),
        tiling=anomaly_tiling,
    message:
        "Cut training tiles around the samples of area {wildcards.area}"
    script:
        "../scripts/cut_samples.py"


rule search_anomalies:
    input:
        unpack(anomaly_model),
        picture="results/areas/{area}/anomalies/picture.tif",
    output:
        probability="results/areas/{area}/anomalies/probability.tif",
        objects="results/areas/{area}/anomalies/objects.parquet",
    log:
        "logs/{area}/search_anomalies.log",
    benchmark:
        "logs/benchmarks/{area}/search_anomalies.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["anomalies"]["threads"]
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=config["anomalies"]["gpus"],
    params:
        code=code_version("anomalies.search"),
        tiling=anomaly_tiling,
    message:
        "Find anomalies in area {wildcards.area}"
    script:
        "../scripts/search_anomalies.py"


rule outline_anomalies:
    input:
        unpack(anomaly_files),
    output:
        anomalies="results/areas/{area}/anomalies/anomalies.gpkg",
    log:
        "logs/{area}/outline_anomalies.log",
    benchmark:
        "logs/benchmarks/{area}/outline_anomalies.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        code=code_version(
            "anomalies.outlines", "inference.forming", "layer_styles", "vectors"
        ),
        thresholds=anomaly_thresholds(),
    message:
        "Outline the anomalies of area {wildcards.area}"
    script:
        "../scripts/outline_anomalies.py"


rule rank_hazards:
    input:
        unpack(hazard_files),
    output:
        layers="results/areas/{area}/anomalies/hazards.gpkg",
        table="results/areas/{area}/anomalies/hazards.csv",
        summary="results/areas/{area}/anomalies/hazards.json",
    log:
        "logs/{area}/rank_hazards.log",
    benchmark:
        "logs/benchmarks/{area}/rank_hazards.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code_version("hazards", "given_vectors", "layer_styles", "vectors"),
        lines=list(config["hazards"]["lines"]),
        distance_m=config["hazards"]["distance_m"],
    message:
        "Rank the potential hazards of area {wildcards.area}"
    script:
        "../scripts/rank_hazards.py"

"""Finding basins in one interferogram, one job per pair."""


rule detect_basins:
    input:
        unpack(model_files),
        phase="results/{stack}/interferograms/{pair}/phase.tif",
        coherence="results/{stack}/interferograms/{pair}/coherence.tif",
        meta="results/{stack}/interferograms/{pair}/meta.json",
        tiles=f"results/{{stack}}/tiles/{config['detection']['tiling']}.json",
    output:
        instances="results/{stack}/detections/{model}/{pair}/instances.parquet",
        probability="results/{stack}/detections/{model}/{pair}/probability.tif",
    log:
        "logs/{stack}/detect_basins/{model}/{pair}.log",
    benchmark:
        "logs/benchmarks/{stack}/detect_basins/{model}/{pair}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["detection"]["threads"]
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=config["detection"]["gpus"],
    params:
        code=code_version("inference", "models", "interferogram"),
        settings=detection_settings(),
    message:
        "Find basins in pair {wildcards.pair} of stack {wildcards.stack}"
    script:
        "../scripts/detect_basins.py"

"""Finding basins in one interferogram: the network's work, then what basins that makes; one job each per pair."""


rule predict_probability:
    input:
        unpack(model_files),
        phase="results/{stack}/interferograms/{pair}/phase.tif",
        coherence="results/{stack}/interferograms/{pair}/coherence.tif",
        meta="results/{stack}/interferograms/{pair}/meta.json",
        tiles=f"results/{{stack}}/tiles/{config['detection']['tiling']}.json",
    output:
        probability="results/{stack}/detections/{model}/{pair}/probability.tif",
        objects="results/{stack}/detections/{model}/{pair}/objects.parquet",
    log:
        "logs/{stack}/predict_probability/{model}/{pair}.log",
    benchmark:
        "logs/benchmarks/{stack}/predict_probability/{model}/{pair}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["detection"]["threads"]
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=config["detection"]["gpus"],
    params:
        code=code_version(
            "inference.search", "inference.windows", "models", "interferogram"
        ),
        settings=search_settings(),
    message:
        "Find basins in pair {wildcards.pair} of stack {wildcards.stack}"
    script:
        "../scripts/predict_probability.py"


rule form_basins:
    input:
        description=model_description,
        probability="results/{stack}/detections/{model}/{pair}/probability.tif",
        objects="results/{stack}/detections/{model}/{pair}/objects.parquet",
        coherence="results/{stack}/interferograms/{pair}/coherence.tif",
        meta="results/{stack}/interferograms/{pair}/meta.json",
    output:
        instances="results/{stack}/detections/{model}/{pair}/instances.parquet",
    log:
        "logs/{stack}/form_basins/{model}/{pair}.log",
    benchmark:
        "logs/benchmarks/{stack}/form_basins/{model}/{pair}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code_version("inference.forming", "interferogram", "vectors"),
        settings=forming_settings(),
        merging=config["detection"]["merging"],
    message:
        "Outline the basins of pair {wildcards.pair} of stack {wildcards.stack}"
    script:
        "../scripts/form_basins.py"

"""Experiment: the least subsidence a model finds."""


rule measure_detection_floor:
    input:
        unpack(model_files),
    output:
        rows="results/experiments/{model}/detection_floor/blocks/{block}.csv",
    log:
        "logs/experiments/measure_detection_floor/{model}/{block}.log",
    benchmark:
        "logs/benchmarks/experiments/measure_detection_floor/{model}/{block}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["experiments"]["threads"]
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=config["experiments"]["gpus"],
    params:
        code=code_version(
            "experiments",
            "experiments.floor",
            "experiments.search",
            "experiments.tables",
        ),
        scale=config["experiments"]["scale"],
        settings=experiment_settings(),
        thresholds=forming_settings(),
    message:
        "Measure the detection floor of model {wildcards.model}, block {wildcards.block}"
    script:
        "../scripts/measure_detection_floor.py"


rule summarize_detection_floor:
    input:
        unpack(model_files),
        blocks=detection_floor_blocks,
    output:
        cells="results/experiments/{model}/detection_floor/cells.csv",
        summary="results/experiments/{model}/detection_floor/summary.json",
        picture="results/experiments/{model}/detection_floor/floor.png",
    log:
        "logs/experiments/summarize_detection_floor/{model}.log",
    benchmark:
        "logs/benchmarks/experiments/summarize_detection_floor/{model}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code_version(
            "experiments",
            "experiments.floor_summary",
            "experiments.figures",
            "experiments.tables",
        ),
        settings=experiment_settings(),
    message:
        "Summarize the detection floor of model {wildcards.model}"
    script:
        "../scripts/summarize_detection_floor.py"

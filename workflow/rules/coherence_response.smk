"""Experiment: how detections follow coherence through the seasons."""


rule measure_coherence_response:
    input:
        unpack(model_files),
    output:
        rows="results/experiments/{model}/coherence_response/blocks/{block}.csv",
    log:
        "logs/experiments/measure_coherence_response/{model}/{block}.log",
    benchmark:
        "logs/benchmarks/experiments/measure_coherence_response/{model}/{block}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["experiments"]["threads"]
    resources:
        mem_mb=3000,
        runtime=30,
        gpu=config["experiments"]["gpus"],
    params:
        code=code_version(
            "experiments",
            "experiments.response",
            "experiments.search",
            "experiments.tables",
        ),
        scale=config["experiments"]["scale"],
        settings=experiment_settings(),
        thresholds=forming_settings(),
    message:
        "Measure the coherence response of model {wildcards.model}, block {wildcards.block}"
    script:
        "../scripts/measure_coherence_response.py"


rule summarize_coherence_response:
    input:
        unpack(model_files),
        blocks=coherence_response_blocks,
    output:
        pairs="results/experiments/{model}/coherence_response/pairs.csv",
        summary="results/experiments/{model}/coherence_response/summary.json",
        picture="results/experiments/{model}/coherence_response/response.png",
    log:
        "logs/experiments/summarize_coherence_response/{model}.log",
    benchmark:
        "logs/benchmarks/experiments/summarize_coherence_response/{model}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code_version(
            "experiments",
            "experiments.response_summary",
            "experiments.figures",
            "experiments.tables",
        ),
        settings=experiment_settings(),
    message:
        "Summarize the coherence response of model {wildcards.model}"
    script:
        "../scripts/summarize_coherence_response.py"

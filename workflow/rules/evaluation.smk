"""Models scored side by side on one frozen benchmark set, and on labelled test tiles."""


rule simulate_benchmark:
    input:
        recipe=config["evaluation"]["benchmark"],
    output:
        arrays="results/benchmark/tiles.safetensors",
        coco="results/benchmark/tiles.json",
        parameters="results/benchmark/tiles.jsonl",
    log:
        "logs/simulate_benchmark.log",
    benchmark:
        "logs/benchmarks/simulate_benchmark.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code_version("simulation.shards", "simulation.recipes"),
    message:
        "Simulate the benchmark set"
    script:
        "../scripts/simulate_benchmark.py"


rule evaluate_detector:
    input:
        unpack(model_files),
        benchmark_arrays="results/benchmark/tiles.safetensors",
        benchmark_coco="results/benchmark/tiles.json",
        labelled_arrays=[f"{stem}.safetensors" for stem in labelled_shards("test")],
        labelled_coco=[f"{stem}.json" for stem in labelled_shards("test")],
    output:
        scores="results/evaluation/{model}/scores.json",
        figures="results/evaluation/{model}/figures.csv",
        classes="results/evaluation/{model}/classes.csv",
    log:
        "logs/evaluation/evaluate_detector/{model}.log",
    benchmark:
        "logs/benchmarks/evaluation/evaluate_detector/{model}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=config["evaluation"]["gpus"],
    params:
        code=code_version("evaluation.tables", "models", "compute", "datasets.tiles"),
        settings=evaluation_settings(),
    message:
        "Score model {wildcards.model}"
    script:
        "../scripts/evaluate_detector.py"


rule tabulate_evaluation:
    input:
        scores=evaluated_models(),
    output:
        table="results/evaluation/table.csv",
        readable="results/evaluation/table.md",
    log:
        "logs/evaluation/tabulate_evaluation.log",
    benchmark:
        "logs/benchmarks/evaluation/tabulate_evaluation.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("evaluation.tables"),
    message:
        "Put the scores of all models side by side"
    script:
        "../scripts/tabulate_evaluation.py"


rule measure_robustness:
    input:
        unpack(model_files),
        parameters="results/benchmark/tiles.jsonl",
        recipe=config["evaluation"]["benchmark"],
    output:
        figures="results/evaluation/{model}/robustness/figures/{family}.csv",
    log:
        "logs/evaluation/measure_robustness/{model}/{family}.log",
    benchmark:
        "logs/benchmarks/evaluation/measure_robustness/{model}/{family}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=config["evaluation"]["gpus"],
    params:
        code=code_version(
            "evaluation.robustness",
            "evaluation.tables",
            "models",
            "compute",
            "simulation.recipes",
            "simulation.sources",
        ),
        tiles=config["evaluation"]["robustness_tiles"],
        settings=evaluation_settings(),
    message:
        "Score model {wildcards.model} under disturbance {wildcards.family}"
    script:
        "../scripts/measure_robustness.py"


rule summarize_robustness:
    input:
        figures=disturbed_figures,
    output:
        table="results/evaluation/{model}/robustness/table.csv",
        readable="results/evaluation/{model}/robustness/table.md",
        picture="results/evaluation/{model}/robustness/robustness.png",
    log:
        "logs/evaluation/summarize_robustness/{model}.log",
    benchmark:
        "logs/benchmarks/evaluation/summarize_robustness/{model}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("evaluation.robustness"),
    message:
        "Put the figures of model {wildcards.model} under all disturbances together"
    script:
        "../scripts/summarize_robustness.py"

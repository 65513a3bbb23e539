"""The papers' tables, made again with this project's detectors on simulated and labelled tiles."""


rule measure_table_run:
    input:
        preset=table_preset,
        train_arrays=[f"{stem}.safetensors" for stem in drawn_shards("train")],
        train_coco=[f"{stem}.json" for stem in drawn_shards("train")],
        test_arrays=[f"{stem}.safetensors" for stem in drawn_shards("test")],
        test_coco=[f"{stem}.json" for stem in drawn_shards("test")],
    output:
        figures="results/tables/{scale}/{run}/{seed}.json",
    log:
        "logs/tables/measure_table_run/{scale}/{run}/{seed}.log",
    benchmark:
        "logs/benchmarks/tables/measure_table_run/{scale}/{run}/{seed}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=8000,
        runtime=30 if config["tables"]["scale"] == "smoke" else 2880,
        gpu=config["training"]["gpus"],
    params:
        code=code_version(
            "experiments.paper_tables", "experiments.table_runs", "datasets.tiles"
        ),
        run=table_run,
    message:
        "Train and score {wildcards.run} with seed {wildcards.seed} for the papers' tables"
    script:
        "../scripts/measure_table_run.py"


rule write_tables:
    input:
        tables="resources/paper_tables.yaml",
        figures=table_figures(),
    output:
        readable="results/tables/tables.md",
        table="results/tables/tables.csv",
    log:
        "logs/tables/write_tables.log",
    benchmark:
        "logs/benchmarks/tables/write_tables.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("experiments.paper_tables"),
        scale=config["tables"]["scale"],
    message:
        "Put the papers' tables beside the project's own figures"
    script:
        "../scripts/write_tables.py"

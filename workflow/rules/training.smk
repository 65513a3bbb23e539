"""Training a detector on simulated and labelled tiles."""


rule train_detector:
    input:
        unpack(training_files),
        preset=training_preset,
    output:
        weights="results/models/{name}/weights.safetensors",
        description="results/models/{name}/model.json",
        curves="results/models/{name}/curves.csv",
        picture="results/models/{name}/curves.png",
    log:
        "logs/train_detector/{name}.log",
    benchmark:
        "logs/benchmarks/train_detector/{name}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=8000,
        runtime=720,
        gpu=config["training"]["gpus"],
    params:
        code=code_version(
            "training.trainer",
            "training.recipes",
            "training.tile_sources",
            "datasets.tiles",
            "compute",
            "simulation.recipes",
        ),
        recipe=training_recipe,
        data=training_data(),
        workers=config["training"]["workers"],
    message:
        "Train detector {wildcards.name}"
    script:
        "../scripts/train_detector.py"

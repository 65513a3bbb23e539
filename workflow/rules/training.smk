"""Training a detector on simulated and labelled tiles."""


rule train_detector:
    input:
        train_arrays=[f"{stem}.safetensors" for stem in training_shards()],
        train_coco=[f"{stem}.json" for stem in training_shards()],
        validation_arrays=[f"{stem}.safetensors" for stem in shards("validation")],
        validation_coco=[f"{stem}.json" for stem in shards("validation")],
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
        code=code_version("training", "datasets"),
        settings=training_settings(),
    message:
        "Train detector {wildcards.name}"
    script:
        "../scripts/train_detector.py"

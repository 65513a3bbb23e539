"""Training a detector on simulated and labelled tiles."""


def shards(split):
    """Files of all simulated shards of a split, by kind."""
    settings = config["simulation"]
    numbers = [f"{number:04d}" for number in range(settings[f"{split}_shards"])]
    return [
        f"results/simulation/{settings['name']}/{split}/{number}" for number in numbers
    ]


def training_shards():
    """Simulated training shards, then the tiles cut from labelled interferograms."""
    cut = [
        f"results/{entry['stack']}/training_tiles/{entry['pair']}"
        for entry in config["labelled"]
    ]
    return shards("train") + cut


def training_settings():
    """What defines the trained model (not where it runs)."""
    recipe = {
        key: value
        for key, value in config["training"].items()
        if key not in ("name", "gpus", "threads")
    }
    return recipe | {"pixel_size_m": config["simulation"]["pixel_size_m"]}


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

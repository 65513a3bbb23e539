"""Tile grids, and training tiles cut from labelled interferograms."""


rule grid_tiles:
    input:
        grid="results/{stack}/grid.json",
    output:
        tiles="results/{stack}/tiles/{tiling}.json",
    log:
        "logs/{stack}/grid_tiles/{tiling}.log",
    benchmark:
        "logs/benchmarks/{stack}/grid_tiles/{tiling}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_version("tiling", "grid"),
        tiling=tiling_settings,
    message:
        "Lay out the {wildcards.tiling} tiles of stack {wildcards.stack}"
    script:
        "../scripts/grid_tiles.py"


rule cut_training_tiles:
    input:
        phase="results/{stack}/interferograms/{pair}/phase.tif",
        coherence="results/{stack}/interferograms/{pair}/coherence.tif",
        meta="results/{stack}/interferograms/{pair}/meta.json",
        tiles=f"results/{{stack}}/tiles/{config['training_tiling']}.json",
        polygons=polygons_of_pair,
    output:
        arrays="results/{stack}/training_tiles/{pair}.safetensors",
        coco="results/{stack}/training_tiles/{pair}.json",
    log:
        "logs/{stack}/cut_training_tiles/{pair}.log",
    benchmark:
        "logs/benchmarks/{stack}/cut_training_tiles/{pair}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        code=code_version("datasets.cutting", "interferogram", "refusals"),
    message:
        "Cut training tiles from pair {wildcards.pair} of stack {wildcards.stack}"
    script:
        "../scripts/cut_training_tiles.py"


rule import_tiles:
    input:
        unpack(collection_files),
    output:
        arrays="results/labelled/{collection}.safetensors",
        coco="results/labelled/{collection}.json",
    log:
        "logs/import_tiles/{collection}.log",
    benchmark:
        "logs/benchmarks/import_tiles/{collection}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        code=code_version("datasets.importing"),
        entry=collection_entry,
        size_px=config["simulation"]["tile_size_px"],
    message:
        "Make training tiles of the labelled pictures {wildcards.collection}"
    script:
        "../scripts/import_tiles.py"

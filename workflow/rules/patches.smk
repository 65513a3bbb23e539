"""Mine patches: a detector's answer mended by object-based analysis, and which patches are active."""


rule simulate_orthophoto:
    output:
        image="results/simulated/orthophotos/{orthophoto}/image.tif",
        reference="results/simulated/orthophotos/{orthophoto}/reference.gpkg",
        land_cover="results/simulated/orthophotos/{orthophoto}/land_cover.tif",
    log:
        "logs/{orthophoto}/simulate_orthophoto.log",
    benchmark:
        "logs/benchmarks/{orthophoto}/simulate_orthophoto.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=15,
    params:
        code=code_version("simulation.orthophoto", "simulation.products.orthophoto"),
        settings=simulated_orthophoto,
    message:
        "Draw simulated orthophoto {wildcards.orthophoto}"
    script:
        "../scripts/simulate_orthophoto.py"


rule prepare_picture:
    input:
        image=patch_image,
    output:
        picture="results/areas/{area}/patches/picture.tif",
        summary="results/areas/{area}/patches/picture.json",
    log:
        "logs/{area}/prepare_picture.log",
    benchmark:
        "logs/benchmarks/{area}/prepare_picture.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_version("obia.pictures"),
        settings=picture_settings(),
    message:
        "Prepare the picture of area {wildcards.area}"
    script:
        "../scripts/prepare_picture.py"


rule cut_patch_tiles:
    input:
        picture="results/areas/{area}/patches/picture.tif",
        reference=patch_reference,
    output:
        train_arrays="results/areas/{area}/patches/tiles/train.safetensors",
        train_coco="results/areas/{area}/patches/tiles/train.json",
        validation_arrays="results/areas/{area}/patches/tiles/validation.safetensors",
        validation_coco="results/areas/{area}/patches/tiles/validation.json",
    log:
        "logs/{area}/cut_patch_tiles.log",
    benchmark:
        "logs/benchmarks/{area}/cut_patch_tiles.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_version("obia.references", "obia.tiles", "datasets.tiles", "rasters"),
        tiling=patch_tiling,
        layer=reference_layer,
        seed=config["patches"]["seed"],
    message:
        "Cut training tiles around the reference patches of area {wildcards.area}"
    script:
        "../scripts/cut_patch_tiles.py"


rule extract_patches:
    input:
        unpack(patch_model),
        picture="results/areas/{area}/patches/picture.tif",
    output:
        probability="results/areas/{area}/patches/probability.tif",
        objects="results/areas/{area}/patches/objects.parquet",
    log:
        "logs/{area}/extract_patches.log",
    benchmark:
        "logs/benchmarks/{area}/extract_patches.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["patches"]["threads"]
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=config["patches"]["gpus"],
    params:
        code=code_version("obia.search"),
        overlap=patch_overlap,
    message:
        "Look for mine patches in area {wildcards.area}"
    script:
        "../scripts/extract_patches.py"


rule choose_segmentation:
    input:
        picture="results/areas/{area}/patches/picture.tif",
        reference=patch_reference,
    output:
        choice="results/areas/{area}/patches/segmentation.json",
    log:
        "logs/{area}/choose_segmentation.log",
    benchmark:
        "logs/benchmarks/{area}/choose_segmentation.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: config["patches"]["threads"]
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        code=code_version(
            "obia.choice",
            "obia.extraction",
            "obia.pictures",
            "obia.references",
            "obia.segmentation",
            "rasters",
        ),
        layer=reference_layer,
        seed=config["patches"]["seed"],
        settings=config["patches"]["segmentation"],
    message:
        "Choose how the picture of area {wildcards.area} is segmented"
    script:
        "../scripts/choose_segmentation.py"


rule segment_picture:
    input:
        description=patch_description,
        picture="results/areas/{area}/patches/picture.tif",
        probability="results/areas/{area}/patches/probability.tif",
        choice="results/areas/{area}/patches/segmentation.json",
        reference=patch_reference,
    output:
        segments="results/areas/{area}/patches/segments.tif",
    log:
        "logs/{area}/segment_picture.log",
    benchmark:
        "logs/benchmarks/{area}/segment_picture.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: config["patches"]["threads"]
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        code=code_version(
            "obia.extraction",
            "obia.pictures",
            "obia.references",
            "obia.segmentation",
            "rasters",
        ),
        layer=reference_layer,
        seed=config["patches"]["seed"],
        threshold=config["patches"]["threshold"],
    message:
        "Segment the picture of area {wildcards.area}"
    script:
        "../scripts/segment_picture.py"


rule form_patches:
    input:
        description=patch_description,
        segments="results/areas/{area}/patches/segments.tif",
        probability="results/areas/{area}/patches/probability.tif",
        reference=patch_reference,
        land_cover=patch_land_cover,
        excluded=patch_excluded,
    output:
        outlines="results/areas/{area}/patches/outlines.parquet",
        control="results/areas/{area}/patches/control.json",
    log:
        "logs/{area}/form_patches.log",
    benchmark:
        "logs/benchmarks/{area}/form_patches.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_version(
            "obia.area_control",
            "obia.extraction",
            "obia.other_ground",
            "obia.patches",
            "obia.references",
            "rasters",
            "vectors",
        ),
        layer=reference_layer,
        seed=config["patches"]["seed"],
        threshold=config["patches"]["threshold"],
        settings=patch_settings(),
    message:
        "Form the mine patches of area {wildcards.area}"
    script:
        "../scripts/form_patches.py"


rule rate_patches:
    input:
        unpack(rates_around),
        outlines="results/areas/{area}/patches/outlines.parquet",
    output:
        patches="results/areas/{area}/patches/patches.gpkg",
    log:
        "logs/{area}/rate_patches.log",
    benchmark:
        "logs/benchmarks/{area}/rate_patches.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_version("obia.activity", "layer_styles", "grid", "rasters", "vectors"),
        settings=config["patches"]["activity"],
    message:
        "Tell which mine patches of area {wildcards.area} are active"
    script:
        "../scripts/rate_patches.py"


rule assess_patches:
    input:
        description=patch_description,
        outlines="results/areas/{area}/patches/outlines.parquet",
        probability="results/areas/{area}/patches/probability.tif",
        reference=patch_reference,
    output:
        accuracy="results/areas/{area}/patches/accuracy.json",
    log:
        "logs/{area}/assess_patches.log",
    benchmark:
        "logs/benchmarks/{area}/assess_patches.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_version(
            "obia.accuracy", "obia.extraction", "obia.references", "rasters", "vectors"
        ),
        layer=reference_layer,
        seed=config["patches"]["seed"],
        threshold=config["patches"]["threshold"],
        settings=config["patches"]["accuracy"],
    message:
        "Hold the mine patches of area {wildcards.area} against reference patches"
    script:
        "../scripts/assess_patches.py"

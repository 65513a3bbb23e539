"""Moving ground and mine patches against licences to dig."""


rule check_permits:
    input:
        unpack(permit_files),
    output:
        layers="results/areas/{area}/{model}/permits.gpkg",
        table="results/areas/{area}/{model}/permits.csv",
        summary="results/areas/{area}/{model}/permits.json",
    log:
        "logs/{area}/check_permits/{model}.log",
    benchmark:
        "logs/benchmarks/{area}/check_permits/{model}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code_version("permits", "given_vectors", "layer_styles", "vectors"),
        layer=config["permits"]["layer"],
        settings=permit_settings(),
    message:
        "Hold area {wildcards.area} against its permits"
    script:
        "../scripts/check_permits.py"

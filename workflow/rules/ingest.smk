"""From the producer's files to the interchange format, one job per pair."""


rule define_grid:
    input:
        unpack(grid_files),
    output:
        grid="results/{stack}/grid.json",
    log:
        "logs/{stack}/define_grid.log",
    benchmark:
        "logs/benchmarks/{stack}/define_grid.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("readers"),
        dates=pair_dates,
        format=reader_format,
        options=reader_options,
    message:
        "Define the pixel grid of stack {wildcards.stack}"
    script:
        "../scripts/define_grid.py"


rule ingest_interferogram:
    input:
        unpack(raw_files),
        grid="results/{stack}/grid.json",
    output:
        phase="results/{stack}/interferograms/{pair}/phase.tif",
        coherence="results/{stack}/interferograms/{pair}/coherence.tif",
        meta="results/{stack}/interferograms/{pair}/meta.json",
    log:
        "logs/{stack}/ingest_interferogram/{pair}.log",
    benchmark:
        "logs/benchmarks/{stack}/ingest_interferogram/{pair}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        code=code_version("readers", "interferogram", "refusals"),
        dates=pair_dates,
        format=reader_format,
        options=reader_options,
        sizes=raw_sizes,
        lossless=config["ingest"]["lossless"],
    message:
        "Ingest pair {wildcards.pair} of stack {wildcards.stack}"
    script:
        "../scripts/ingest_interferogram.py"


rule describe_stack:
    input:
        unpack(described_files),
    output:
        description="results/{stack}/stack.json",
    log:
        "logs/{stack}/describe_stack.log",
    benchmark:
        "logs/benchmarks/{stack}/describe_stack.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        code=code_version("interferogram", "refusals"),
    message:
        "Describe the pairs of stack {wildcards.stack}"
    script:
        "../scripts/describe_stack.py"


rule place_layer:
    input:
        unpack(layer_files),
        grid="results/{stack}/grid.json",
    output:
        raster="results/{stack}/layers/{layer}.tif",
    log:
        "logs/{stack}/place_layer/{layer}.log",
    benchmark:
        "logs/benchmarks/{stack}/place_layer/{layer}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code_version("readers.layers", "placing", "rasters"),
        crs=map_crs,
    message:
        "Bring the {wildcards.layer} of stack {wildcards.stack} onto its grid"
    script:
        "../scripts/place_layer.py"

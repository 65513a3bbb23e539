"""From the producer's files to the interchange format, one job per pair."""


def raw_files(wildcards):
    """A pair's files as the producer wrote them; coherence and header only where there are any."""
    stack = STACKS[wildcards.stack]
    pair = getattr(wildcards, "pair", stack.grid_pair)
    files = {
        "phase": stack.file("phase", pair),
        "coherence": stack.optional_file("coherence", pair, EXAMPLE_FOLDER),
        "header": stack.settings["header"],
    }
    return {role: path for role, path in files.items() if path}


def reader_options(wildcards):
    """Settings of a stack that its reader takes."""
    keys = ("kind", "sign", "wavelength_m", "allow_truncated", "color")
    return {key: STACKS[wildcards.stack].settings[key] for key in keys}


def pair_dates(wildcards):
    """Dates of a pair in the order of its file name."""
    stack = STACKS[wildcards.stack]
    pair = stack.pairs[getattr(wildcards, "pair", stack.grid_pair)]
    return [pair.first.isoformat(), pair.second.isoformat()]


def reader_format(wildcards):
    """Producer of a stack's files."""
    return STACKS[wildcards.stack].settings["format"]


rule define_grid:
    input:
        unpack(raw_files),
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
        code=code_version("readers", "interferogram"),
        dates=pair_dates,
        format=reader_format,
        options=reader_options,
    message:
        "Ingest pair {wildcards.pair} of stack {wildcards.stack}"
    script:
        "../scripts/ingest_interferogram.py"

"""The usual rate map: unwrapped phase, inversion, rate."""


def unwrapping_files(wildcards):
    """A pair's interferogram, and the producer's unwrapped phase when there is one."""
    stack = STACKS[wildcards.stack]
    folder = f"results/{wildcards.stack}/interferograms/{wildcards.pair}"
    files = {
        name: f"{folder}/{file}"
        for name, file in (
            ("phase", "phase.tif"),
            ("coherence", "coherence.tif"),
            ("meta", "meta.json"),
        )
    }
    given = {
        "unwrapped": stack.file("unwrapped", wildcards.pair),
        "header": stack.settings["header"],
    }
    return files | {
        role: path
        for role, path in given.items()
        if path and stack.settings["unwrapped"]
    }


rule unwrap_interferogram:
    input:
        unpack(unwrapping_files),
        grid="results/{stack}/grid.json",
    output:
        unwrapped="results/{stack}/unwrapped/{pair}.tif",
    log:
        "logs/{stack}/unwrap_interferogram/{pair}.log",
    benchmark:
        "logs/benchmarks/{stack}/unwrap_interferogram/{pair}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        code=code_version("sbas.unwrapping", "readers", "interferogram"),
        dates=pair_dates,
        format=reader_format,
        options=reader_options,
        looks=config["sbas"]["looks"],
    message:
        "Unwrap pair {wildcards.pair} of stack {wildcards.stack}"
    script:
        "../scripts/unwrap_interferogram.py"


def rate_files(wildcards):
    """Unwrapped phase, coherence and metadata of every pair of a stack."""
    pairs = list(STACKS[wildcards.stack].pairs)
    folder = f"results/{wildcards.stack}"
    return {
        "unwrapped": [f"{folder}/unwrapped/{pair}.tif" for pair in pairs],
        "coherence": [
            f"{folder}/interferograms/{pair}/coherence.tif" for pair in pairs
        ],
        "meta": [f"{folder}/interferograms/{pair}/meta.json" for pair in pairs],
    }


rule estimate_rate:
    input:
        unpack(rate_files),
        grid="results/{stack}/grid.json",
    output:
        rate="results/{stack}/sbas/rate.tif",
        quality="results/{stack}/sbas/quality.tif",
        displacement="results/{stack}/sbas/displacement.tif",
        network="results/{stack}/sbas/network.json",
    log:
        "logs/{stack}/estimate_rate.log",
    benchmark:
        "logs/benchmarks/{stack}/estimate_rate.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 2
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        code=code_version("sbas.rate", "interferogram"),
        settings=config["sbas"],
    message:
        "Estimate the rate map of stack {wildcards.stack}"
    script:
        "../scripts/estimate_rate.py"

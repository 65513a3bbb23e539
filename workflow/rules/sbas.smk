"""The usual rate map: unwrapped phase, inversion, rate."""


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

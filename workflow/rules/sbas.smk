"""The usual rate map: network, unwrapped phase, inversion, rate."""


rule describe_network:
    input:
        unpack(network_files),
    output:
        pairs="results/{stack}/sbas/pairs.csv",
        plot="results/{stack}/sbas/network.png",
    log:
        "logs/{stack}/describe_network.log",
    benchmark:
        "logs/benchmarks/{stack}/describe_network.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("sbas.baseline_plot", "sbas.baselines", "stacks"),
        links=network_links,
    message:
        "Describe the network of stack {wildcards.stack}"
    script:
        "../scripts/describe_network.py"


rule unwrap_interferogram:
    input:
        unpack(unwrapping_files),
        grid="results/{stack}/grid.json",
    output:
        unwrapped="results/{stack}/unwrapped/{pair}.tif",
        components="results/{stack}/unwrapped/{pair}.components.tif",
    log:
        "logs/{stack}/unwrap_interferogram/{pair}.log",
    benchmark:
        "logs/benchmarks/{stack}/unwrap_interferogram/{pair}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=8500 if config["sbas"]["unwrapping"] == "kamui" else 6000,
        runtime=60,
    params:
        code=code_version(
            "sbas.unwrapping",
            "sbas.given_phase",
            "readers",
            "interferogram",
            "refusals",
        ),
        dates=pair_dates,
        format=reader_format,
        options=reader_options,
        sizes=unwrapped_size,
        looks=config["sbas"]["looks"],
        method=unwrapping_method,
    message:
        "Unwrap pair {wildcards.pair} of stack {wildcards.stack}"
    script:
        "../scripts/unwrap_interferogram.py"


rule estimate_rate:
    input:
        unpack(rate_files),
        basins=basins_under_rate,
        stack="results/{stack}/stack.json",
        grid="results/{stack}/grid.json",
    output:
        **rate_state(),
        rate="results/{stack}/sbas/rate.tif",
        classes="results/{stack}/sbas/classes.tif",
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
        code=code_version(
            "sbas.rate",
            "sbas.update",
            "sbas.baselines",
            "sbas.corrections.control",
            "sbas.series_file",
            "interferogram",
            "refusals",
        ),
        incidence_deg=incidence_angle,
        settings=rate_settings(),
    message:
        "Estimate the rate map of stack {wildcards.stack}"
    script:
        "../scripts/estimate_rate.py"

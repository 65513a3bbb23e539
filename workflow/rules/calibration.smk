"""The simulator beside labelled real tiles: does it look like them?"""


rule calibrate_simulation:
    input:
        unpack(calibration_files),
        unpack(simulation_sources),
    output:
        table="results/calibration/{name}/table.csv",
        readable="results/calibration/{name}/table.md",
        suggestion="results/calibration/{name}/suggestion.yaml",
        gallery="results/calibration/{name}/gallery.png",
    log:
        "logs/calibration/{name}.log",
    benchmark:
        "logs/benchmarks/calibration/{name}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_version(
            "calibration.procedure",
            "simulation.recipes",
            "calibration.pictures",
            "calibration.reports",
            "gallery",
        ),
        settings=calibration_settings,
        format=config["calibration"]["format"],
        tiles=config["calibration"]["tiles"],
    message:
        "Hold the simulator against the labelled tiles {wildcards.name}"
    script:
        "../scripts/calibrate_simulation.py"

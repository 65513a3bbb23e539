"""What a person at the authority reads."""


def report_files(wildcards):
    """Everything a report shows, by role; lists run over the area's stacks."""
    folder = f"results/areas/{wildcards.area}/{wildcards.model}"
    names = AREAS[wildcards.area]
    rated = [name for name in names if STACKS[name].settings["rate"]]
    files = {
        "basins": [f"{folder}/basins.gpkg"],
        "timeline": [f"{folder}/timeline.csv"],
        "grids": [f"results/{name}/grid.json" for name in names],
        "activity": [
            f"results/{name}/activity/{wildcards.model}/activity.tif" for name in names
        ],
        "meta": [
            f"results/{name}/interferograms/{pair}/meta.json"
            for name in names
            for pair in STACKS[name].detection_pairs
        ],
        "phase": [
            f"results/{name}/interferograms/{pair}/phase.tif"
            for name in names
            for pair in STACKS[name].detection_pairs
        ],
        "rate": [f"results/{name}/sbas/rate.tif" for name in rated],
        "quality": [f"results/{name}/sbas/quality.tif" for name in rated],
        "network": [f"results/{name}/sbas/network.json" for name in rated],
        "clusters": [f"results/{name}/hotspots/clusters.gpkg" for name in rated],
        "objects": [
            f"results/{name}/comparison/{wildcards.model}/objects.gpkg"
            for name in rated
        ],
        "summary": [
            f"results/{name}/comparison/{wildcards.model}/summary.json"
            for name in rated
        ],
        "model": [f"{config['models'][wildcards.model]}/model.json"],
    }
    return {role: paths for role, paths in files.items() if paths}


def area_warnings(wildcards):
    """Planned pairs that were left out."""
    return [
        sentence for name in AREAS[wildcards.area] for sentence in STACKS[name].warnings
    ]


def area_stacks(wildcards):
    """Stacks of an area, and which of them have a rate map."""
    return {name: STACKS[name].settings["rate"] for name in AREAS[wildcards.area]}


rule write_report:
    input:
        unpack(report_files),
    output:
        report=report(
            "results/areas/{area}/{model}/report.html",
            caption="../report/area_report.rst",
            category="Areas",
            labels={"area": "{area}", "model": "{model}"},
        ),
    log:
        "logs/{area}/write_report/{model}.log",
    benchmark:
        "logs/benchmarks/{area}/write_report/{model}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=15,
    params:
        code=code_version("report"),
        config=config,
        stacks=area_stacks,
        warnings=area_warnings,
    message:
        "Write the report of area {wildcards.area}"
    script:
        "../scripts/write_report.py"

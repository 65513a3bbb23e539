"""What a person at the authority reads."""


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
        config=settings_shown(),
        stacks=area_stacks,
        warnings=area_warnings,
    message:
        "Write the report of area {wildcards.area}"
    script:
        "../scripts/write_report.py"

"""What a person at the authority reads."""


rule write_report:
    input:
        unpack(report_files),
    output:
        report=report(
            "results/areas/{area}/{model}/report.html",
            caption="../report/area_report.rst",
            category="Areas",
            labels={"area": "{area}", "model": "{model}", "page": "report"},
        ),
        figures=report(
            directory("results/areas/{area}/{model}/figures"),
            patterns=["{figure}.png"],
            caption="../report/figure.rst",
            category="Figures",
            labels={"area": "{area}", "model": "{model}", "figure": "{figure}"},
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
        config=settings_shown,
        stacks=area_stacks,
        warnings=area_warnings,
    message:
        "Write the report of area {wildcards.area}"
    script:
        "../scripts/write_report.py"


rule write_map_page:
    input:
        unpack(report_files),
    output:
        page=report(
            "results/areas/{area}/{model}/map.html",
            caption="../report/area_map.rst",
            category="Areas",
            labels={"area": "{area}", "model": "{model}", "page": "map"},
        ),
    log:
        "logs/{area}/write_map_page/{model}.log",
    benchmark:
        "logs/benchmarks/{area}/write_map_page/{model}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        code=code_version("map_page", "report.products"),
        rate_threshold_mm_yr=config["sbas"]["rate_threshold_mm_yr"],
        stacks=area_stacks,
    message:
        "Draw the map page of area {wildcards.area}"
    script:
        "../scripts/write_map_page.py"


rule print_report:
    input:
        report="results/areas/{area}/{model}/report.html",
    output:
        pdf="results/areas/{area}/{model}/report.pdf",
    log:
        "logs/{area}/print_report/{model}.log",
    benchmark:
        "logs/benchmarks/{area}/print_report/{model}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_version("report.printing"),
    message:
        "Print the report of area {wildcards.area}"
    script:
        "../scripts/print_report.py"


rule export_area:
    input:
        unpack(report_files),
    output:
        folder=directory("results/areas/{area}/{model}/export"),
    log:
        "logs/{area}/export_area/{model}.log",
    benchmark:
        "logs/benchmarks/{area}/export_area/{model}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=code_version("exports", "report.products"),
        stacks=area_stacks,
    message:
        "Write area {wildcards.area} for other programs"
    script:
        "../scripts/export_area.py"


rule require_every_pair:
    input:
        stacks=expand("results/{stack}/stack.json", stack=STACKS),
        # It comes last and asks for nothing but to come last.
        products=ancient(final_reports() + final_fusion()),
    output:
        table="results/every_pair.json",
    log:
        "logs/require_every_pair.log",
    benchmark:
        "logs/benchmarks/require_every_pair.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code_version("refusals"),
    message:
        "Require every pair of every stack"
    script:
        "../scripts/require_every_pair.py"

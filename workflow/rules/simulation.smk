"""What the simulator makes: the built-in example stack and labelled training data."""


rule simulate_example_grid:
    output:
        header=f"{EXAMPLE_FOLDER}/example.dem_par",
        truth=f"{EXAMPLE_FOLDER}/truth.json",
    log:
        "logs/example/simulate_example_grid.log",
    benchmark:
        "logs/benchmarks/example/simulate_example_grid.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("simulation.example", "stacks"),
        settings=config["example"],
    message:
        "Write the grid and the true mines of the example"
    script:
        "../scripts/simulate_example_grid.py"


rule simulate_example_scene:
    output:
        image=f"{EXAMPLE_FOLDER}/{{date1}}.mli.par",
    log:
        "logs/example/simulate_example_scene/{date1}.log",
    benchmark:
        "logs/benchmarks/example/simulate_example_scene/{date1}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("simulation.example", "stacks"),
        settings=config["example"],
    message:
        "Write the image header of scene {wildcards.date1} of the example"
    script:
        "../scripts/simulate_example_scene.py"


rule simulate_example_pair:
    input:
        images=[
            f"{EXAMPLE_FOLDER}/{{date1}}.mli.par",
            f"{EXAMPLE_FOLDER}/{{date2}}.mli.par",
        ],
    output:
        interferogram=f"{EXAMPLE_FOLDER}/{{date1}}_{{date2}}.diff",
        coherence=f"{EXAMPLE_FOLDER}/{{date1}}_{{date2}}.cc",
        unwrapped=f"{EXAMPLE_FOLDER}/{{date1}}_{{date2}}.unw",
        header=f"{EXAMPLE_FOLDER}/{{date1}}_{{date2}}.off",
    log:
        "logs/example/simulate_example_pair/{date1}_{date2}.log",
    benchmark:
        "logs/benchmarks/example/simulate_example_pair/{date1}_{date2}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        code=code_version("simulation.example", "stacks"),
        settings=config["example"],
    message:
        "Simulate pair {wildcards.date1}_{wildcards.date2} of the example as GAMMA files"
    script:
        "../scripts/simulate_example_pair.py"


rule simulate_shard:
    output:
        arrays="results/simulation/{name}/{split}/{shard}.safetensors",
        coco="results/simulation/{name}/{split}/{shard}.json",
        parameters="results/simulation/{name}/{split}/{shard}.jsonl",
    log:
        "logs/simulation/{name}/{split}/{shard}.log",
    benchmark:
        "logs/benchmarks/simulation/{name}/{split}/{shard}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code_version("simulation.shards", "simulation.scene"),
        settings=simulation_settings,
        first_sample=first_sample,
        samples=config["simulation"]["shard_size"],
    message:
        "Simulate shard {wildcards.shard} of the {wildcards.split} set {wildcards.name}"
    script:
        "../scripts/simulate_shard.py"

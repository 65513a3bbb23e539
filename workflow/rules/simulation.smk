"""What the simulator makes: stacks whose truth is known, and labelled training data."""


rule simulate_ground:
    output:
        truth="results/simulated/{simulated}/truth.json",
        heights="results/simulated/{simulated}/heights.tif",
    log:
        "logs/{simulated}/simulate_ground.log",
    benchmark:
        "logs/benchmarks/{simulated}/simulate_ground.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("simulation.products.truth"),
        settings=simulated_stack,
    message:
        "Write the true mines and heights of simulated stack {wildcards.simulated}"
    script:
        "../scripts/simulate_ground.py"


rule simulate_slides:
    output:
        slides="results/simulated/{simulated}/slides.gpkg",
    log:
        "logs/{simulated}/simulate_slides.log",
    benchmark:
        "logs/benchmarks/{simulated}/simulate_slides.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("simulation.products.truth"),
        settings=simulated_stack,
    message:
        "Write the slopes of simulated stack {wildcards.simulated} that creep downhill"
    script:
        "../scripts/simulate_slides.py"


rule simulate_rate:
    output:
        rate="results/simulated/{simulated}/rate_true/{date1}_{date2}.tif",
    log:
        "logs/{simulated}/simulate_rate/{date1}_{date2}.log",
    benchmark:
        "logs/benchmarks/{simulated}/simulate_rate/{date1}_{date2}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("simulation.products.truth", "stacks"),
        settings=simulated_stack,
    message:
        "Write the true rate of simulated stack {wildcards.simulated} from {wildcards.date1} to {wildcards.date2}"
    script:
        "../scripts/simulate_rate.py"


rule simulate_delay:
    output:
        delay="results/simulated/{simulated}/gacos/{date1}.ztd",
        header="results/simulated/{simulated}/gacos/{date1}.ztd.rsc",
    log:
        "logs/{simulated}/simulate_delay/{date1}.log",
    benchmark:
        "logs/benchmarks/{simulated}/simulate_delay/{date1}.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("simulation.products.gacos", "stacks"),
        settings=simulated_stack,
    message:
        "Write the zenith delay of scene {wildcards.date1} of simulated stack {wildcards.simulated}"
    script:
        "../scripts/simulate_delay.py"


rule simulate_gamma_grid:
    output:
        header="results/simulated/{simulated}/grid.dem_par",
    log:
        "logs/{simulated}/simulate_gamma_grid.log",
    benchmark:
        "logs/benchmarks/{simulated}/simulate_gamma_grid.tsv"
    wildcard_constraints:
        simulated=written_as("gamma"),
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("simulation.products.gamma"),
        settings=simulated_stack,
    message:
        "Write the grid of simulated stack {wildcards.simulated}"
    script:
        "../scripts/simulate_gamma_grid.py"


rule simulate_gamma_scene:
    output:
        image="results/simulated/{simulated}/{date1}.mli.par",
    log:
        "logs/{simulated}/simulate_gamma_scene/{date1}.log",
    benchmark:
        "logs/benchmarks/{simulated}/simulate_gamma_scene/{date1}.tsv"
    wildcard_constraints:
        simulated=written_as("gamma"),
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("simulation.products.gamma", "stacks"),
        settings=simulated_stack,
    message:
        "Write the image header of scene {wildcards.date1} of simulated stack {wildcards.simulated}"
    script:
        "../scripts/simulate_gamma_scene.py"


rule simulate_gamma_pair:
    input:
        images=[
            "results/simulated/{simulated}/{date1}.mli.par",
            "results/simulated/{simulated}/{date2}.mli.par",
        ],
    output:
        phase="results/simulated/{simulated}/{date1}_{date2}.diff",
        coherence="results/simulated/{simulated}/{date1}_{date2}.cc",
        unwrapped="results/simulated/{simulated}/{date1}_{date2}.unw",
        header="results/simulated/{simulated}/{date1}_{date2}.off",
    log:
        "logs/{simulated}/simulate_gamma_pair/{date1}_{date2}.log",
    benchmark:
        "logs/benchmarks/{simulated}/simulate_gamma_pair/{date1}_{date2}.tsv"
    wildcard_constraints:
        simulated=written_as("gamma"),
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        code=code_version("simulation.products.gamma", "stacks"),
        settings=simulated_stack,
    message:
        "Simulate pair {wildcards.date1}_{wildcards.date2} of simulated stack {wildcards.simulated} as GAMMA files"
    script:
        "../scripts/simulate_gamma_pair.py"


rule simulate_licsar_frame:
    output:
        facts="results/simulated/{simulated}/metadata/metadata.txt",
        heights="results/simulated/{simulated}/metadata/{simulated}.geo.hgt.tif",
        east="results/simulated/{simulated}/metadata/{simulated}.geo.E.tif",
        north="results/simulated/{simulated}/metadata/{simulated}.geo.N.tif",
        up="results/simulated/{simulated}/metadata/{simulated}.geo.U.tif",
    log:
        "logs/{simulated}/simulate_licsar_frame.log",
    benchmark:
        "logs/benchmarks/{simulated}/simulate_licsar_frame.tsv"
    wildcard_constraints:
        simulated=written_as("licsar"),
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_version("simulation.products.licsar"),
        settings=simulated_stack,
    message:
        "Write the metadata of simulated stack {wildcards.simulated}"
    script:
        "../scripts/simulate_licsar_frame.py"


rule simulate_licsar_pair:
    input:
        facts="results/simulated/{simulated}/metadata/metadata.txt",
    output:
        phase="results/simulated/{simulated}/GEOC/{date1}_{date2}/{date1}_{date2}.geo.diff_pha.tif",
        coherence="results/simulated/{simulated}/GEOC/{date1}_{date2}/{date1}_{date2}.geo.cc.tif",
        unwrapped="results/simulated/{simulated}/GEOC/{date1}_{date2}/{date1}_{date2}.geo.unw.tif",
    log:
        "logs/{simulated}/simulate_licsar_pair/{date1}_{date2}.log",
    benchmark:
        "logs/benchmarks/{simulated}/simulate_licsar_pair/{date1}_{date2}.tsv"
    wildcard_constraints:
        simulated=written_as("licsar"),
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        code=code_version("simulation.products.licsar", "stacks"),
        settings=simulated_stack,
    message:
        "Simulate pair {wildcards.date1}_{wildcards.date2} of simulated stack {wildcards.simulated} as LiCSAR files"
    script:
        "../scripts/simulate_licsar_pair.py"


rule simulate_plain_pair:
    output:
        phase="results/simulated/{simulated}/{date1}_{date2}.phase.tif",
        coherence="results/simulated/{simulated}/{date1}_{date2}.coherence.tif",
        unwrapped="results/simulated/{simulated}/{date1}_{date2}.unwrapped.tif",
    log:
        "logs/{simulated}/simulate_plain_pair/{date1}_{date2}.log",
    benchmark:
        "logs/benchmarks/{simulated}/simulate_plain_pair/{date1}_{date2}.tsv"
    wildcard_constraints:
        simulated=written_as("plain"),
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        code=code_version("simulation.products.plain", "stacks"),
        settings=simulated_stack,
    message:
        "Simulate pair {wildcards.date1}_{wildcards.date2} of simulated stack {wildcards.simulated} as plain GeoTIFF"
    script:
        "../scripts/simulate_plain_pair.py"


rule simulate_shard:
    input:
        unpack(simulation_sources),
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
        mem_mb=shard_mb,
        runtime=30,
    params:
        code=code_version("simulation.shards", "simulation.recipes"),
        settings=simulation_settings,
        first_sample=first_sample,
        samples=config["simulation"]["shard_size"],
    message:
        "Simulate shard {wildcards.shard} of the {wildcards.split} set {wildcards.name}"
    script:
        "../scripts/simulate_shard.py"


rule export_shard:
    input:
        arrays="results/simulation/{name}/{split}/{shard}.safetensors",
        coco="results/simulation/{name}/{split}/{shard}.json",
    output:
        tiles=directory("results/simulation/{name}/{split}/{shard}_tiles"),
    log:
        "logs/simulation/{name}/{split}/{shard}_tiles.log",
    benchmark:
        "logs/benchmarks/simulation/{name}/{split}/{shard}_tiles.tsv"
    conda:
        "../../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_version("datasets.tiles", "rasters"),
    message:
        "Write the tiles of shard {wildcards.shard} of the {wildcards.split} set {wildcards.name} as GeoTIFF"
    script:
        "../scripts/export_shard.py"

"""What the rules take: input files and settings by wildcards, in the order of the workflow."""

# ingest.smk


def raw_files(wildcards):
    """A pair's files as the producer wrote them; coherence and header only where there are any."""
    stack = STACKS[wildcards.stack]
    pair = getattr(wildcards, "pair", stack.grid_pair)
    files = {
        "phase": stack.file("phase", pair),
        "coherence": stack.optional_file("coherence", pair, forms.FOLDER),
        "header": stack.file("header", pair),
    }
    named = {role: path for role, path in files.items() if path}
    return named | {"companions": beside(files["phase"], files["coherence"])}


def beside(*paths):
    """Headers that readers find beside files by themselves; simulated files name theirs."""
    given = [Path(path) for path in paths if path]
    named = [path for path in given if not path.is_relative_to(forms.FOLDER)]
    found = {companion for path in named for companion in companions(path)}
    return sorted(str(path) for path in found)


def reader_options(wildcards):
    """Settings of a stack that its reader takes."""
    keys = ("kind", "sign", "wavelength_m", "allow_truncated", "color")
    return {key: STACKS[wildcards.stack].settings[key] for key in keys}


def pair_dates(wildcards):
    """Dates of a pair in the order of its file name."""
    stack = STACKS[wildcards.stack]
    pair = stack.available[getattr(wildcards, "pair", stack.grid_pair)]
    return [pair.first.isoformat(), pair.second.isoformat()]


def reader_format(wildcards):
    """Producer of a stack's files."""
    return STACKS[wildcards.stack].settings["format"]


# simulation.smk


def simulated_stack(wildcards):
    """Recipe of a simulated stack, without what only says which files are wanted."""
    entry = config["simulated_stacks"][wildcards.simulated]
    return {key: value for key, value in entry.items() if key != "delays"}


def simulation_settings(wildcards):
    """Recipe of a simulated data set; training and validation differ in the sample numbers alone."""
    return SIMULATION


def shard_mb(wildcards):
    """Memory of a shard: its tiles in their compact types twice, and what making one takes."""
    pixels = (
        config["simulation"]["shard_size"] * config["simulation"]["tile_size_px"] ** 2
    )
    return 1000 + round(8e-6 * pixels)


def simulation_sources(wildcards):
    """Real delay maps and terrain that tiles are drawn from, by role."""
    return SIMULATION_FILES


def first_sample(wildcards):
    """Number of a shard's first sample; validation starts where no training set reaches."""
    offset = 10_000_000 if wildcards.split == "validation" else 0
    return offset + int(wildcards.shard) * config["simulation"]["shard_size"]


# tiling.smk


def tiling_settings(wildcards):
    """Size and overlap of a named tile grid."""
    return config["tilings"][wildcards.tiling]


def polygons_of_pair(wildcards):
    """Outlines a person drew in one pair."""
    return next(
        entry["polygons"]
        for entry in config["labelled"]
        if (entry["stack"], entry["pair"]) == (wildcards.stack, wildcards.pair)
    )


# training.smk


def shards(split):
    """Files of all simulated shards of a split, by kind."""
    settings = config["simulation"]
    numbers = [f"{number:04d}" for number in range(settings[f"{split}_shards"])]
    return [
        f"results/simulation/{settings['name']}/{split}/{number}" for number in numbers
    ]


def labelled_shards(use):
    """Shards of labelled interferograms and pictures of one use: train, validation or test."""
    cut = [
        f"results/{entry['stack']}/training_tiles/{entry['pair']}"
        for entry in config["labelled"]
        if entry["use"] == use
    ]
    collections = config["labelled_tiles"]
    imported = [
        f"results/labelled/{name}"
        for name, entry in collections.items()
        if entry["use"] == use
    ]
    return cut + imported


def training_shards():
    """Simulated training shards, unless tiles are simulated underway, and labelled ones, as the data ask for."""
    section = config["training"]
    stored = section["source"] == "shards" and section["data"] != "labelled"
    return {
        "simulated": shards("train") if stored else [],
        "labelled": labelled_shards("train") if section["data"] != "simulated" else [],
    }


def validation_shards():
    """What the curve is measured on: labelled tiles alone where only such are trained on and some are set aside."""
    labelled = labelled_shards("validation")
    if config["training"]["data"] == "labelled" and labelled:
        return labelled
    return shards("validation") + labelled


def training_files():
    """Shards by role, and the model a run starts from."""
    roles = training_shards() | {"validation": validation_shards()}
    files = {
        f"{role}_{kind}": [f"{stem}.{suffix}" for stem in stems]
        for role, stems in roles.items()
        for kind, suffix in (("arrays", "safetensors"), ("coco", "json"))
    }
    start = config["training"].get("weights")
    model = [f"{start}/weights.safetensors", f"{start}/model.json"] if start else []
    return files | {"start": model} | (SIMULATION_FILES if simulates_underway() else {})


def simulates_underway():
    """Whether training tiles are simulated while training goes on."""
    section = config["training"]
    return section["source"] != "shards" and section["data"] != "labelled"


def training_recipe():
    """What the configuration changes about the preset."""
    other = ("name", "preset", "data", "labelled_share", "source", "workers")
    return {
        key: value
        for key, value in config["training"].items()
        if key not in (*other, "gpus", "threads")
    }


def training_data():
    """Where the tiles come from, and how many of the simulated make an epoch."""
    settings, section = config["simulation"], config["training"]
    return {
        "source": section["source"] if simulates_underway() else "shards",
        "labelled_share": section["labelled_share"],
        "pixel_size_m": settings["pixel_size_m"],
        "epoch_tiles": settings["shard_size"] * settings["train_shards"],
        "simulation": SIMULATION if simulates_underway() else None,
    }


def collection_entry(wildcards):
    """Entry of a collection of labelled pictures."""
    return config["labelled_tiles"][wildcards.collection]


def collection_files(wildcards):
    """Pictures of a collection and their labels."""
    entry = config["labelled_tiles"][wildcards.collection]
    folders = [Path(entry[role]) for role in ("images", "labels")]
    files = [sorted(f.glob("*")) if f.is_dir() else [f] for f in folders]
    return {
        role: [str(path) for path in paths if path.is_file()]
        for role, paths in zip(("images", "labels"), files, strict=True)
    }


# evaluation.smk


def evaluated_models():
    """Scores of all models that are put side by side."""
    names = config["evaluation"]["models"] or [MODEL]
    return expand("results/evaluation/{model}/scores.json", model=names)


def evaluation_settings():
    """What defines the scores (not where they are made)."""
    return {key: config["evaluation"][key] for key in ("resamples", "seed")}


# detection.smk


def search_settings():
    """What defines how a pair is searched (not where that runs)."""
    return {key: config["detection"][key] for key in ("min_coherence", "views")}


def forming_settings():
    """What counts as a basin."""
    return {
        key: config["detection"][key]
        for key in ("threshold", "peak_threshold", "min_area_px")
    }


def model_description(wildcards):
    """Description of a model."""
    return model_files(wildcards)["description"]


# mosaic.smk


def products_of_pair(wildcards, name):
    """One detection product of a pair in all stacks of the area that have it."""
    return [
        f"results/{stack}/detections/{wildcards.model}/{wildcards.pair}/{name}"
        for stack in AREAS[wildcards.area]
        if wildcards.pair in STACKS[stack].detection_pairs
    ]


def instances_of_pair(wildcards):
    """Detections of a pair in an area."""
    return products_of_pair(wildcards, "instances.parquet")


def probabilities_of_pair(wildcards):
    """Probability rasters of a pair in an area."""
    return products_of_pair(wildcards, "probability.tif")


def area_activity(wildcards):
    """Activity of every stack of an area."""
    return [
        f"results/{stack}/activity/{wildcards.model}/activity.tif"
        for stack in AREAS[wildcards.area]
    ]


def area_grids(wildcards):
    """Grids of the stacks of an area."""
    return [f"results/{stack}/grid.json" for stack in AREAS[wildcards.area]]


# activity.smk


def area_mosaics(wildcards):
    """Basins of every pair of an area."""
    return [
        f"results/areas/{wildcards.area}/{wildcards.model}/mosaic/{pair}.gpkg"
        for pair in area_pairs(wildcards.area)
    ]


def area_probabilities(wildcards):
    """Probability rasters of every pair in every stack of an area."""
    return [
        f"results/{stack}/detections/{wildcards.model}/{pair}/probability.tif"
        for stack in AREAS[wildcards.area]
        for pair in STACKS[stack].detection_pairs
    ]


def stack_detections(wildcards, name):
    """One detection product of every pair of a stack."""
    return [
        f"results/{wildcards.stack}/detections/{wildcards.model}/{pair}/{name}"
        for pair in STACKS[wildcards.stack].detection_pairs
    ]


def stack_probabilities(wildcards):
    """Probability rasters of a stack."""
    return stack_detections(wildcards, "probability.tif")


def stack_instances(wildcards):
    """Instances of a stack."""
    return stack_detections(wildcards, "instances.parquet")


# sbas.smk


def unwrapping_files(wildcards):
    """A pair's interferogram, and the producer's unwrapped phase when there is one."""
    stack = STACKS[wildcards.stack]
    folder = f"results/{wildcards.stack}/interferograms/{wildcards.pair}"
    files = {
        "phase": f"{folder}/phase.tif",
        "coherence": f"{folder}/coherence.tif",
        "meta": f"{folder}/meta.json",
    }
    unwrapped = stack.optional_file("unwrapped", wildcards.pair, forms.FOLDER)
    header = stack.file("header", wildcards.pair)
    if unwrapped:
        files |= {"unwrapped": unwrapped} | ({"header": header} if header else {})
    return files | {"companions": beside(unwrapped)}


def unwrapping_method(wildcards):
    """How a pair is unwrapped: by the producer where its phase is there."""
    stack = STACKS[wildcards.stack]
    is_given = stack.optional_file("unwrapped", wildcards.pair, forms.FOLDER)
    return "given" if is_given else config["sbas"]["unwrapping"]


def network_files(wildcards):
    """Table of a stack's baselines where there is one."""
    baselines = STACKS[wildcards.stack].settings["baselines"]
    return {"baselines": baselines} if baselines else {}


def network_links(wildcards):
    """Pairs that were considered for a stack, as rows of a table."""
    return [link.row() for link in STACKS[wildcards.stack].links]


def rate_settings():
    """What defines a rate map (unwrapping has jobs of its own)."""
    return {key: value for key, value in config["sbas"].items() if key != "unwrapping"}


def rate_state():
    """What an updated rate map goes on from: unlike other output it stays there for the next job."""
    manifest = "results/{stack}/sbas/state/manifest.json"
    return {"state": update(manifest)} if config["sbas"]["incremental"] else {}


def rate_files(wildcards):
    """Unwrapped phase, components, coherence and metadata of a stack's pairs, and what else is known of the scene."""
    pairs = list(STACKS[wildcards.stack].pairs)
    folder = f"results/{wildcards.stack}"
    return known_files(STACKS[wildcards.stack]) | {
        "unwrapped": [f"{folder}/unwrapped/{pair}.tif" for pair in pairs],
        "components": [f"{folder}/unwrapped/{pair}.components.tif" for pair in pairs],
        "coherence": [
            f"{folder}/interferograms/{pair}/coherence.tif" for pair in pairs
        ],
        "meta": [f"{folder}/interferograms/{pair}/meta.json" for pair in pairs],
    }


def known_files(stack):
    """Files that describe a stack's scene and dates, by role; only those the configuration names."""
    files = {
        role: stack.settings[role]
        for role in ("heights", "incidence", "baselines", "control")
    }
    files |= {
        "delays": DELAYS[stack.name],
        "place": stack.settings["reference"] or config["sbas"]["reference"]["place"],
    }
    return {
        role: found
        for role, found in files.items()
        if found and isinstance(found, (str, list))
    }


def incidence_angle(wildcards):
    """A stack's incidence where the configuration gives it as a number."""
    incidence = STACKS[wildcards.stack].settings["incidence"]
    return None if isinstance(incidence, str) else incidence


def basins_under_rate(wildcards):
    """Basins of the configured model, which the rate map takes no reference from and hot spots no noise."""
    return f"results/areas/{area_of(wildcards.stack)}/{MODEL}/basins.gpkg"


# hotspots.smk


def hotspot_settings():
    """What defines the hot spots of the whole time (their development has a job of its own)."""
    return {
        key: value for key, value in config["hotspots"].items() if key != "emerging"
    }


# comparison.smk


def basins_of_stack(wildcards):
    """Linked basins of the area a stack belongs to."""
    return f"results/areas/{area_of(wildcards.stack)}/{wildcards.model}/basins.gpkg"


def timeline_of_stack(wildcards):
    """Time line of the area a stack belongs to."""
    return f"results/areas/{area_of(wildcards.stack)}/{wildcards.model}/timeline.csv"


def detection_pairs(wildcards):
    """Pairs of a stack that are searched for basins."""
    return list(STACKS[wildcards.stack].detection_pairs)


def network_pairs(wildcards):
    """Pairs of a stack that its rate map comes from."""
    return list(STACKS[wildcards.stack].pairs)


def detection_phases(wildcards):
    """Wrapped phase of the pairs that are searched for basins."""
    folder = f"results/{wildcards.stack}/interferograms"
    return [f"{folder}/{pair}/phase.tif" for pair in detection_pairs(wildcards)]


def first_metadata(wildcards):
    """Metadata of a stack's first pair."""
    pair = network_pairs(wildcards)[0]
    return f"results/{wildcards.stack}/interferograms/{pair}/meta.json"


# fusion.smk


def rated_stacks(wildcards):
    """Stacks of an area that have a rate map; the first one sets the grid of the fusion."""
    return [name for name in AREAS[wildcards.area] if STACKS[name].settings["rate"]]


def heights_of_area(wildcards):
    """Elevation raster of the first rated stack that has one; none without."""
    rasters = [STACKS[name].settings["heights"] for name in rated_stacks(wildcards)]
    return next(filter(None, rasters), [])


def first_rated_grid(wildcards):
    """Grid that the tracks of an area are brought to."""
    return f"results/{rated_stacks(wildcards)[0]}/grid.json"


def fusion_files(wildcards):
    """Rate map, geometry and grid of every rated stack, the area's basins and, if there is one, its elevation."""
    names, heights = rated_stacks(wildcards), heights_of_area(wildcards)
    files = {
        "rate": [f"results/{name}/sbas/rate.tif" for name in names],
        "quality": [f"results/{name}/sbas/quality.tif" for name in names],
        "displacement": [f"results/{name}/sbas/displacement.tif" for name in names],
        "network": [f"results/{name}/sbas/network.json" for name in names],
        "meta": [
            f"results/{name}/interferograms/{next(iter(STACKS[name].pairs))}/meta.json"
            for name in names
        ],
        "grids": [f"results/{name}/grid.json" for name in names],
        "basins": f"results/areas/{wildcards.area}/{MODEL}/basins.gpkg",
        "incidence": [
            path for path in incidence_of_tracks(wildcards) if isinstance(path, str)
        ],
    }
    return files | ({"heights": heights} if heights else {})


def incidence_of_tracks(wildcards):
    """Incidence of every rated stack where the configuration gives it: a raster or a number, else None."""
    return [STACKS[name].settings["incidence"] for name in rated_stacks(wildcards)]


def heading_of_tracks(wildcards):
    """Flight direction of every rated stack where the configuration gives it, else None."""
    return [STACKS[name].settings["heading_deg"] for name in rated_stacks(wildcards)]


# report.smk


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
        "network_plot": [f"results/{name}/sbas/network.png" for name in rated],
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
    files |= emerging_files(rated)
    files |= {role: [path] for role, path in fused_products(wildcards.area).items()}
    return {role: paths for role, paths in files.items() if paths}


def emerging_files(rated):
    """How the hot spots of stacks develop, where that is asked for."""
    if not config["hotspots"]["emerging"]["enabled"]:
        return {}
    return {
        "patterns": [f"results/{name}/hotspots/emerging.tif" for name in rated],
        "emerging": [f"results/{name}/hotspots/emerging.gpkg" for name in rated],
    }


def settings_shown():
    """The configuration without what only says where jobs run."""
    sections = {
        name: config[name] for name in config if name not in ("detection", "training")
    }
    for name in ("detection", "training"):
        sections[name] = {
            key: value
            for key, value in config[name].items()
            if key not in ("threads", "gpus")
        }
    return sections


def area_warnings(wildcards):
    """Planned pairs that were left out."""
    return [
        sentence for name in AREAS[wildcards.area] for sentence in STACKS[name].warnings
    ]


def area_stacks(wildcards):
    """Stacks of an area, and which of them have a rate map."""
    return {name: STACKS[name].settings["rate"] for name in AREAS[wildcards.area]}


# calibration.smk


def calibration_files(wildcards):
    """Labelled pictures and the label raster of each, in the same order."""
    section = config["calibration"]
    pairs = checked(match, section["images"], section["labels"])
    return {
        "images": [image for image, _ in pairs],
        "labels": [label for _, label in pairs],
    }


def calibration_settings(wildcards):
    """Recipe of the simulator with pixels as large as those of the labelled pictures."""
    return SIMULATION | {"pixel_size_m": config["calibration"]["pixel_size_m"]}


# detection_floor.smk, coherence_response.smk


def experiment_settings():
    """What defines the tiles of the experiments (not how many there are, nor where they are made)."""
    return {
        key: config["experiments"][key]
        for key in ("seed", "pixel_size_m", "tile_size_px", "looks")
    }


def detection_floor_blocks(wildcards):
    """Tables of all blocks of the detection floor."""
    folder = f"results/experiments/{wildcards.model}/detection_floor/blocks"
    blocks = design.floor_blocks(config["experiments"]["scale"])
    return [f"{folder}/{block}.csv" for block in blocks]


def coherence_response_blocks(wildcards):
    """Tables of all blocks of the coherence response."""
    folder = f"results/experiments/{wildcards.model}/coherence_response/blocks"
    blocks = design.response_blocks(config["experiments"]["scale"])
    return [f"{folder}/{block}.csv" for block in blocks]

"""What the rules take: input files and settings by wildcards, in the order of the workflow."""

# ingest.smk


def raw_files(wildcards):
    """A pair's files as the producer wrote them; those that not every stack has only where there are any."""
    stack = STACKS[wildcards.stack]
    pair = getattr(wildcards, "pair", stack.grid_pair)
    files = {
        "phase": stack.file("phase", pair),
        "coherence": stack.optional_file("coherence", pair, forms.FOLDER),
        "header": stack.file("header", pair),
        "lookup_table": stack.settings["lookup_table"],
    }
    named = {role: path for role, path in files.items() if path}
    headers = beside(files["phase"], files["coherence"])
    headers += beside_table(files["lookup_table"]) + wheel_file(stack)
    return named | {"companions": headers}


def raw_sizes(wildcards):
    """Bytes of a pair's own files: one that was replaced may be older than what was made of the other."""
    stack, pair = STACKS[wildcards.stack], wildcards.pair
    coherence = stack.optional_file("coherence", pair, forms.FOLDER)
    return sizes_of(stack.file("phase", pair), coherence)


def sizes_of(*paths):
    """Bytes of files as producers wrote them; those that the workflow makes may not be there yet."""
    given = [path for path in paths if path and not path.startswith(forms.FOLDER)]
    return [os.path.getsize(path) for path in given if os.path.isfile(path)]


def grid_files(wildcards):
    """Files that tell a stack's grid; a first pair that is delivered again does not put all others in question."""
    files = raw_files(wildcards)
    if Path(files["phase"]).is_relative_to(forms.FOLDER):
        return files
    again = {role: files[role] for role in ("phase", "coherence") if role in files}
    companions = [ancient(path) for path in files["companions"]]
    kept = {role: ancient(path) for role, path in again.items()}
    return files | kept | {"companions": companions}


def beside(*paths):
    """Headers that readers find beside files by themselves; simulated files name theirs."""
    given = [Path(path) for path in paths if path]
    named = [path for path in given if not path.is_relative_to(forms.FOLDER)]
    found = {path for one in named for path in companions(one, files_in_once)}
    return sorted(str(path) for path in found)


def beside_table(table):
    """Headers of a look-up table, or the other half of one in two files."""
    if not table or Path(table).is_relative_to(forms.FOLDER):
        return []
    return [str(path) for path in table_companions(Path(table), files_in_once)]


def wheel_file(stack):
    """Table of the colours that pictures are painted in, where it is a file."""
    wheel = stack.settings["color"]["wheel"]
    return [wheel] if Path(wheel).is_file() else []


def reader_options(wildcards):
    """Settings of a stack that its reader takes."""
    keys = (
        "kind",
        "sign",
        "width_px",
        "wavelength_m",
        "allow_truncated",
        "color",
        "crs",
        "bands",
        "variable",
    )
    return {key: STACKS[wildcards.stack].settings[key] for key in keys}


def pair_dates(wildcards):
    """Dates of a pair in the order of its file name."""
    stack = STACKS[wildcards.stack]
    pair = stack.available[getattr(wildcards, "pair", stack.grid_pair)]
    return [pair.first.isoformat(), pair.second.isoformat()]


def reader_format(wildcards):
    """Producer of a stack's files."""
    return STACKS[wildcards.stack].settings["format"]


def described_files(wildcards):
    """Metadata of every pair of a stack, and the unwrapped phase of those that came with one."""
    stack, folder = STACKS[wildcards.stack], f"results/{wildcards.stack}"
    given = stack.settings["rate"] and stack.settings["unwrapped"]
    return {
        "meta": [f"{folder}/interferograms/{pair}/meta.json" for pair in stack.pairs],
        "unwrapped": [
            f"{folder}/unwrapped/{pair}.tif" for pair in (stack.pairs if given else ())
        ],
    }


def layer_files(wildcards):
    """Raster of heights or incidence as the configuration names it, the stack's look-up table, and their headers."""
    settings = STACKS[wildcards.stack].settings
    raster, table = settings[wildcards.layer], settings["lookup_table"]
    files = {"raster": raster, "companions": beside(raster) + beside_table(table)}
    return files | ({"lookup_table": table} if table else {})


def map_crs(wildcards):
    """Coordinate system that a stack names for maps whose headers do not tell it."""
    return STACKS[wildcards.stack].settings["crs"]


def layer_of(name, layer):
    """A stack's heights or incidence on its grid where they are a raster, else what the configuration gives."""
    given = STACKS[name].settings[layer]
    return f"results/{name}/layers/{layer}.tif" if isinstance(given, str) else given


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


def drawn_shards(use):
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


def labelled_shards(use):
    """Shards of one use of everything that is labelled: interferograms, pictures, rate maps, patches."""
    of_rates = [
        f"results/areas/{area}/anomalies/tiles"
        for area, entry in config["areas"].items()
        if entry["samples"] == use
    ]
    of_patches = [
        f"results/areas/{area}/patches/tiles/{use}"
        for area, entry in config["areas"].items()
        if use != "test" and entry["patches"] and entry["patches"]["train"]
    ]
    return drawn_shards(use) + of_rates + of_patches


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


def training_entry(name):
    """Section `training` of one model."""
    return configuration.training_entry(config["training"], name)


def training_preset(wildcards):
    """Recipe that a model's section changes."""
    return f"resources/presets/{training_entry(wildcards.name)['preset']}.yaml"


def training_files(wildcards):
    """Shards by role, and the model a run starts from."""
    roles = training_shards() | {"validation": validation_shards()}
    files = {
        f"{role}_{kind}": [f"{stem}.{suffix}" for stem in stems]
        for role, stems in roles.items()
        for kind, suffix in (("arrays", "safetensors"), ("coco", "json"))
    }
    start = training_entry(wildcards.name).get("weights")
    model = [f"{start}/weights.safetensors", f"{start}/model.json"] if start else []
    return files | {"start": model} | (SIMULATION_FILES if simulates_underway() else {})


def trained_weights():
    """Weights of the model that is trained, and of its variants."""
    names = [config["training"]["name"], *config["training"]["variants"]]
    return expand("results/models/{name}/weights.safetensors", name=names)


def simulates_underway():
    """Whether training tiles are simulated while training goes on."""
    section = config["training"]
    return section["source"] != "shards" and section["data"] != "labelled"


def training_recipe(wildcards):
    """What the configuration changes about the preset."""
    tiles = ("data", "labelled_share", "source", "workers")
    other = ("name", "variants", "preset", "gpus", "threads", *tiles)
    return {
        key: value
        for key, value in training_entry(wildcards.name).items()
        if key not in other
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


def disturbed_figures(wildcards):
    """Figures of a model under every disturbance asked for, and under none."""
    families = ["none", *config["evaluation"]["disturbances"]]
    folder = f"results/evaluation/{wildcards.model}/robustness/figures"
    return [f"{folder}/{family}.csv" for family in families]


def robustness_tables():
    """Robustness of all models that are put side by side."""
    names = config["evaluation"]["models"] or [MODEL]
    return expand("results/evaluation/{model}/robustness/table.md", model=names)


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
        if STACKS[stack].is_detected(wildcards.pair)
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


def searched_pairs(wildcards):
    """Pairs of an area that are searched for basins, each with its stack."""
    return [
        f"{stack} {pair}"
        for stack in AREAS[wildcards.area]
        for pair in STACKS[stack].detection_pairs
    ]


def described_stacks(wildcards):
    """What is known of the pairs of an area's stacks; the basins tell when it matters."""
    return ancient([f"results/{name}/stack.json" for name in AREAS[wildcards.area]])


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
    header, table = stack.file("header", wildcards.pair), None
    if unwrapped:
        table = stack.settings["lookup_table"]
        named = {"unwrapped": unwrapped, "header": header, "lookup_table": table}
        files |= {role: path for role, path in named.items() if path}
    return files | {"companions": beside(unwrapped) + beside_table(table)}


def unwrapped_size(wildcards):
    """Bytes of a pair's unwrapped phase where it is given."""
    stack = STACKS[wildcards.stack]
    return sizes_of(stack.optional_file("unwrapped", wildcards.pair, forms.FOLDER))


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
    layers = {role: layer_of(stack.name, role) for role in ("heights", "incidence")}
    files = layers | {role: stack.settings[role] for role in ("baselines", "control")}
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


# fusion.smk


def rated_stacks(wildcards):
    """Stacks of an area that have a rate map; the first one sets the grid of the fusion."""
    return [name for name in AREAS[wildcards.area] if STACKS[name].settings["rate"]]


def heights_of_area(wildcards):
    """Elevation raster of the first rated stack that has one; none without."""
    rasters = [layer_of(name, "heights") for name in rated_stacks(wildcards)]
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
        "stacks": [f"results/{name}/stack.json" for name in names],
        "grids": [f"results/{name}/grid.json" for name in names],
        "basins": f"results/areas/{wildcards.area}/{MODEL}/basins.gpkg",
        "incidence": [
            path for path in incidence_of_tracks(wildcards) if isinstance(path, str)
        ],
    }
    return files | ({"heights": heights} if heights else {})


def incidence_of_tracks(wildcards):
    """Incidence of every rated stack where the configuration gives it: a raster or a number, else None."""
    return [layer_of(name, "incidence") for name in rated_stacks(wildcards)]


def heading_of_tracks(wildcards):
    """Flight direction of every rated stack where the configuration gives it, else None."""
    return [STACKS[name].settings["heading_deg"] for name in rated_stacks(wildcards)]


# anomalies.smk


def track_files(wildcards):
    """Rate map, geometry and terrain of the one track that an area without fusion has its slope rates from."""
    name = rated_stacks(wildcards)[0]
    incidence = layer_of(name, "incidence")
    files = {
        "rate": f"results/{name}/sbas/rate.tif",
        "quality": f"results/{name}/sbas/quality.tif",
        "network": f"results/{name}/sbas/network.json",
        "stack": f"results/{name}/stack.json",
        "grid": f"results/{name}/grid.json",
        "heights": heights_of_area(wildcards),
    }
    return files | ({"incidence": incidence} if isinstance(incidence, str) else {})


def track_settings(wildcards):
    """Name and given geometry of that track."""
    name = rated_stacks(wildcards)[0]
    return {
        "stack": name,
        "heading_deg": STACKS[name].settings["heading_deg"],
        "incidence": layer_of(name, "incidence"),
    }


def slope_rates(wildcards):
    """Rates down the slope: of both directions of flight where the area is fused, else of one track."""
    return slope_rates_of(wildcards.area)


def slope_rates_of(area):
    """Rates down the slope of a named area."""
    folder = "fusion" if fused_products(area) else "anomalies"
    return f"results/areas/{area}/{folder}/slope.tif"


def sample_settings():
    """The rules a sample fulfils."""
    keys = (
        "min_cells",
        "max_spread_mm_yr",
        "min_step_mm_yr",
        "rim_px",
        "smoothing_px",
        "max_open_share",
    )
    return {key: config["anomalies"][key] for key in keys}


def anomaly_tiling(wildcards):
    """Size and overlap of the tiles of a rate map."""
    return config["tilings"][config["anomalies"]["tiling"]]


def anomaly_model(wildcards):
    """Weights and description of the model that looks for anomalies."""
    folder = config["models"][config["anomalies"]["model"]]
    return {
        "weights": f"{folder}/weights.safetensors",
        "description": f"{folder}/model.json",
    }


def anomaly_files(wildcards):
    """What anomalies are outlined from: a model's answer, or the samples."""
    folder = f"results/areas/{wildcards.area}/anomalies"
    files = {"slope": slope_rates(wildcards), "grid": first_rated_grid(wildcards)}
    if config["anomalies"]["model"] is None:
        return files | {"samples": f"{folder}/samples.gpkg"}
    return files | {
        "description": anomaly_model(wildcards)["description"],
        "probability": f"{folder}/probability.tif",
        "objects": f"{folder}/objects.parquet",
    }


def anomaly_thresholds():
    """What a model's answer must reach."""
    keys = ("threshold", "peak_threshold", "min_area_px")
    return {key: config["anomalies"][key] for key in keys}


def hazard_files(wildcards):
    """Anomalies, the lines they may threaten, and hazards on record where there are any."""
    section = config["hazards"]
    files = {
        "anomalies": f"results/areas/{wildcards.area}/anomalies/anomalies.gpkg",
        "lines": list(section["lines"].values()),
    }
    return files | ({"known": section["known"]} if section["known"] else {})


def anomaly_products(area):
    """Anomalies of an area and what they threaten, by role; none where they are not asked for."""
    if not config["areas"].get(area, {}).get("anomalies"):
        return {}
    folder = f"results/areas/{area}/anomalies"
    return {
        "anomalies": f"{folder}/anomalies.gpkg",
        "hazards": f"{folder}/hazards.gpkg",
        "hazard_summary": f"{folder}/hazards.json",
        "slope_rates": slope_rates_of(area),
    }


# patches.smk


def simulated_orthophoto(wildcards):
    """Recipe of a simulated orthophoto."""
    return config["simulated_orthophotos"][wildcards.orthophoto]


def patch_entry(area):
    """What an area says of its mine patches; None where they are not asked for."""
    return config["areas"].get(area, {}).get("patches")


def patch_image(wildcards):
    """Raster that mine patches are looked for in."""
    return patch_entry(wildcards.area)["image"]


def patch_reference(wildcards):
    """Reference patches of an area; none without."""
    return patch_entry(wildcards.area)["reference"] or []


def reference_layer(wildcards):
    """Layer of the reference patches' file."""
    return patch_entry(wildcards.area)["layer"]


def patch_land_cover(wildcards):
    """Land cover of an area; none without."""
    return patch_entry(wildcards.area)["land_cover"] or []


def patch_excluded(wildcards):
    """Outlines of other ground in an area; none without."""
    return patch_entry(wildcards.area)["excluded"] or []


def patch_model(wildcards):
    """Weights and description of the model that looks for mine patches."""
    folder = config["models"][config["patches"]["model"]]
    return {
        "weights": f"{folder}/weights.safetensors",
        "description": f"{folder}/model.json",
    }


def patch_description(wildcards):
    """Description of the model that looks for mine patches."""
    return patch_model(wildcards)["description"]


def picture_settings():
    """Which bands are looked at, and how they are stretched."""
    keys = ("bands", "wrapped_bands", "percentiles", "limits")
    return {key: config["patches"][key] for key in keys}


def patch_tiling(wildcards):
    """Tiles that are learnt from, and whose overlap the search has."""
    return config["tilings"][config["patches"]["tiling"]]


def patch_overlap(wildcards):
    """Overlap of the windows that are searched."""
    return patch_tiling(wildcards)["overlap"]


def patch_settings():
    """What makes segments a patch."""
    keys = (
        "control",
        "min_share",
        "min_area_m2",
        "max_excluded_share",
        "excluded_classes",
    )
    return {key: config["patches"][key] for key in keys}


def rates_around(wildcards):
    """Rate maps of an area's stacks; none without."""
    names = rated_stacks(wildcards)
    return {
        "rate": [f"results/{name}/sbas/rate.tif" for name in names],
        "quality": [f"results/{name}/sbas/quality.tif" for name in names],
        "grids": [f"results/{name}/grid.json" for name in names],
    }


def patch_products(area):
    """Mine patches of an area and how they were found, by role; none where they are not asked for."""
    entry, folder = patch_entry(area), f"results/areas/{area}/patches"
    if not entry:
        return {}
    files = {
        "patches": f"{folder}/patches.gpkg",
        "patch_picture": f"{folder}/picture.tif",
        "patch_choice": f"{folder}/segmentation.json",
        "patch_control": f"{folder}/control.json",
    }
    judged = {"patch_accuracy": f"{folder}/accuracy.json"}
    return files | (judged if entry["reference"] else {})


# permits.smk


def patches_of_area(area):
    """Mine patches of an area; none where they are not asked for."""
    return patch_products(area).get("patches", [])


def permit_files(wildcards):
    """Basins, permits, and where there are any mine patches and the rate maps that tell which of them are active."""
    files = {
        "basins": f"results/areas/{wildcards.area}/{wildcards.model}/basins.gpkg",
        "permits": config["permits"]["file"],
    }
    patches = patches_of_area(wildcards.area)
    if not patches:
        return files
    networks = [f"results/{name}/sbas/network.json" for name in rated_stacks(wildcards)]
    return files | {"patches": patches, "networks": networks}


def permit_settings():
    """How permits are read and what lies outside of them."""
    section = config["permits"]
    return {key: section[key] for key in section if key not in ("file", "layer")}


def permit_products(wildcards):
    """Findings about permits, by role; none without permits."""
    if config["permits"]["file"] is None:
        return {}
    folder = f"results/areas/{wildcards.area}/{wildcards.model}"
    return {
        "permits": f"{folder}/permits.gpkg",
        "permit_summary": f"{folder}/permits.json",
    }


# report.smk


def report_files(wildcards):
    """Everything a report shows, by role; lists run over the area's stacks."""
    folder = f"results/areas/{wildcards.area}/{wildcards.model}"
    names = AREAS[wildcards.area]
    rated = [name for name in names if STACKS[name].settings["rate"]]
    files = {
        "basins": [f"{folder}/basins.gpkg"],
        "timeline": [f"{folder}/timeline.csv"],
        "changes": [f"{folder}/changes.csv"],
        "stacks": [f"results/{name}/stack.json" for name in names],
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
        "coherence": [
            f"results/{name}/interferograms/{pair}/coherence.tif"
            for name in names
            for pair in STACKS[name].detection_pairs
        ],
        "rate": [f"results/{name}/sbas/rate.tif" for name in rated],
        "quality": [f"results/{name}/sbas/quality.tif" for name in rated],
        "statistic": [f"results/{name}/hotspots/gi_star.tif" for name in rated],
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
    files |= emerging_files(rated) | floor_files(wildcards.model)
    optional = fused_products(wildcards.area) | anomaly_products(wildcards.area)
    optional |= permit_products(wildcards) | patch_products(wildcards.area)
    files |= {role: [path] for role, path in optional.items()}
    return {role: paths for role, paths in files.items() if paths}


def floor_files(model):
    """What the model sees at the least, where the report is to tell."""
    if not config["report"]["detection_floor"]:
        return {}
    folder = f"results/experiments/{model}/detection_floor"
    return {
        "floor": [f"{folder}/summary.json"],
        "floor_plot": [f"{folder}/floor.png"],
    }


def emerging_files(rated):
    """How the hot spots of stacks develop, where that is asked for."""
    if not config["hotspots"]["emerging"]["enabled"]:
        return {}
    return {
        "patterns": [f"results/{name}/hotspots/emerging.tif" for name in rated],
        "emerging": [f"results/{name}/hotspots/emerging.gpkg" for name in rated],
    }


def settings_shown(wildcards):
    """The sections that a report shows, and its own stacks', without what only says where jobs run."""
    shown = (
        "detection",
        "activity",
        "sbas",
        "hotspots",
        "comparison",
        "fusion",
        "anomalies",
        "hazards",
        "patches",
        "permits",
    )
    sections = {
        name: {
            key: value
            for key, value in config[name].items()
            if key not in ("threads", "gpus")
        }
        for name in shown
    }
    given = config["stacks"]
    own = {name: given[name] for name in AREAS[wildcards.area] if name in given}
    return sections | {"stacks": own}


def area_warnings(wildcards):
    """Planned pairs that were left out."""
    return [
        sentence for name in AREAS[wildcards.area] for sentence in STACKS[name].warnings
    ]


def area_stacks(wildcards):
    """Stacks of an area, and which of them have a rate map."""
    return {name: STACKS[name].settings["rate"] for name in AREAS[wildcards.area]}


# tables.smk


def table_runs():
    """Runs of the papers' tables that are asked for."""
    known = yaml.safe_load(TABLES.read_text(encoding="utf-8"))["runs"]
    unknown = [name for name in config["tables"]["runs"] if name not in known]
    if unknown:
        raise WorkflowError(
            f"config: tables.runs: found '{unknown[0]}', expected some of {', '.join(known)}; correct the name."
        )
    return {
        name: run
        for name, run in known.items()
        if name in (config["tables"]["runs"] or known)
    }


def table_run(wildcards):
    """What one run changes about which recipe."""
    return table_runs()[wildcards.run]


def table_preset(wildcards):
    """Recipe that the run changes."""
    return f"resources/presets/{table_run(wildcards)['preset']}.yaml"


def table_figures():
    """Figures of every run and seed."""
    section = config["tables"]
    return expand(
        "results/tables/{scale}/{run}/{seed}.json",
        scale=section["scale"],
        run=table_runs(),
        seed=section["seeds"],
    )


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

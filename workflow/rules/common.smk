"""Stacks, pairs and final targets: pure functions of configuration and file names."""

import os
import sys
from functools import lru_cache
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

RULES = Path(str(workflow.current_basedir))
LIBRARY = RULES.parent / "scripts" / "basinwatch"
TABLES = RULES.parents[1] / "resources" / "paper_tables.yaml"
# A regular expression nothing matches.
NO_NAME = "(?!)"

sys.path.append(str(LIBRARY.parent))

from basinwatch import configuration, stacks
from basinwatch.calibration.files import match
from basinwatch.code_versions import CodeVersions
from basinwatch.companions import companions, files_in, table_companions
from basinwatch.errors import InputError
from basinwatch.experiments import design
from basinwatch.provenance import read_json
from basinwatch.simulation import forms, recipes

CODE = CodeVersions(LIBRARY, Path(".snakemake/basinwatch_code.json"))

# Folders hardly change while the jobs are planned: each is read once.
files_in_once = lru_cache(None)(files_in)


def checked(function, *arguments):
    """Call a library function; its one-sentence error ends the workflow without a traceback."""
    try:
        return function(*arguments)
    except InputError as error:
        raise WorkflowError(str(error)) from None


def load_schema():
    """Read the configuration's schema."""
    return yaml.safe_load((RULES.parent / "schemas" / "config.schema.yaml").read_text())


def on_known_grid(stack):
    """A stack whose grid is that of the pair it was read from before, so that neither older nor fewer scenes change it."""
    path = Path(f"results/{stack.name}/grid.json")
    known = read_json(path).get("pair") if path.is_file() else None
    is_free = known is not None and stack.settings["grid_pair"] is None
    return stack.keeping_grid_of(known) if is_free else stack


config = checked(configuration.validate, config, load_schema())
checked(forms.check, config["stacks"], config["simulated_stacks"])
STACKS = {
    name: on_known_grid(checked(stacks.resolve, name, entry, forms.FOLDER))
    for name, entry in config["stacks"].items()
}
AREAS = checked(stacks.resolve_areas, config["areas"], STACKS)
MODEL = config["detection"]["model"]

for stack in STACKS.values():
    for sentence in stack.warnings:
        logger.warning(sentence)

checked(configuration.check_references, config, STACKS)
config["labelled"] = configuration.labelled_pairs(config["labelled"], STACKS)
checked(configuration.check_files, config, forms.FOLDER)


def delay_files(stack):
    """Delays of a stack's dates with their headers; what the simulator will write need not exist yet."""
    folder = stack.settings["delays"]
    if folder is None:
        return []
    if Path(folder).is_relative_to(forms.FOLDER):
        maps = [f"{folder}/{day:%Y%m%d}.ztd" for day in stack.dates]
        return maps + [f"{path}.rsc" for path in maps]
    from basinwatch.sbas.corrections.delay import DelayMaps

    found = checked(DelayMaps.find, folder).paths
    listed = [found[day] for day in stack.dates if day in found]
    if len(listed) < len(stack.dates):
        logger.warning(
            f"stacks.{stack.name}.delays: found {len(listed)} of {len(stack.dates)} dates in {folder}; the others "
            "stay uncorrected."
        )
    headers = [path.with_name(f"{path.name}.rsc") for path in listed]
    return [str(path) for path in listed + [h for h in headers if h.is_file()]]


DELAYS = {name: delay_files(stack) for name, stack in STACKS.items()}


def simulation_files(settings):
    """Check the simulator's settings and the files they name; the files by role."""
    drawn_from = checked(recipes.read_settings, settings)
    air = drawn_from.atmosphere
    if air.source != "gacos" and air.dem is None:
        return {}
    from basinwatch.simulation.sources import Sources

    return checked(Sources.open, drawn_from).files()


AMOUNTS = ("name", "shard_size", "train_shards", "validation_shards")
SIMULATION = {
    key: value for key, value in config["simulation"].items() if key not in AMOUNTS
}
SIMULATION_FILES = simulation_files(SIMULATION)


# Seconds of work on small files, which no queue is worth.
localrules:
    define_grid,
    describe_network,
    describe_stack,
    grid_tiles,
    require_every_pair,
    tabulate_evaluation,


wildcard_constraints:
    stack="|".join(STACKS),
    area="|".join(AREAS),
    model="|".join(config["models"]),
    tiling="|".join(config["tilings"]),
    pair=r"\d{8}_\d{8}",
    date1=r"\d{8}",
    date2=r"\d{8}",
    split="train|validation",
    layer="heights|incidence",
    shard=r"\d{4}",
    family=r"[a-z_]+",
    simulated="|".join(config["simulated_stacks"]) or NO_NAME,
    collection="|".join(config["labelled_tiles"]) or NO_NAME,
    scale="smoke|full",
    run="[a-z0-9-]+",
    seed="[0-9]+",
    orthophoto="|".join(config["simulated_orthophotos"]) or NO_NAME,


def code_version(*names):
    """Hash the named library modules and all they import, so that an edit reruns the rules that use it."""
    return CODE.of(*names)


def written_as(form):
    """Expression for the names of simulated stacks of one form."""
    names = [
        name
        for name, entry in config["simulated_stacks"].items()
        if entry["form"] == form
    ]
    return "|".join(names) or NO_NAME


def area_of(stack):
    """Name of the area a stack belongs to."""
    return next(area for area, names in AREAS.items() if stack in names)


def area_pairs(area):
    """Pairs detected in any stack of an area, in time order."""
    names = {pair for stack in AREAS[area] for pair in STACKS[stack].detection_pairs}
    return sorted(names, key=lambda pair: (pair[9:], pair[:8]))


def model_files(wildcards):
    """Weights and description of a model."""
    folder = config["models"][wildcards.model]
    return {
        "weights": f"{folder}/weights.safetensors",
        "description": f"{folder}/model.json",
    }


def final_reports():
    """Report and map of every area: the workflow's deliverables."""
    pages = ["report.html", "map.html"]
    return expand(
        "results/areas/{area}/{model}/{page}", area=AREAS, model=MODEL, page=pages
    )


def fused_products(area):
    """Fused rate maps of an area, by role; none where that is not asked for."""
    if not config["areas"].get(area, {}).get("fuse"):
        return {}
    folder = f"results/areas/{area}/fusion"
    rated = [name for name in AREAS[area] if STACKS[name].settings["rate"]]
    files = {"motion": f"{folder}/motion.tif", "fusion": f"{folder}/fusion.json"}
    has_heights = any(STACKS[name].settings["heights"] for name in rated)
    return files | ({"slope": f"{folder}/slope.tif"} if has_heights else {})


def final_fusion():
    """Fused rate maps of the areas that ask for them."""
    return [path for area in AREAS for path in fused_products(area).values()]


def final_patches():
    """Mine patches of the areas that ask for them, and how good they are."""
    return [path for area in AREAS for path in patch_products(area).values()]


def final_truth():
    """What is true of the simulated stacks in use, and the delays of their dates where they are asked for."""
    files = []
    for stack in STACKS.values():
        name = forms.name_of(stack.settings["phase"])
        if name is not None:
            files.append(f"{forms.FOLDER}/{name}/truth.json")
            days = stack.dates if config["simulated_stacks"][name]["delays"] else []
            files += [f"{forms.FOLDER}/{name}/gacos/{day:%Y%m%d}.ztd" for day in days]
    return files


def final_networks():
    """Pairs and their picture, of every stack with a rate map."""
    rated = [name for name, stack in STACKS.items() if stack.settings["rate"]]
    names = ["pairs.csv", "network.png"]
    return expand("results/{stack}/sbas/{name}", stack=rated, name=names)


def final_mosaics():
    """Basins of every pair, per area."""
    return [
        f"results/areas/{area}/{MODEL}/mosaic/{pair}.gpkg"
        for area in AREAS
        for pair in area_pairs(area)
    ]


def final_mosaic_rasters():
    """Maps of areas that several stacks cover: activity, and probability of every pair."""
    return [
        f"results/areas/{area}/{MODEL}/{name}.tif"
        for area, names in AREAS.items()
        if len(names) > 1
        for name in ["activity", *(f"mosaic/{pair}" for pair in area_pairs(area))]
    ]


def final_tile_grids():
    """Every tile grid of every stack."""
    return expand(
        "results/{stack}/tiles/{tiling}.json", stack=STACKS, tiling=config["tilings"]
    )

"""Check a configuration against its JSON schema and fill in the schema's defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from basinwatch.errors import InputError

ORTHOPHOTOS = "results/simulated/orthophotos"


def validate(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with defaults filled in.

    Raises
    ------
    InputError
        For the most telling violation: the key, what was found, what was expected.
    """
    complete: dict[str, Any] = _with_defaults(deepcopy(dict(config)), schema, schema)
    error = best_match(Draft202012Validator(schema).iter_errors(complete))
    if error is not None:
        raise InputError(f"config: {_sentence(error)}")
    return complete


def check_references(config: Mapping[str, Any], stacks: Mapping[str, Any]) -> None:
    """Check names that point from one section to another.

    Raises
    ------
    InputError
        If a model, tile grid or stack is named that does not exist, an area to fuse has fewer than two rate maps, one
        to be searched for anomalies no terrain, or a model would learn from rates and phase together.
    """
    detection = config["detection"]
    _known("detection.model", detection["model"], config["models"])
    _known("detection.tiling", detection["tiling"], config["tilings"])
    _known("training_tiling", config["training_tiling"], config["tilings"])
    for entry in config["labelled"]:
        _known("labelled.stack", entry["stack"], stacks)
        if entry["pair"]:
            _known("labelled.pair", entry["pair"], stacks[entry["stack"]].pairs)
    for name in config["evaluation"]["models"]:
        _known("evaluation.models", name, config["models"])
    _check_labelled(config)
    _check_anomalies(config)
    _check_patches(config)
    for name, area in config["areas"].items():
        rated = {stack: stacks[stack].settings for stack in area["stacks"] if stacks[stack].settings["rate"]}
        if area["fuse"]:
            _require_two_rated(name, list(rated))
        if area["anomalies"] or area["samples"]:
            _require_heights(name, rated)


def _check_anomalies(config: Mapping[str, Any]) -> None:
    """Check what looks for anomalies, and what a model of them learns from, where they are asked for."""
    areas = config["areas"].values()
    if not any(area["anomalies"] or area["samples"] for area in areas):
        return
    section = config["anomalies"]
    _known("anomalies.tiling", section["tiling"], config["tilings"])
    if section["model"] is not None:
        _known("anomalies.model", section["model"], config["models"])
    uses = {area["samples"] for area in areas} - {None}
    if uses:
        _check_samples(config, uses)


def _check_samples(config: Mapping[str, Any], uses: set[str]) -> None:
    """Let a model learn from rates alone, and see them as such."""
    training = config["training"]
    labelled = [*config["labelled"], *config["labelled_tiles"].values()]
    others = [entry["use"] != "test" for entry in labelled]
    others += [bool(area["patches"]) and area["patches"]["train"] for area in config["areas"].values()]
    mixed = " beside other labels" if any(others) else ""
    if uses != {"train", "validation"} or training["data"] != "labelled" or mixed:
        raise InputError(
            f"config: areas.*.samples: found {' and '.join(sorted(uses))} with training.data '{training['data']}'"
            f"{mixed}, expected areas for train and for validation, and data 'labelled' without other labels; correct "
            "them."
        )
    for where, encoding in _encodings(training).items():
        if encoding != "abs_rate":
            raise InputError(
                f"config: {where}: found encoding '{encoding}' with samples of rates, expected preset insarnet-rates "
                "with its own architecture and encoding, or options.encoding 'abs_rate'; correct one of them."
            )


def _check_patches(config: Mapping[str, Any]) -> None:
    """Check what looks for mine patches, in which pictures, and what it learns from."""
    section, training = config["patches"], config["training"]
    pictures = {name: area["patches"] for name, area in config["areas"].items() if area["patches"]}
    if pictures:
        _known("patches.tiling", section["tiling"], config["tilings"])
    for name, entry in pictures.items():
        _known("patches.model", section["model"], config["models"])
        for key in ("image", "reference", "land_cover"):
            drawn = PurePosixPath(entry[key] or "")
            if drawn.is_relative_to(ORTHOPHOTOS):
                where, known = f"areas.{name}.patches.{key}", config["simulated_orthophotos"]
                _known(where, drawn.relative_to(ORTHOPHOTOS).parts[0], known)
    learnt = [name for name, entry in pictures.items() if entry["train"]]
    if learnt and not any(config["areas"][name]["patches"]["reference"] for name in learnt):
        raise InputError(
            f"config: areas.{learnt[0]}.patches.train: found no reference patches, expected a vector file of them; set "
            "reference, or train: false."
        )
    for where, encoding in _encodings(training).items() if learnt else ():
        if training["data"] != "labelled" or not encoding.startswith("bands"):
            raise InputError(
                f"config: {where}: found data '{training['data']}' and encoding '{encoding}' with pictures of area "
                f"'{learnt[0]}', expected data 'labelled' and options.encoding 'bands' with their number, such as "
                "bands3; correct them."
            )


def _require_heights(area: str, rated: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse to look down slopes without a rate map or without terrain."""
    if not any(settings["heights"] for settings in rated.values()):
        raise InputError(
            f"config: areas.{area}.anomalies: found no stack with a rate map that names heights, expected one to look "
            "down its slopes; set heights of a stack, or anomalies: false and samples: null."
        )


def labelled_pairs(entries: Sequence[Mapping[str, Any]], stacks: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Name every pair of the labelled stacks.

    An entry without a pair stands for all pairs of its stack that are searched for basins and no other entry names.
    """
    named = {(entry["stack"], entry["pair"]) for entry in entries}
    return [
        {**entry, "pair": pair}
        for entry in entries
        for pair in ([entry["pair"]] if entry["pair"] else stacks[entry["stack"]].detection_pairs)
        if entry["pair"] or (entry["stack"], pair) not in named
    ]


def _check_labelled(config: Mapping[str, Any]) -> None:
    """Keep tiles of one stack on one side of every split, and training supplied."""
    uses: dict[str, str] = {}
    for entry in config["labelled"]:
        if uses.setdefault(entry["stack"], entry["use"]) != entry["use"]:
            raise InputError(
                f"config: labelled: found stack '{entry['stack']}' used for {uses[entry['stack']]} and {entry['use']}, "
                "expected one use, since its pairs show the same ground; give all its pairs one use."
            )
    used = {*uses.values(), *(entry["use"] for entry in config["labelled_tiles"].values())}
    used |= {area["samples"] for area in config["areas"].values()}
    drawn = any(area["patches"] and area["patches"]["train"] for area in config["areas"].values())
    _check_training_data(config["training"], drawn or "train" in used)


def _check_training_data(training: Mapping[str, Any], has_labelled: bool) -> None:
    """Refuse data and shares that contradict each other."""
    data, share = training["data"], training["labelled_share"]
    if (data == "labelled" or share is not None) and not has_labelled:
        raise InputError(
            "config: training: found no labelled tiles to train on, expected some as data or labelled_share ask for "
            "them; add entries with `use: train`, or train on simulated data."
        )
    if share is not None and data != "both":
        raise InputError(
            f"config: training.labelled_share: found {share} with data '{data}', expected data 'both'; remove one."
        )
    if training["source"] != "shards" and data == "both" and has_labelled and share is None:
        raise InputError(
            f"config: training.labelled_share: found null with source '{training['source']}' and labelled tiles, "
            "expected a share, since tiles simulated underway have no end; set it, or data: simulated."
        )


def _require_two_rated(area: str, rated: list[str]) -> None:
    """Refuse to fuse less than two rate maps."""
    if len(rated) < 2:
        raise InputError(
            f"config: areas.{area}.fuse: found {len(rated)} stacks with a rate map, expected an ascending and a "
            "descending one; add the other track, or set fuse: false."
        )


def training_entry(training: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Section ``training`` of one model: itself, or what a variant changes about it.

    Options and start of another detector's recipe do not reach a variant.
    """
    variant = training["variants"].get(name, {})
    own = {"options", "weights"} if {"preset", "architecture"} & set(variant) else set()
    own |= {"architecture"} if "preset" in variant else set()
    return {key: value for key, value in training.items() if key not in own} | variant


def _encodings(training: Mapping[str, Any]) -> dict[str, str]:
    """List the encoding of every model to be trained, by the place in the configuration that asks for it."""
    places = {"training": training["name"]} | {f"training.variants.{name}": name for name in training["variants"]}
    return {where: _encoding(training_entry(training, name)) for where, name in places.items()}


def _encoding(entry: Mapping[str, Any]) -> str:
    """Name the encoding of an entry; 'None' is one of phase, as of a preset for rates with another architecture."""
    as_published = entry["preset"] == "insarnet-rates" and entry.get("architecture", "insarnet") == "insarnet"
    return str(entry.get("options", {}).get("encoding", "abs_rate" if as_published else None))


def check_files(config: Mapping[str, Any], generated: str) -> None:
    """Check the files and folders that are needed besides the interferograms.

    Parameters
    ----------
    generated
        Folder of what the workflow makes itself, so that it need not exist yet.

    Raises
    ------
    InputError
        If one is named that does not exist.
    """
    named = {
        f"stacks.{name}.{key}": entry[key]
        for name, entry in config["stacks"].items()
        for key in ("lookup_table", "heights", "incidence", "delays", "reference", "control")
    }
    named |= {
        f"labelled_tiles.{name}.{role}": entry[role]
        for name, entry in config["labelled_tiles"].items()
        for role in ("images", "labels")
    }
    named["sbas.reference.place"] = config["sbas"]["reference"]["place"]
    named |= {
        f"areas.{name}.patches.{key}": entry["patches"][key]
        for name, entry in config["areas"].items()
        if entry["patches"]
        for key in ("image", "reference", "land_cover", "excluded")
    }
    named |= {f"hazards.lines.{name}": path for name, path in config["hazards"]["lines"].items()}
    named |= {"hazards.known": config["hazards"]["known"], "permits.file": config["permits"]["file"]}
    for where, path in named.items():
        if isinstance(path, str) and not Path(path).is_relative_to(generated) and not Path(path).exists():
            raise InputError(f"config: {where}: found nothing at '{path}'; correct the path or set it to null.")


def _known(where: str, name: str, choices: Iterable[str]) -> None:
    """Refuse a name that is not among the choices."""
    if name not in choices:
        raise InputError(f"config: {where}: '{name}' is not defined; expected one of {', '.join(choices)}.")


def _with_defaults(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """Fill missing keys of mappings, recursively."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, list) and "items" in schema:
        return [_with_defaults(part, schema["items"], root) for part in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    for key, child in properties.items():
        if key not in value and "default" in child:
            value[key] = deepcopy(child["default"])
    others = schema.get("additionalProperties", False)
    for key in value:
        child = properties.get(key, others if isinstance(others, dict) else {})
        value[key] = _with_defaults(value[key], child, root)
    return value


def _sentence(error: ValidationError) -> str:
    """Say in one sentence what is wrong."""
    where = ".".join(str(part) for part in error.absolute_path) or "top level"
    if error.validator == "additionalProperties":
        return _unknown_key(where, error.instance, error.schema["properties"])
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{where}: key '{missing[0]}' is missing{_about(error.schema['properties'][missing[0]])}."
    return f"{where}: found {error.instance!r}, expected {_expectation(error)}{_about(error.schema)}."


def _unknown_key(where: str, found: Iterable[str], known: Mapping[str, Any]) -> str:
    """Name the unknown key and the likeliest one meant."""
    unknown = next(key for key in found if key not in known)
    close = get_close_matches(unknown, known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"known keys are {', '.join(known)}."
    return f"{where}: unknown key '{unknown}'; {hint}"


def _expectation(error: ValidationError) -> str:
    """Describe what a validator wants in plain words."""
    wanted = error.validator_value
    several = wanted if isinstance(wanted, list) else [wanted]
    phrases = {
        "type": f"type {' or '.join(map(str, several))}",
        "enum": f"one of {', '.join(map(repr, several))}",
        "minimum": f"at least {wanted}",
        "maximum": f"at most {wanted}",
        "exclusiveMinimum": f"more than {wanted}",
        "exclusiveMaximum": f"less than {wanted}",
        "minItems": f"at least {wanted} entries",
        "minProperties": f"at least {wanted} entry",
        "pattern": f"text that matches {wanted}",
    }
    return phrases.get(error.validator, error.message)


def _about(schema: Mapping[str, Any]) -> str:
    """Append the key's description when it has one."""
    return f" ({schema['description'].rstrip('.')})" if "description" in schema else ""

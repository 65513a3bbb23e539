"""One-sentence configuration errors, and defaults."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from basinwatch.configuration import check_files, check_references, validate
from basinwatch.errors import InputError

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
RATED = {
    name: SimpleNamespace(settings={"rate": name != "unrated", "heights": None if name == "bare" else "dem.tif"})
    for name in ("s", "t", "bare", "unrated")
}
MINIMAL = {"stacks": {"s": {"phase": "{pair}.diff"}}}


@pytest.mark.parametrize("path", [ROOT / "config/config.yaml", *(ROOT / "config/examples").glob("*.yaml")])
def test_shipped_configurations_are_valid(path):
    assert validate(yaml.safe_load(path.read_text()), SCHEMA)["detection"]["model"] == "basinnet"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"detektion": {}}, "top level: unknown key 'detektion'; did you mean 'detection'?"),
        ({"sbas": {"look": 3}}, "sbas: unknown key 'look'; did you mean 'looks'?"),
        ({"stacks": {"s": {"fase": "x"}}}, "stacks.s: unknown key 'fase'; did you mean 'phase'?"),
        ({"stacks": {"s": {"format": "gamma"}}}, "stacks.s: key 'phase' is missing"),
        ({"stacks": {"s": {"phase": "x", "format": "gama"}}}, "expected one of 'auto', 'gamma'"),
        ({"sbas": {"looks": 0}}, "sbas.looks: found 0, expected at least 1"),
        ({"detection": {"threads": "two"}}, "detection.threads: found 'two', expected type integer"),
        ({"stacks": {"a/b": {"phase": "x"}}}, "a/b"),
    ],
)
def test_a_mistake_is_one_sentence_with_key_found_and_expected(change, sentence):
    with pytest.raises(InputError) as error:
        validate(MINIMAL | change, SCHEMA)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_defaults_reach_every_level_and_leave_the_input_alone():
    config = validate(MINIMAL, SCHEMA)
    assert config["stacks"]["s"]["network"] == {
        "predecessors": 3,
        "max_temporal_baseline_days": None,
        "max_perpendicular_baseline_m": None,
        "bridge_days": None,
    }
    assert config["hotspots"]["radius_m"] == 200
    assert MINIMAL == {"stacks": {"s": {"phase": "{pair}.diff"}}}


def test_names_that_point_nowhere_are_refused():
    config = validate(MINIMAL | {"detection": {"model": "other"}}, SCHEMA)
    with pytest.raises(InputError, match="'other' is not defined; expected one of basinnet"):
        check_references(config, {})


def walk(schema, path="config"):
    """Yield (path, key, child) for every property in a schema."""
    for name, child in {**schema.get("properties", {}), **schema.get("$defs", {})}.items():
        yield path, name, child
        yield from walk(child, f"{path}.{name}")
    for part in ("additionalProperties", "items"):
        if isinstance(schema.get(part), dict):
            yield from walk(schema[part], path)


def test_every_key_is_described_and_every_object_is_closed():
    for path, name, child in walk(SCHEMA):
        assert "description" in child, f"{path}.{name} has no description"
        if child.get("type") == "object":
            assert "additionalProperties" in child, f"{path}.{name} accepts unknown keys"


def test_defaults_satisfy_the_schema():
    validate(validate(MINIMAL, SCHEMA), SCHEMA)


LABELLED = {"stack": "s", "pair": "20240105_20240117", "polygons": "p.gpkg"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"training": {"data": "labelled"}}, "found no labelled tiles to train on"),
        ({"training": {"labelled_share": 0.5}}, "found no labelled tiles to train on"),
        (
            {"labelled": [LABELLED], "training": {"data": "simulated", "labelled_share": 0.5}},
            "labelled_share: found 0.5 with data 'simulated'",
        ),
        (
            {"labelled": [LABELLED], "training": {"source": "simulation"}},
            "labelled_share: found null with source 'simulation'",
        ),
        (
            {"labelled": [LABELLED, LABELLED | {"use": "test"}]},
            "found stack 's' used for train and test, expected one use",
        ),
        ({"evaluation": {"models": ["other"]}}, "evaluation.models: 'other' is not defined"),
    ],
)
def test_training_data_that_contradict_each_other_are_refused(change, sentence):
    class Stack:
        pairs = ("20240105_20240117",)

    with pytest.raises(InputError) as error:
        check_references(validate(MINIMAL | change, SCHEMA), {"s": Stack})
    assert sentence in str(error.value)


SLOPES = {"up": {"stacks": ["s"], "anomalies": True}}
TRAINED = {"up": {"stacks": ["s"], "samples": "train"}, "down": {"stacks": ["t"], "samples": "validation"}}
ON_RATES = {"data": "labelled", "preset": "insarnet-rates"}
LIKE_RATES = {"data": "labelled", "preset": "mask-rcnn", "options": {"encoding": "abs_rate"}}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"areas": SLOPES, "anomalies": {"model": "other"}}, "anomalies.model: 'other' is not defined"),
        ({"areas": SLOPES, "anomalies": {"tiling": "px7"}}, "anomalies.tiling: 'px7' is not defined"),
        (
            {"areas": {"up": {"stacks": ["bare"], "anomalies": True}}},
            "areas.up.anomalies: found no stack with a rate map",
        ),
        (
            {"areas": {"up": {"stacks": ["unrated"], "anomalies": True}}},
            "that names heights, expected one to look down",
        ),
        ({"areas": {"up": TRAINED["up"]}, "training": ON_RATES}, "areas.*.samples: found train with training.data"),
        ({"areas": TRAINED}, "found train and validation with training.data 'both'"),
        (
            {"areas": TRAINED, "training": ON_RATES, "labelled_tiles": {"c": {"images": "i", "labels": "l"}}},
            "with training.data 'labelled' beside other labels",
        ),
        (
            {"areas": TRAINED, "training": ON_RATES | {"preset": "insarnet"}},
            "config: training: found encoding 'None' with samples of rates",
        ),
        (
            {"areas": TRAINED, "training": ON_RATES | {"architecture": "basinnet"}},
            "config: training: found encoding 'None' with samples of rates",
        ),
        (
            {"areas": TRAINED, "training": ON_RATES | {"options": {"encoding": "sincos"}}},
            "config: training: found encoding 'sincos' with samples of rates",
        ),
        (
            {"areas": TRAINED, "training": ON_RATES | {"variants": {"v": {"preset": "basinnet"}}}},
            "config: training.variants.v: found encoding 'None' with samples of rates",
        ),
        (
            {"areas": TRAINED, "training": LIKE_RATES | {"variants": {"v": {"architecture": "unet"}}}},
            "config: training.variants.v: found encoding 'None' with samples of rates",
        ),
    ],
)
def test_anomalies_without_terrain_and_training_on_mixed_samples_are_refused(change, sentence):
    with pytest.raises(InputError) as error:
        check_references(validate(MINIMAL | change, SCHEMA), RATED)
    assert sentence in str(error.value)


def test_a_model_may_learn_from_the_rates_of_one_area_and_be_validated_on_another():
    config = MINIMAL | {"areas": TRAINED, "training": ON_RATES}
    check_references(validate(config, SCHEMA), RATED)
    config["training"] = LIKE_RATES
    check_references(validate(config, SCHEMA), RATED)
    variants = {"published": {"preset": "insarnet-rates"}, "faster": {"learning_rate": 0.01}}
    config["training"] = LIKE_RATES | {"variants": variants}
    check_references(validate(config, SCHEMA), RATED)


@pytest.mark.parametrize(
    "change",
    [
        {"hazards": {"lines": {"roads": "no/such.gpkg"}}},
        {"hazards": {"known": "no/such.gpkg"}},
        {"permits": {"file": "no/such.gpkg"}},
    ],
)
def test_a_vector_file_that_is_not_there_is_named(change):
    with pytest.raises(
        InputError, match=r"(hazards\.lines\.roads|hazards\.known|permits\.file): found nothing at 'no/such"
    ):
        check_files(validate(MINIMAL | change, SCHEMA), "results/simulated")

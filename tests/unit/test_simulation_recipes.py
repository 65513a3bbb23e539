"""Recipes and settings: what may be set, and one sentence for what may not."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest
import yaml
from basinwatch.errors import InputError
from basinwatch.simulation.recipes import RECIPES, read_settings
from basinwatch.simulation.settings import STRATIFIED_MM_PER_KM, TURBULENCE_MM, Settings

SCHEMA = Path(__file__).parents[2] / "workflow" / "schemas" / "config.schema.yaml"


def test_a_recipe_without_further_settings_is_its_preset():
    assert read_settings({}) == RECIPES["realistic"] == Settings()
    assert read_settings({"recipe": "paper"}) == RECIPES["paper"]


def test_a_custom_recipe_starts_from_the_realistic_one():
    settings = read_settings({"recipe": "custom", "seed": 7, "basins": {"peak_mm": [10, 20], "counts": [1, 2]}})
    assert (settings.seed, settings.basins.peak_mm, settings.basins.counts) == (7, (10.0, 20.0), (1.0, 2.0))
    assert settings.basins.depth_m == Settings().basins.depth_m
    assert settings.speckle == Settings().speckle


def test_a_named_recipe_takes_what_does_not_change_its_meaning():
    settings = read_settings({"recipe": "paper", "seed": 3, "labels": {"positive_mm": 10}, "atmosphere": {"dem": "x"}})
    assert (settings.seed, settings.labels.positive_mm, settings.atmosphere.dem) == (3, 10.0, "x")


def test_the_strength_of_turbulence_may_be_named():
    settings = read_settings(
        {"recipe": "custom", "atmosphere": {"delay_mm": "strong", "stratified_mm_per_km": "strong"}}
    )
    assert settings.atmosphere.delay_mm == TURBULENCE_MM["strong"] == 8.0
    assert settings.atmosphere.stratified_mm_per_km == STRATIFIED_MM_PER_KM["strong"] == 70.0


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"peak": 3}, "unknown setting 'peak'"),
        ({"recipe": "custom", "basins": {"peak": 3}}, r"simulation\.basins: found unknown setting 'peak'"),
        ({"recipe": "custom", "basins": {"peak_mm": 3}}, r"basins\.peak_mm: found 3, expected a list \[low, high\]"),
        ({"recipe": "custom", "basins": {"peak_mm": [9, 3]}}, "swap the two numbers"),
        ({"recipe": "custom", "basins": {"peak_mm": [0, 3]}}, r"basins\.peak_mm"),
        ({"recipe": "custom", "basins": {"counts": [0, 0]}}, "not all zero"),
        ({"recipe": "custom", "basins": {"counts": [-1, 2]}}, r"basins\.counts"),
        ({"recipe": "custom", "basins": {"gaussian_form": "round"}}, "amplitude, printed"),
        ({"recipe": "custom", "speckle": {"texture_share": 1.5}}, "share between 0 and 1"),
        ({"recipe": "custom", "atmosphere": {"delay_mm": "mild"}}, r"delay_mm: found 'mild'"),
        ({"recipe": "custom", "atmosphere": {"source": "gacos"}}, r"gacos_dir: found None"),
        ({"recipe": "custom", "atmosphere": {"seasonal": "no"}}, r"seasonal: found 'no'"),
        ({"recipe": "custom", "basins": {"depth_m": [50, 900]}}, r"depth_m: found \[50.0, 900.0\]"),
        ({"recipe": "custom", "geometry": {"pair_days": [12]}}, "one weight for each"),
        ({"recipe": "custom", "geometry": {"incidence_deg": [30, 95]}}, "at most 80"),
        ({"recipe": "custom", "atmosphere": 3}, "expected settings by name"),
        ({"basins": {"peak_mm": [1, 3]}}, "recipe 'realistic' fixes it"),
        ({"recipe": "paper", "atmosphere": {"delay_mm": 3}}, "recipe 'paper' fixes it"),
        ({"recipe": "x"}, "realistic, paper, custom"),
        ({"seed": -1}, "seed: found -1"),
        ({"tile_size_px": "big"}, "tile_size_px: found 'big'"),
        ({"recipe": "custom", "filter": {"window_px": [33]}}, "even numbers"),
        ({"recipe": "custom", "geometry": {"pair_days": [0, 12, 24]}}, "pair_days"),
        ({"recipe": "custom", "coherence": {"critical_baseline_m": 0}}, "critical_baseline_m"),
        ({"recipe": "custom", "atmosphere": {"ramp_fringes": float("inf")}}, "ramp_fringes: found inf"),
        ({"pixel_size_m": [10, float("inf")]}, "pixel_size_m"),
        ({"seed": 2**64}, "seed"),
        ({"labels": {"ignore_mm": 9}}, "at most positive_mm"),
        ({"tile_size_px": 16}, "tile_size_px: found 16"),
    ],
)
def test_settings_that_make_no_sense_are_named(section, sentence):
    with pytest.raises(InputError, match=sentence):
        read_settings(section)


def test_the_configuration_schema_knows_every_setting_and_no_other():
    known = yaml.safe_load(SCHEMA.read_text())["properties"]["simulation"]["properties"]
    defaults = {name: known[name]["default"] for name in ("seed", "tile_size_px", "pixel_size_m")}
    assert read_settings(defaults) == Settings()
    amounts = {"name", "recipe", "shard_size", "train_shards", "validation_shards"}
    assert set(known) - amounts == {f.name for f in fields(Settings)}
    for name, kind in get_type_hints(Settings).items():
        if is_dataclass(kind):
            assert set(known[name]["properties"]) == {f.name for f in fields(kind)}, name

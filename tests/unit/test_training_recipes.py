"""Published presets, and what a configuration makes of them."""

from pathlib import Path

import pytest
import torch
import yaml
from basinwatch import detectors
from basinwatch.errors import InputError
from basinwatch.training.recipes import read_recipe, training_settings

ROOT = Path(__file__).parents[2]
PRESETS = ROOT / "resources" / "presets"
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
TRAINING = SCHEMA["properties"]["training"]["properties"]


def settings(preset, changes=None, tiles=1896):
    return training_settings(read_recipe(PRESETS / f"{preset}.yaml", changes or {}), "m", tiles, (10.0, 40.0))


def test_the_schema_offers_every_preset_and_every_detector():
    assert sorted(SCHEMA["$defs"]["preset"]["enum"]) == sorted(path.stem for path in PRESETS.glob("*.yaml"))
    assert sorted(SCHEMA["$defs"]["architecture"]["enum"]) == detectors.available()


@pytest.mark.parametrize("path", sorted(PRESETS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_preset_names_a_detector_that_can_be_built_and_a_whole_recipe(path):
    made = settings(path.stem)
    with torch.device("meta"):
        assert detectors.build(made.architecture, made.options)
    assert set(yaml.safe_load(path.read_text())) <= set(TRAINING)


def test_the_published_lengths_follow_from_epochs_and_tiles():
    """Zhang et al. 2022: 30 epochs of 1896 samples in batches of 8 are 7110 iterations, tenfold less every 2370."""
    made = settings("insarnet")
    assert (made.steps, made.schedule.every_steps, made.schedule.factor) == (7110, 2370, 0.1)
    assert settings("light-yolo-basin").steps == 60_000
    assert settings("mask-rcnn").steps == 20_000


def test_changes_win_over_the_preset():
    made = settings("basinnet", {"steps": 7, "learning_rate": 0.5, "optimizer": {"weight_decay": 0.3}})
    assert (made.steps, made.learning_rate) == (7, 0.5)
    assert (made.optimizer.weight_decay, made.optimizer.clip_norm) == (0.3, 5.0)


def test_options_of_a_preset_do_not_reach_another_architecture_nor_parameters_another_schedule():
    changes = {"architecture": "unet", "schedule": {"kind": "cosine"}, "options": {"classes": 1}}
    made = settings("light-yolo-basin", changes)
    assert made.options == {"classes": 1}
    assert made.schedule.warmup_steps == 100


def test_epochs_and_steps_together_are_refused():
    with pytest.raises(InputError, match="found epochs and steps"):
        settings("basinnet", {"epochs": 1, "steps": 1})

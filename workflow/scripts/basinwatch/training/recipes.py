"""Recipes of training runs: a published preset, and what the configuration changes about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from basinwatch.errors import InputError
from basinwatch.training.augmentation import AugmentationSettings
from basinwatch.training.optimizers import OptimizerSettings
from basinwatch.training.schedules import ScheduleSettings
from basinwatch.training.trainer import TrainingSettings

_SECTIONS = ("optimizer", "schedule", "augmentation")
_LENGTHS = ("epochs", "steps")


def read_recipe(preset: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Read a preset and change it.

    Parameters
    ----------
    preset
        YAML file with the keys of the configuration's section ``training``.
    changes
        What the configuration names. Options of the preset do not apply to another architecture, nor its parameters to
        another optimiser or schedule.

    Raises
    ------
    InputError
        If epochs and steps are both given.
    """
    recipe: dict[str, Any] = yaml.safe_load(preset.read_text(encoding="utf-8"))
    if all(key in changes for key in _LENGTHS):
        raise InputError("config: training: found epochs and steps, expected one of them; remove the other.")
    if any(key in changes for key in _LENGTHS):
        recipe = {key: value for key, value in recipe.items() if key not in _LENGTHS}
    same = changes.get("architecture", recipe["architecture"]) == recipe["architecture"]
    options = (recipe["options"] if same else {}) | changes.get("options", {})
    sections = {name: _changed(recipe[name], changes.get(name, {})) for name in _SECTIONS}
    return recipe | dict(changes) | sections | {"options": options}


def _changed(section: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change a section; another name or kind starts from its own defaults."""
    renamed = any(key in changes and changes[key] != section.get(key) for key in ("name", "kind"))
    return ({} if renamed else dict(section)) | dict(changes)


def training_settings(
    recipe: Mapping[str, Any], name: str, tiles: int, pixel_size_m: tuple[float, float]
) -> TrainingSettings:
    """Translate a recipe; epochs of `tiles` tiles become steps."""
    rest = dict(recipe)
    epoch_steps = tiles / rest["batch_size"]
    steps = rest.pop("steps") if "steps" in rest else max(round(rest.pop("epochs") * epoch_steps), 1)
    schedule = rest.pop("schedule")
    if "every_epochs" in schedule:
        every = max(round(schedule["every_epochs"] * epoch_steps), 1)
        schedule = {key: value for key, value in schedule.items() if key != "every_epochs"} | {"every_steps": every}
    return TrainingSettings(
        name=name,
        steps=steps,
        pixel_size_m=pixel_size_m,
        schedule=ScheduleSettings(**schedule),
        optimizer=OptimizerSettings(**rest.pop("optimizer")),
        augmentation=AugmentationSettings(**rest.pop("augmentation")),
        **rest,
    )

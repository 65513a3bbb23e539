"""Simulated stacks as a user's configuration makes them."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import yaml
from basinwatch import configuration
from basinwatch.simulation.deformation import Patch
from basinwatch.simulation.stack import Pair, SimulatedStack

from tests.conftest import ROOT

FIRST = date(2023, 1, 10)
DATES = [FIRST + timedelta(days=12 * k) for k in range(12)]


def simulated(**settings: object) -> SimulatedStack:
    """Build one from its entry of the configuration, with the schema's defaults."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    entry = {"first_date": FIRST.isoformat(), "size_px": 240} | settings
    config = {"stacks": {"mine": {"phase": "{pair}.diff"}}, "simulated_stacks": {"mine": entry}}
    return SimulatedStack.from_config(configuration.validate(config, schema)["simulated_stacks"]["mine"])


def true_movement(stack: SimulatedStack, first: date, last: date) -> np.ndarray:
    """Movement east, north and up between two dates in mm, (3, y, x)."""
    total = np.zeros((3, *stack.grid.shape), np.float32)
    for movement in stack.ground.movements((first - FIRST).days, (last - FIRST).days):
        for target, part in zip(total, (movement.east, movement.north, movement.up), strict=True):
            Patch(movement.row, movement.column, part).add_to(target)
    return total


def pair(first: int, second: int) -> Pair:
    """Pair of two dates by their numbers."""
    return Pair(DATES[first], DATES[second])

"""The whole comparison: real tiles, simulated ones, a suggestion and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from basinwatch.calibration.sampling import figures, tiles_with_basins
from basinwatch.calibration.statistics import statistics
from basinwatch.calibration.suggestion import Suggestion, suggest
from basinwatch.calibration.tables import Row, table
from basinwatch.datasets.tiles import LabelledTile
from basinwatch.simulation.settings import Settings
from basinwatch.simulation.sources import NO_SOURCES, Sources

_SHOWN = 6


@dataclass(frozen=True)
class Calibration:
    """Result of a calibration.

    Parameters
    ----------
    now, then
        Table of the present and of the suggested settings.
    suggestion
        What to change.
    shown
        The first few simulated tiles.
    """

    now: list[Row]
    then: list[Row]
    suggestion: Suggestion
    shown: list[LabelledTile]


def calibrate(
    real_tiles: Sequence[LabelledTile], settings: Settings, count: int, sources: Sources = NO_SOURCES
) -> Calibration:
    """Hold `count` simulated tiles against real ones, find better settings, and simulate those too.

    Takes the time of thirteen times `count` tiles. The tiles of all settings have the same numbers.
    """
    real = [statistics(tile) for tile in real_tiles]
    numbers: list[int] = []
    simulated: list[dict[str, float]] = []
    shown: list[LabelledTile] = []
    for tile in tiles_with_basins(settings, count, sources):
        numbers.append(tile.tile_id)
        simulated.append(statistics(tile))
        shown += [tile] if len(shown) < _SHOWN else []

    def simulate(trial: Settings) -> list[dict[str, float]]:
        return figures(trial, numbers, sources)

    suggestion = suggest(settings, real, simulate)
    return Calibration(table(real, simulated), table(real, simulate(suggestion.settings)), suggestion, shown)

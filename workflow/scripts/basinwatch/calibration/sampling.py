"""Simulated tiles to hold against real ones, from sample numbers that no training uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from basinwatch.calibration.statistics import statistics
from basinwatch.datasets.tiles import LabelledTile
from basinwatch.errors import InputError
from basinwatch.simulation.drawing import draw
from basinwatch.simulation.rendering import render
from basinwatch.simulation.settings import Settings
from basinwatch.simulation.sources import NO_SOURCES, Sources

FIRST_SAMPLE = 30_000_000
_MOST_TRIES = 20
_SPLIT = "validation"


def tiles_with_basins(settings: Settings, count: int, sources: Sources = NO_SOURCES) -> Iterator[LabelledTile]:
    """Render tiles in the order of their numbers; yield the first `count` in which a basin is to be found.

    Raises
    ------
    InputError
        If fewer than one tile in 20 has such a basin.
    """
    numbers = range(FIRST_SAMPLE, FIRST_SAMPLE + _MOST_TRIES * count)
    found = 0
    for tile in islice(_with_basins(settings, numbers, sources), count):
        found += 1
        yield tile
    if found < count:
        raise InputError(
            f"simulation: found {found} tiles with a basin to be found among {len(numbers)}, expected {count}; "
            "raise basins.peak_mm or the weights of basins.counts."
        )


def figures(settings: Settings, numbers: Iterable[int], sources: Sources = NO_SOURCES) -> list[dict[str, float]]:
    """Statistics of the tiles of given numbers, without those in which no basin is to be found."""
    return [statistics(tile) for tile in _with_basins(settings, numbers, sources)]


def _with_basins(settings: Settings, numbers: Iterable[int], sources: Sources) -> Iterator[LabelledTile]:
    """Tiles of given numbers in which a basin is to be found; empty ones are not rendered."""
    for number in numbers:
        record = draw(settings, number, sources, _SPLIT)
        if record["basins"]:
            tile = render(record, sources)
            if any(not label.ignore for label in tile.labels):
                yield tile

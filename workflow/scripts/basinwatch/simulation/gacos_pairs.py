"""Delay of real air for simulated tiles: differences of two GACOS dates of one season, cut at random places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.gacos import read_grid, read_values, scan
from basinwatch.grid import Grid
from basinwatch.simulation.crops import fill_gaps, require_room
from basinwatch.simulation.geometry import Spacing

SEASONS = ("DJF", "MAM", "JJA", "SON")
SPLITS = ("train", "validation", "test")

Pools = dict[str, dict[str, list[tuple[date, date]]]]

_FEWEST_TO_SPLIT = 4
_FEWEST_TO_TEST = 6
_SAME_PLACE_PX = 0.01


def season_of(day: date) -> str:
    """Season of a date by its month, whatever the year."""
    return SEASONS[day.month % 12 // 3]


def pools(days: Iterable[date]) -> Pools:
    """List the pairs of each split and season; a pair joins two dates of one season of any years.

    Dates, not places, are divided. Of a season's n dates, max(2, n // 6) go to validation and as many
    to test, evenly spread in time, and a pair has both its dates in one split. Where n is 4 or 5, two go
    to validation and none to test. Where n is 2 or 3, all serve training.

    Returns
    -------
    dict
        Pairs by split and season, the earlier date first; seasons without a pair are left out.
    """
    distinct = sorted(set(days))
    parts = {season: _divide([day for day in distinct if season_of(day) == season]) for season in SEASONS}
    return {
        split: {season: pairs for season, part in parts.items() if (pairs := list(combinations(part[split], 2)))}
        for split in SPLITS
    }


def _divide(days: list[date]) -> dict[str, list[date]]:
    """Dates of a season by split."""
    n = len(days)
    held = max(2, n // 6) if n >= _FEWEST_TO_SPLIT else 0
    parts = 2 if n >= _FEWEST_TO_TEST else 1
    places = [(2 * i + 1) * n // (2 * parts * held) for i in range(parts * held)]
    return {
        "train": [day for i, day in enumerate(days) if i not in places],
        "validation": [days[i] for i in places[::parts]],
        "test": [days[i] for i in places[1::2]] if parts == 2 else [],
    }


def check(folder: str | Path, tile_m: float, splits: Iterable[str] = ("train", "validation")) -> None:
    """Refuse a folder of GACOS files that tiles cannot be made of; reads headers alone.

    Parameters
    ----------
    folder
        As :func:`basinwatch.gacos.scan` takes it.
    tile_m
        Longest side of a tile in metres.
    splits
        Which of them tiles are made for.

    Raises
    ------
    InputError
        If a header is wrong, a season has a single date, a split has no pair, grids differ, or they are
        smaller than a tile.
    """
    paths = scan(folder)
    _require_seasons(folder, paths)
    listed = pools(paths)
    for split in splits:
        if not listed[split]:
            raise InputError(
                f"{folder}: found no season with {_FEWEST_TO_SPLIT} dates, expected one, so that {split} tiles have "
                "dates of their own; add dates."
            )
    first = next(iter(paths.values()))
    grid = read_grid(first)
    for path in paths.values():
        _require_same(first, grid, path, read_grid(path))
    require_room(first, grid, (tile_m, tile_m))


def draw(rng: Generator, listed: Pools, split: str, season: str | None = None) -> dict[str, Any]:
    """Draw a pair and a place; all pairs are alike likely, in either order.

    Parameters
    ----------
    rng
        Source of randomness.
    listed, split
        Result of :func:`pools`, and the split to draw for.
    season
        Draw from this season; from all of them if it is None or has no pair in the split.

    Returns
    -------
    dict
        ``first`` and ``second`` date as YYYYMMDD, ``row`` and ``column`` as shares of the room a
        tile has to move; plain JSON types.
    """
    by_season = listed[split]
    pairs = by_season.get(season or "") or [pair for some in by_season.values() for pair in some]
    pair = pairs[rng.integers(len(pairs))]
    swapped = bool(rng.random() < 0.5)
    row, column = rng.random(2)
    names = [f"{day:%Y%m%d}" for day in (reversed(pair) if swapped else pair)]
    return {"first": names[0], "second": names[1], "row": float(row), "column": float(column)}


def render(
    drawn: Mapping[str, Any], paths: Mapping[date, Path], shape: tuple[int, int], spacing: Spacing
) -> NDArray[np.float32]:
    """Cut a drawn place out of the difference of a drawn pair, second date minus first.

    Only the place is read from the files. Gaps take the nearest value; a place without any has no
    delay. Weather models know no turbulence below a few kilometres: add
    :func:`basinwatch.simulation.atmosphere.fine_turbulence`.

    Parameters
    ----------
    drawn
        Result of :func:`draw`.
    paths
        Result of :func:`basinwatch.gacos.scan`.
    shape, spacing
        Rows and columns of the tile, and their distances in metres.

    Returns
    -------
    numpy.ndarray
        Zenith delay difference in metres about its mean, (y, x).

    Raises
    ------
    InputError
        If a file holds no plausible delays, the grids differ, or the tile is larger than they are.
    """
    first, second = (paths[date.fromisoformat(drawn[role])] for role in ("first", "second"))
    grid = _grid(first)
    _require_same(first, grid, second, _grid(second))
    require_room(first, grid, (shape[0] * spacing.y, shape[1] * spacing.x))
    rows, columns = _places(grid, drawn, shape, spacing)
    window = [
        slice(max(int(places[0]), 0), min(int(places[-1]) + 2, n))
        for places, n in zip((rows, columns), grid.shape, strict=True)
    ]
    difference = read_values(second, grid, *window) - read_values(first, grid, *window)
    fine = _bilinear(fill_gaps(difference), rows - window[0].start, columns - window[1].start)
    return fine - fine.mean(dtype=np.float64).astype(np.float32)


@lru_cache(maxsize=1024)
def _grid(path: Path) -> Grid:
    """Placement of a file, read once."""
    return read_grid(path)


def _places(
    grid: Grid, drawn: Mapping[str, Any], shape: tuple[int, int], spacing: Spacing
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fractional rows and columns of a grid that the centres of a tile's pixels fall on."""
    own_x, own_y = grid.pixel_spacing_m
    steps = spacing.y / own_y, spacing.x / own_x
    rows, columns = (
        share * (n - count * step) + (np.arange(count) + 0.5) * step - 0.5
        for share, n, count, step in zip((drawn["row"], drawn["column"]), grid.shape, shape, steps, strict=True)
    )
    return rows, columns


def _bilinear(
    values: NDArray[np.float32], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Interpolate at every combination of fractional rows and columns."""
    for axis, places in enumerate((rows, columns)):
        below = np.clip(places.astype(np.intp), 0, max(values.shape[axis] - 2, 0))
        above = np.minimum(below + 1, values.shape[axis] - 1)
        share = (places - below).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
        low = values.take(below, axis=axis)
        values = low + share * (values.take(above, axis=axis) - low)
    return values


def _require_seasons(folder: str | Path, days: Iterable[date]) -> None:
    """Refuse dates that leave a season with a single one."""
    for season in SEASONS:
        alone = [day for day in days if season_of(day) == season]
        if len(alone) == 1:
            raise InputError(
                f"{folder}: found only {alone[0]:%Y%m%d} in {season}, expected at least two dates of a season or "
                "none; add a date of these months or take this one away."
            )


def _require_same(path: Path, grid: Grid, other_path: Path, other: Grid) -> None:
    """Refuse dates on different grids."""
    moved = max(abs(pixels) for pixels in grid.offset_of(other))
    if grid.shape != other.shape or moved > _SAME_PLACE_PX or not grid.aligned_with(other):
        raise InputError(
            f"{other_path}: found another grid than in {path.name}, expected one for all dates; "
            "download all dates for one area."
        )

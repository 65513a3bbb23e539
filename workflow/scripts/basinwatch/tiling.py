"""Tile grids that cover a raster, computed from its shape alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from basinwatch.provenance import write_json


@dataclass(frozen=True)
class Tile:
    """A square window of a raster, in pixels."""

    row: int
    column: int
    size: int


def starts(length: int, size: int, step: int) -> list[int]:
    """First pixels of windows that cover `length`; the last is shifted inside.

    A raster shorter than one window gets a single window at 0 (the reader pads it).
    """
    if size < 1 or not 1 <= step <= size:
        raise ValueError(f"tile size {size} and step {step} must satisfy 1 <= step <= size")
    if length <= size:
        return [0]
    inside = list(range(0, length - size, step))
    return [*inside, length - size]


def step_of(size: int, overlap: float) -> int:
    """Distance of neighbouring tiles for an overlap share, e.g. 800 px and 0.34 give 528 px."""
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap {overlap} must lie in [0, 1)")
    return max(1, round(size * (1 - overlap)))


def tiles(height: int, width: int, size: int, step: int) -> Iterator[Tile]:
    """Yield tiles row by row, left to right."""
    for row in starts(height, size, step):
        for column in starts(width, size, step):
            yield Tile(row, column, size)


@dataclass(frozen=True)
class TileTable:
    """A tile grid laid over one raster."""

    size_px: int
    step_px: int
    tiles: tuple[Tile, ...]

    @classmethod
    def over(cls, shape: tuple[int, int], size_px: int, overlap: float) -> TileTable:
        """Cover a raster of (height, width) with tiles of one size and overlap."""
        step = step_of(size_px, overlap)
        return cls(size_px, step, tuple(tiles(*shape, size_px, step)))

    def write(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> TileTable:
        """Read what :meth:`write` wrote."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        return cls(fields["size_px"], fields["step_px"], tuple(Tile(**tile) for tile in fields["tiles"]))

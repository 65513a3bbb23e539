"""Objects of an instance detector at their place in the frame, and the file they are kept in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from basinwatch.provenance import atomic_path
from basinwatch.tiling import Tile

Box = tuple[float, float, float, float]
_NUMBERS = ("left", "top", "right", "bottom", "score", "window_row", "window_column", "window_size", "height", "width")


@dataclass(frozen=True)
class PlacedObject:
    """One object.

    Parameters
    ----------
    window
        Where it was found.
    box
        Left, top, right, bottom in pixels of the frame; the first pixel spans 0 to 1.
    score
        0…1.
    mask
        bool over the pixels that the box touches, row ⌊top⌋ and column ⌊left⌋ first; filled where the detector gives
        boxes only.
    has_outline
        Whether the mask was found, and not filled.
    """

    window: Tile
    box: Box
    score: float
    mask: NDArray[np.bool_]
    has_outline: bool = True

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the frame that the mask covers."""
        row, column = math.floor(self.box[1]), math.floor(self.box[0])
        return slice(row, row + self.mask.shape[0]), slice(column, column + self.mask.shape[1])


def write_objects(path: Path, objects: Sequence[PlacedObject]) -> None:
    """Write objects as Parquet, atomically; masks as packed bits, null where there is a box only."""
    rows = [
        (*one.box, one.score, one.window.row, one.window.column, one.window.size, *one.mask.shape, one.has_outline,
         np.packbits(one.mask).tobytes())
        for one in objects
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=[*_NUMBERS, "has_outline", "mask"])
    kinds: dict[str, Any] = dict.fromkeys(_NUMBERS[:5], "float64") | dict.fromkeys(_NUMBERS[5:], "int32")
    with atomic_path(path) as part:
        table.astype(kinds | {"has_outline": "bool", "mask": "object"}).to_parquet(part, index=False)


def read_objects(path: Path, min_score: float = 0.0) -> list[PlacedObject]:
    """Read the objects of at least this score."""
    table = pd.read_parquet(path, filters=[("score", ">=", min_score)])
    return [_object(*row) for row in table.itertuples(index=False)]


def _object(
    left: float, top: float, right: float, bottom: float, score: float, row: int, column: int, size: int,
    height: int, width: int, has_outline: bool, bits: bytes,
) -> PlacedObject:  # fmt: skip
    """Rebuild an object from a row of the file."""
    mask = np.unpackbits(np.frombuffer(bits, np.uint8), count=height * width).astype(bool).reshape(height, width)
    return PlacedObject(Tile(row, column, size), (left, top, right, bottom), score, mask, has_outline)

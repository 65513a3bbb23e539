"""Objects of an instance detector at their place in the frame, and the file they are kept in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyarrow import Table, array, binary, bool_, float64, int32, schema
from pyarrow.parquet import ParquetWriter

from basinwatch.provenance import atomic_path
from basinwatch.tiling import Tile

Box = tuple[float, float, float, float]
WriteObjects = Callable[[Sequence["PlacedObject"]], None]
_SCHEMA = schema(
    [(name, float64()) for name in ("left", "top", "right", "bottom", "score")]
    + [(name, int32()) for name in ("window_row", "window_column", "window_size", "height", "width")]
    + [("has_outline", bool_()), ("mask", binary())]
)


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


@contextmanager
def objects_writer(path: Path) -> Iterator[WriteObjects]:
    """Open a Parquet file of objects that appears when the block succeeds; masks as packed bits.

    Yields
    ------
    callable
        Writes the next objects, so that none need be kept.
    """
    with atomic_path(path) as part, ParquetWriter(part, _SCHEMA) as target:
        yield lambda objects: target.write_table(_table(objects))


def write_objects(path: Path, objects: Sequence[PlacedObject]) -> None:
    """Write objects at once, see :func:`objects_writer`."""
    with objects_writer(path) as write:
        write(objects)


def _table(objects: Sequence[PlacedObject]) -> Table:
    """Objects as rows of the file."""
    rows = [
        (*one.box, one.score, one.window.row, one.window.column, one.window.size, *one.mask.shape, one.has_outline,
         np.packbits(one.mask).tobytes())
        for one in objects
    ]  # fmt: skip
    columns = zip(*rows, strict=True) if rows else [[] for _ in _SCHEMA]
    return Table.from_arrays(
        [array(column, kind.type) for column, kind in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA
    )


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

"""Training tiles around reference patches, cut out of a prepared picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.datasets.tiles import Label, LabelledTile
from basinwatch.errors import InputError
from basinwatch.obia.references import USES, References
from basinwatch.rasters import decode_share, open_raster
from basinwatch.tiling import Tile, step_of, tiles

_VALIDATION_ID = 1_000_000


@dataclass(frozen=True)
class _Ground:
    """What lies where: number of each patch in the frame from 1 on, and its use."""

    labels: NDArray[np.int32]
    uses: NDArray[np.str_]

    def numbers(self, tile: Tile) -> NDArray[np.int64]:
        """Patches that a tile shows."""
        part = self.labels[tile.row : tile.row + tile.size, tile.column : tile.column + tile.size]
        return np.unique(part[part > 0]).astype(np.int64)


def patch_tiles(
    picture: Path, references: References, use: str, size_px: int, overlap: float, seed: int
) -> list[LabelledTile]:
    """Cut tiles that show patches of one use, and as many that show no patch at all.

    Patches of other uses are to be ignored, so nothing is learnt from them. Tiles without any patch are drawn once and
    dealt out to the uses in turn.

    Parameters
    ----------
    use
        ``train`` or ``validation``.
    size_px, overlap
        Side of a tile and the share its neighbour repeats.

    Raises
    ------
    InputError
        If the picture is smaller than a tile, or no patch has this use.
    """
    grid = references.grid
    if min(grid.shape) < size_px:
        raise InputError(
            f"{picture}: found {grid.height} by {grid.width} pixels, expected at least {size_px} for training tiles; "
            "choose a smaller patches.tiling or a larger picture."
        )
    ground = _Ground(references.labels(), references.frame["use"].to_numpy(dtype=str))
    shown = [(tile, ground.numbers(tile)) for tile in tiles(*grid.shape, size_px, step_of(size_px, overlap))]
    wanted = [tile for tile, numbers in shown if (ground.uses[numbers - 1] == use).any()]
    if not wanted:
        raise InputError(
            f"{picture}: found no reference patch for {use}, expected some; draw more or correct their column 'use'."
        )
    empty = [tile for tile, numbers in shown if not numbers.size]
    order = np.random.Generator(np.random.Philox(key=[seed, 1])).permutation(len(empty))
    dealt = [empty[place] for place in order[USES.index(use) :: len(USES) - 1]][: len(wanted)]
    with open_raster(picture) as source:
        return list(_cut(source, [*wanted, *dealt], ground, use, grid.pixel_area_m2))


def _cut(
    source: rasterio.DatasetReader, wanted: list[Tile], ground: _Ground, use: str, pixel_area_m2: float
) -> Iterator[LabelledTile]:
    """Read tiles and label them."""
    first = _VALIDATION_ID * USES.index(use)
    for number, tile in enumerate(wanted):
        codes = source.read(window=Window(tile.column, tile.row, tile.size, tile.size))
        part = ground.labels[tile.row : tile.row + tile.size, tile.column : tile.column + tile.size]
        labels = [Label(part == patch, ignore=bool(ground.uses[patch - 1] != use)) for patch in ground.numbers(tile)]
        yield LabelledTile(first + number, decode_share(codes), None, labels, use, pixel_area_m2)

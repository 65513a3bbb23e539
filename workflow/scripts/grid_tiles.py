"""Lay out the tiles of a stack.

In: the stack's grid. Out: a JSON table of tiles (row, column, size in pixels) for one size and overlap; tiles at the
far edges are shifted inside.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.grid import Grid
from basinwatch.provenance import log_to
from basinwatch.tiling import TileTable

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def grid_tiles(grid: Path, tiling: Mapping[str, float], table: Path) -> None:
    """Write the tile table of a grid."""
    TileTable.over(Grid.read(grid).shape, int(tiling["size_px"]), tiling["overlap"]).write(table)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    grid_tiles(
        grid=Path(snakemake.input.grid),
        tiling=snakemake.params.tiling,
        table=Path(snakemake.output.tiles),
    )

"""Lay the probabilities of one pair of dates over each other, for all stacks of an area.

In: probability rasters of every stack that has the pair. Out: a cloud-optimised GeoTIFF; where stacks overlap, the
highest probability stays, and a band ``source`` tells whose it is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.grid import Grid
from basinwatch.mosaics.area_grids import area_grid
from basinwatch.mosaics.rasters import mosaic_rasters
from basinwatch.provenance import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def mosaic_probability(probabilities: Sequence[str], stacks: Sequence[str], grids: Sequence[str], target: Path) -> None:
    """Lay the rasters over each other on the area's grid."""
    grid = area_grid({Path(path).parent.name: Grid.read(path) for path in grids})
    mosaic_rasters([Path(path) for path in probabilities], stacks, grid, "basin_probability", target)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    paths = [Path(path) for path in snakemake.input.probabilities]
    mosaic_probability(
        probabilities=snakemake.input.probabilities,
        stacks=[path.parents[3].name for path in paths],
        grids=snakemake.input.grids,
        target=Path(snakemake.output.probability),
    )

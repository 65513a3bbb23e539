"""Lay the activity maps of all stacks of an area over each other.

In: activity of every stack. Out: a cloud-optimised GeoTIFF; where stacks overlap, the one that observed a pixel for
most days stays, and a band ``source`` tells which it is.
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


def mosaic_activity(activity: Sequence[str], grids: Sequence[str], target: Path) -> None:
    """Lay the rasters over each other on the area's grid."""
    by_stack = {Path(path).parent.name: Grid.read(path) for path in grids}
    mosaic_rasters([Path(path) for path in activity], list(by_stack), area_grid(by_stack), "observed_days", target)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    mosaic_activity(
        activity=snakemake.input.activity,
        grids=snakemake.input.grids,
        target=Path(snakemake.output.activity),
    )

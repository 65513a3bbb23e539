"""Merge the basins of one pair of dates over the stacks of an area.

In: instances of every stack that has the pair. Out: a GeoPackage with a layer ``basins`` (each basin once, its best
observation with the stack that made it) and a layer ``detections`` (each stack's view of it), in the coordinate system
of the stacks where they agree, else in one chosen for the area.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.grid import Grid
from basinwatch.mosaics.area_grids import area_crs
from basinwatch.mosaics.basins import mosaic
from basinwatch.provenance import log_to
from basinwatch.vectors import read_vectors, write_geopackage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def mosaic_basins(instances: Sequence[str], grids: Sequence[str], basins: Path) -> None:
    """Merge and write."""
    crs = area_crs({Path(path).parent.name: Grid.read(path) for path in grids})
    merged, detections = mosaic([read_vectors(path) for path in instances], crs)
    write_geopackage(basins, {"basins": merged, "detections": detections})


if __name__ == "__main__":
    log_to(snakemake.log[0])
    mosaic_basins(
        instances=snakemake.input.instances,
        grids=snakemake.input.grids,
        basins=Path(snakemake.output.basins),
    )

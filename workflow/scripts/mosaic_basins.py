"""Merge the basins of one pair of dates over the stacks of an area.

In: instances of every stack that has the pair. Out: a GeoPackage in the coordinate system of the area's first stack
with a layer ``basins`` (each basin once) and a layer ``detections`` (each stack's view of it).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.grid import Grid
from basinwatch.mosaics import mosaic
from basinwatch.provenance import log_to
from basinwatch.vectors import read_vectors, write_geopackage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def mosaic_basins(instances: Sequence[str], grid: Path, basins: Path) -> None:
    """Merge and write."""
    merged, detections = mosaic([read_vectors(path) for path in instances], Grid.read(grid).crs_wkt)
    write_geopackage(basins, {"basins": merged, "detections": detections})


if __name__ == "__main__":
    log_to(snakemake.log[0])
    mosaic_basins(
        instances=snakemake.input.instances,
        grid=Path(snakemake.input.grid),
        basins=Path(snakemake.output.basins),
    )

"""Merge the basins of one pair of dates over the stacks of an area.

In: instances of every stack that has the pair. Out: a GeoPackage in the coordinate system of the area's first stack
with a layer ``basins`` (each basin once) and a layer ``detections`` (each stack's view of it).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.grid import Grid, require_common_map
from basinwatch.mosaics import mosaic
from basinwatch.provenance import log_to
from basinwatch.vectors import read_vectors, write_geopackage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def mosaic_basins(instances: Sequence[str], grids: Sequence[str], basins: Path) -> None:
    """Merge and write."""
    by_stack = {Path(path).parent.name: Grid.read(path) for path in grids}
    require_common_map(by_stack)
    first = next(iter(by_stack.values()))
    merged, detections = mosaic([read_vectors(path) for path in instances], first.crs_wkt)
    write_geopackage(basins, {"basins": merged, "detections": detections})


if __name__ == "__main__":
    log_to(snakemake.log[0])
    mosaic_basins(
        instances=snakemake.input.instances,
        grids=snakemake.input.grids,
        basins=Path(snakemake.output.basins),
    )

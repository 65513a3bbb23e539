"""Bring heights or incidence angles onto a stack's grid.

In: a raster of terrain heights or of incidence angles on any grid, as a producer left it, and the stack's grid. Out: a
GeoTIFF on that grid, metres or degrees from the vertical, NaN where there is none; bilinear between pixels, and their
mean where the stack's are coarser. A raster in radar geometry is brought onto the map by the stack's look-up table.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.grid import Grid
from basinwatch.placing import placed
from basinwatch.provenance import log_to
from basinwatch.rasters import write_raster
from basinwatch.readers.layers import Layer, open_layer

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

log = logging.getLogger("place_layer")
UNITS: dict[Layer, str] = {"heights": "metres", "incidence": "degrees"}


def place_layer(
    raster: Path, layer: Layer, crs: str | None, grid: Grid, target: Path, table: Path | None = None
) -> None:
    """Open, place and write."""
    rows, own = open_layer(raster, layer, crs, table)
    moved, warnings = placed(rows, own, grid, "number", str(raster))
    for warning in warnings:
        log.warning(warning)
    write_raster(target, moved.whole(), grid, bands=[layer], units=UNITS[layer])


if __name__ == "__main__":
    log_to(snakemake.log[0])
    lookup_table = snakemake.input.get("lookup_table")
    place_layer(
        raster=Path(snakemake.input.raster),
        layer=snakemake.wildcards.layer,
        crs=snakemake.params.crs,
        grid=Grid.read(snakemake.input.grid),
        target=Path(snakemake.output.raster),
        table=Path(lookup_table) if lookup_table else None,
    )

"""Map Getis-Ord Gi* hot spots of a rate map.

In: rate and quality of a stack, and detected basins (no noise is learnt there). Out: ``gi_star.tif`` (z,
calibrated z, p, class −3…3) and ``clusters.gpkg``. Only pixels whose rate counts as measured take part. Statistic after
Ord & Getis (1995), false discovery rate after Benjamini & Hochberg (1995).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.grid import Grid
from basinwatch.hotspots import HotspotSettings, map_hotspots
from basinwatch.provenance import log_to
from basinwatch.vectors import read_placed, write_geopackage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    grid = Grid.read(snakemake.input.grid)
    found = map_hotspots(
        rate=Path(snakemake.input.rate),
        quality=Path(snakemake.input.quality),
        grid=grid,
        settings=HotspotSettings.from_config(snakemake.params.settings),
        stable_mm_yr=snakemake.params.stable_mm_yr,
        statistic=Path(snakemake.output.statistic),
        detected=list(read_placed(snakemake.input.basins, grid, "basins").geometry),
    )
    write_geopackage(snakemake.output.clusters, {"clusters": found})

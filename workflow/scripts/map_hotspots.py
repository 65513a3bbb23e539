"""Map Getis-Ord Gi* hot spots of a rate map.

In: rate and quality of a stack, and detected basins (no noise is learnt there). Out: ``gi_star.tif`` (z,
calibrated z, p, class −3…3) and ``clusters.gpkg``. Only pixels whose rate counts as measured take part. Statistic after
Ord & Getis (1995), false discovery rate after Benjamini & Hochberg (1995).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.grid import Grid
from basinwatch.hotspots import HotspotSettings, map_hotspots
from basinwatch.provenance import log_to
from basinwatch.vectors import read_vectors, write_geopackage
from shapely.geometry.base import BaseGeometry

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

CLASS_OF_LEVEL = {90: 1, 95: 2, 99: 3}


def hotspot_settings(config: Mapping[str, Any]) -> HotspotSettings:
    """Translate the configuration's section."""
    return HotspotSettings(
        radius_m=config["radius_m"],
        false_discovery_rate=config["fdr"],
        calibrated=config["calibrated"],
        min_level=CLASS_OF_LEVEL[config["level"]],
        min_px=config["min_area_px"],
    )


def detected(path: Path, grid: Grid) -> list[BaseGeometry]:
    """Read the outlines of basins in the grid's coordinate system."""
    basins = read_vectors(path, "basins")
    return list(basins.geometry if grid.crs_wkt is None else basins.to_crs(grid.crs_wkt).geometry)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    grid = Grid.read(snakemake.input.grid)
    found = map_hotspots(
        rate=Path(snakemake.input.rate),
        quality=Path(snakemake.input.quality),
        grid=grid,
        settings=hotspot_settings(snakemake.params.settings),
        stable_mm_yr=snakemake.params.stable_mm_yr,
        statistic=Path(snakemake.output.statistic),
        detected=detected(Path(snakemake.input.basins), grid),
    )
    write_geopackage(snakemake.output.clusters, {"clusters": found})

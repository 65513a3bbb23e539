"""Map Getis-Ord Gi* hot spots of a rate map.

In: rate and quality. Out: ``gi_star.tif`` (z, calibrated z, p, class −3…3) and ``clusters.gpkg``. Only pixels whose
rate counts as measured take part. Statistic after Ord & Getis (1995), false discovery rate after Benjamini & Hochberg
(1995).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from basinwatch.grid import Grid
from basinwatch.hotspots import HotspotSettings, find_hotspots
from basinwatch.provenance import log_to
from basinwatch.rasters import read_bands, write_raster
from basinwatch.vectors import write_geopackage

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


def map_hotspots(
    rate: Path,
    quality: Path,
    grid: Grid,
    settings: HotspotSettings,
    stable_mm_yr: float,
    statistic: Path,
    clusters: Path,
) -> None:
    """Score, classify, cluster and write."""
    (flags,), (rates,) = read_bands(quality, "measured"), read_bands(rate, "rate_mm_yr")
    measured = flags > 0
    rates = np.where(measured, rates, np.nan)
    found = find_hotspots(rates, np.abs(rates) <= stable_mm_yr, grid, settings)
    classes = np.where(measured, found.classes, np.nan)
    layers = np.stack([found.z, found.z_calibrated, found.p, classes]).astype(np.float32)
    tags = {"NOISE_INFLATION": f"{found.inflation:.3f}"}
    write_raster(statistic, layers, grid, bands=["z", "z_calibrated", "p_value", "class"], tags=tags)
    write_geopackage(clusters, {"clusters": found.clusters})


if __name__ == "__main__":
    log_to(snakemake.log[0])
    map_hotspots(
        rate=Path(snakemake.input.rate),
        quality=Path(snakemake.input.quality),
        grid=Grid.read(snakemake.input.grid),
        settings=hotspot_settings(snakemake.params.settings),
        stable_mm_yr=snakemake.params.stable_mm_yr,
        statistic=Path(snakemake.output.statistic),
        clusters=Path(snakemake.output.clusters),
    )

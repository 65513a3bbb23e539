"""Compare detected basins with the rate map and its clusters.

In: linked basins of the area, Gi* clusters, rate and quality of one stack. Out: ``objects.gpkg`` (every basin and every
subsidence cluster as matched, missed, extra or not assessable, with the reason; and the table of overlaps) and
``summary.json`` (counts, pixel scores on measured ground).
"""

from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
from basinwatch.comparison import ComparisonSettings, SbasMaps, compare
from basinwatch.grid import Grid
from basinwatch.provenance import log_to, write_json
from basinwatch.rasters import read_bands
from basinwatch.vectors import read_vectors, write_geopackage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def sbas_maps(rate: Path, quality: Path) -> SbasMaps:
    """Read the rate map."""
    (rates,) = read_bands(rate, "rate_mm_yr")
    temporal, mean, measured = read_bands(quality, "temporal_coherence", "mean_coherence", "measured")
    return SbasMaps(rate=rates, temporal_coherence=temporal, mean_coherence=mean, measured=measured > 0)


def compare_basins(
    basins: gpd.GeoDataFrame, clusters: gpd.GeoDataFrame, sbas: SbasMaps, grid: Grid, settings: ComparisonSettings,
    objects: Path, summary: Path,
) -> None:  # fmt: skip
    """Compare in the stack's coordinate system and write."""
    placed = basins if grid.crs_wkt is None else basins.to_crs(grid.crs_wkt)
    sinking = clusters[clusters["kind"] == "subsidence"].reset_index(drop=True)
    found, overlaps, numbers = compare(placed, sinking, sbas, grid, settings)
    write_geopackage(objects, {"objects": found, "overlaps": overlaps})
    write_json(summary, numbers)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    compare_basins(
        basins=read_vectors(snakemake.input.basins, "basins"),
        clusters=read_vectors(snakemake.input.clusters, "clusters"),
        sbas=sbas_maps(Path(snakemake.input.rate), Path(snakemake.input.quality)),
        grid=Grid.read(snakemake.input.grid),
        settings=ComparisonSettings(min_temporal_coherence=snakemake.params.min_temporal_coherence),
        objects=Path(snakemake.output.objects),
        summary=Path(snakemake.output.summary),
    )

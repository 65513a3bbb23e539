"""Compare detected basins with the rate map and its clusters.

In: linked basins of the area with their time line, the interferograms they were found in, days observed, Gi* statistic
and clusters, rate and quality of one stack. Out: ``objects.gpkg`` (every basin and every subsidence cluster as matched,
missed, extra or not assessable, with the reason; the tables of overlaps and of recall), ``blind.gpkg`` (the basins that
wrapped phase shows and the rate map does not, with the numbers why) and ``summary.json`` (counts, pixel scores).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
from basinwatch.comparison import Campaign, Comparison, ComparisonSettings, SbasMaps, compare, fringe_gradients
from basinwatch.grid import Grid
from basinwatch.provenance import log_to, read_json, write_json
from basinwatch.rasters import read_bands, read_raster
from basinwatch.refusals import REFUSED, without_rate
from basinwatch.stacks import dates_of
from basinwatch.vectors import read_vectors, write_geopackage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def sbas_maps(rate: str, quality: str, statistic: str) -> SbasMaps:
    """Read the rate map and its classes."""
    (rates,), (classes,) = read_bands(rate, "rate_mm_yr"), read_bands(statistic, "class")
    bands = "temporal_coherence", "mean_coherence", "measured", "connected_share"
    temporal, mean, measured, connected = read_bands(quality, *bands)
    return SbasMaps(rates, temporal, mean, measured > 0, hotspot_class=classes, connected_share=connected)


def campaign(params: Mapping[str, Any], stack: str, activity: str) -> Campaign:
    """Gather the pairs behind both sides, without those that were refused."""
    known = read_json(Path(stack))
    searched = [dates_of(pair) for pair in params["detection_pairs"] if pair not in known[REFUSED]]
    network = [dates_of(pair) for pair in params["network_pairs"] if pair not in without_rate(known)]
    (observed,) = read_bands(activity, "observed_days")
    return Campaign(known["metadata"]["wavelength_m"], searched, network, observed)


def gradients(basins: gpd.GeoDataFrame, timeline: str, phase: list[str], stack: str, grid: Grid) -> pd.DataFrame:
    """Measure how steep each basin is in the pairs of the stack that detect it."""
    rows = pd.read_csv(timeline, dtype={"basin": str, "stack": str})
    rows = rows[rows["detected"].astype(bool) & (rows["stack"] == stack)]
    pairs = ((*dates_of(Path(path).parent.name), read_raster(path)) for path in phase)
    return fringe_gradients(basins, rows, pairs, grid)


def compare_basins(
    inputs: Mapping[str, Any], params: Mapping[str, Any], stack: str, settings: ComparisonSettings
) -> Comparison:
    """Compare in the stack's coordinate system."""
    grid = Grid.read(inputs["grid"])
    basins, clusters = read_vectors(inputs["basins"], "basins"), read_vectors(inputs["clusters"], "clusters")
    placed = basins if grid.crs_wkt is None else basins.to_crs(grid.crs_wkt)
    return compare(
        basins=placed,
        clusters=clusters[clusters["kind"] == "subsidence"].reset_index(drop=True),
        sbas=sbas_maps(inputs["rate"], inputs["quality"], inputs["statistic"]),
        grid=grid,
        settings=settings,
        campaign=campaign(params, inputs["stack"], inputs["activity"]),
        gradients=gradients(placed, inputs["timeline"], inputs["phase"], stack, grid),
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    found = compare_basins(
        inputs=dict(snakemake.input.items()),
        params=dict(snakemake.params.items()),
        stack=snakemake.wildcards.stack,
        settings=ComparisonSettings(
            min_temporal_coherence=snakemake.params.min_temporal_coherence,
            min_connected_share=snakemake.params.min_connected_share,
            stable_mm_yr=snakemake.params.stable_mm_yr,
            **snakemake.params.settings,
        ),
    )
    layers = {"objects": found.objects, "overlaps": found.overlaps, "curves": found.curves}
    write_geopackage(snakemake.output.objects, layers)
    write_geopackage(snakemake.output.blind, {"blind": found.blind()})
    write_json(snakemake.output.summary, found.summary)

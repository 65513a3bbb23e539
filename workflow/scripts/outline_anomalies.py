"""Outline and describe the anomalies of an area.

In: rates down the slope with slope and aspect; what a detector said about their picture, or the samples where no model
is named. Out: ``anomalies.gpkg`` (layer ``anomalies``: outlines with score, area, rates, slope, aspect; a style).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
from basinwatch.anomalies.outlines import STYLES, describe_anomalies
from basinwatch.grid import Grid
from basinwatch.inference.forming import form_basins, instance_settings
from basinwatch.layer_styles import TABLE, style_table
from basinwatch.provenance import log_to
from basinwatch.vectors import read_vectors, write_geopackage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def read_outlines(inputs: Mapping[str, str], thresholds: Mapping[str, Any], grid: Grid) -> gpd.GeoDataFrame:
    """Form outlines from a detector's answer, or take the samples."""
    if "samples" in inputs:
        return read_vectors(inputs["samples"], "samples")
    spec = json.loads(Path(inputs["description"]).read_text(encoding="utf-8"))
    settings = instance_settings(spec, thresholds)
    return form_basins(Path(inputs["probability"]), Path(inputs["objects"]), None, grid, settings)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    grid = Grid.read(snakemake.input.grid)
    outlines = read_outlines(dict(snakemake.input.items()), snakemake.params.thresholds, grid)
    found = describe_anomalies(outlines, Path(snakemake.input.slope), grid)
    write_geopackage(snakemake.output.anomalies, {"anomalies": found, TABLE: style_table(STYLES)})

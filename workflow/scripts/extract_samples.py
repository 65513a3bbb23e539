"""Extract the areas of a rate map that are anomalous by rule.

In: rates down the slope. Out: ``samples.gpkg`` with a layer ``samples``: closed areas of enough pixels whose rates are
alike inside and differ from all around them (Zhang et al., 2022).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.anomalies.samples import SampleSettings, extract_samples
from basinwatch.grid import Grid
from basinwatch.provenance import log_to
from basinwatch.rasters import read_bands
from basinwatch.vectors import write_geopackage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    (rate,) = read_bands(Path(snakemake.input.slope), "downslope_mm_yr")
    found = extract_samples(rate, Grid.read(snakemake.input.grid), SampleSettings(**snakemake.params.settings))
    write_geopackage(snakemake.output.samples, {"samples": found})

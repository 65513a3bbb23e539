"""Make a picture of slope rates for a detector.

In: rates down the slope. Out: ``picture.tif``, the rates as shares of full scale (±1 is ±60 mm/yr); the detector sees
their size as grey.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.anomalies.pictures import BAND, FULL_SCALE_MM_YR, rate_share
from basinwatch.grid import Grid
from basinwatch.provenance import log_to
from basinwatch.rasters import read_bands, write_raster

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    (rate,) = read_bands(Path(snakemake.input.slope), "downslope_mm_yr")
    write_raster(
        snakemake.output.picture,
        rate_share(rate),
        Grid.read(snakemake.input.grid),
        bands=[BAND],
        tags={"FULL_SCALE_MM_YR": f"{FULL_SCALE_MM_YR:g}"},
    )

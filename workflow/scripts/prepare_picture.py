"""Bring the bands of a raster to one scale.

In: a raster of any bands on a map. Out: ``picture.tif`` (uint8 shares of each band's range, 0 = no data) and
``picture.json`` (bands, limits, grid).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.obia.pictures import PictureSettings, prepare
from basinwatch.provenance import log_to, write_json

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    facts = prepare(
        Path(snakemake.input.image),
        Path(snakemake.output.picture),
        PictureSettings(**snakemake.params.settings),
    )
    write_json(snakemake.output.summary, facts)

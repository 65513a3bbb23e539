"""Draw a synthetic orthophoto with pits and dumps.

In: nothing but the recipe. Out: ``image.tif`` (four bands), ``reference.gpkg`` (outlines of the patches and their kind)
and ``land_cover.tif`` (classes of ESA WorldCover).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.simulation.orthophoto import OrthophotoSettings
from basinwatch.simulation.products.orthophoto import write_orthophoto

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_orthophoto(
        settings=OrthophotoSettings(**snakemake.params.settings),
        image=Path(snakemake.output.image),
        reference=Path(snakemake.output.reference),
        land_cover=Path(snakemake.output.land_cover),
    )

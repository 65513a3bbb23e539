"""Let a detector look at a picture.

In: a prepared picture, a model trained on such bands. Out: ``probability.tif`` (uint8; 0 = nothing was looked at) and
``objects.parquet`` (what an instance detector found in every window).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.obia.search import search_picture
from basinwatch.provenance import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    search_picture(
        picture=Path(snakemake.input.picture),
        model_folder=Path(snakemake.input.weights).parent,
        overlap=snakemake.params.overlap,
        device="auto" if snakemake.resources.get("gpu", 0) else "cpu",
        threads=snakemake.threads,
        probability=Path(snakemake.output.probability),
        objects=Path(snakemake.output.objects),
        area=snakemake.wildcards.area,
    )

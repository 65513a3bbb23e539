"""Let a detector look at the slope rates of an area.

In: picture of rates, a model trained on such pictures. Out: ``probability.tif`` and ``objects.parquet``, as for a pair
of wrapped phase.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.anomalies.search import search_rates
from basinwatch.provenance import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    search_rates(
        picture=Path(snakemake.input.picture),
        model_folder=Path(snakemake.input.weights).parent,
        tiling=(snakemake.params.tiling["size_px"], snakemake.params.tiling["overlap"]),
        device="auto" if snakemake.resources.get("gpu", 0) else "cpu",
        threads=snakemake.threads,
        probability=Path(snakemake.output.probability),
        objects=Path(snakemake.output.objects),
        area=snakemake.wildcards.area,
    )

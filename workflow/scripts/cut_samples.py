"""Cut training tiles around the samples of a rate map.

In: picture of rates, outlines of the samples. Out: one shard with a tile around every sample in six views, grouped by
area so that no ground is split between training and test.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.anomalies.tiles import cut_samples
from basinwatch.provenance import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    cut_samples(
        picture=Path(snakemake.input.picture),
        samples=Path(snakemake.input.samples),
        size_px=snakemake.params.tiling["size_px"],
        group=snakemake.wildcards.area,
        arrays=Path(snakemake.output.arrays),
        coco=Path(snakemake.output.coco),
    )

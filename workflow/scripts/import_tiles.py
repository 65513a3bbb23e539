"""Make a shard of labelled pictures that a user already has.

In: phase pictures, and COCO labels or a label raster of each. Out: one shard of tiles with COCO labels, one group.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.datasets.importing import Collection, import_shard
from basinwatch.provenance import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    entry = snakemake.params.entry
    collection = Collection(
        name=snakemake.wildcards.collection,
        images=Path(entry["images"]),
        labels=Path(entry["labels"]),
        format=entry["format"],
        pixel_size_m=entry["pixel_size_m"],
    )
    import_shard(
        collection,
        size_px=snakemake.params.size_px,
        arrays=Path(snakemake.output.arrays),
        coco=Path(snakemake.output.coco),
    )

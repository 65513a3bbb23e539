"""Cut training tiles from a labelled interferogram.

In: phase, coherence, a tile grid, and polygons of the basins. Out: one shard of tiles with COCO labels, grouped by
stack so that no scene is split between training and test.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.datasets.cutting import LabelledScene, cut_shard
from basinwatch.interferogram import read_metadata
from basinwatch.provenance import log_to
from basinwatch.refusals import require_usable
from basinwatch.tiling import TileTable

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs = snakemake.input
    meta = read_metadata(inputs.meta)
    require_usable(meta)
    cut_shard(
        scene=LabelledScene(
            Path(inputs.phase),
            Path(inputs.coherence) if meta["coherence_present"] else None,
            Path(inputs.polygons),
            snakemake.wildcards.stack,
            snakemake.wildcards.pair,
        ),
        table=TileTable.read(Path(inputs.tiles)),
        arrays=Path(snakemake.output.arrays),
        coco=Path(snakemake.output.coco),
    )

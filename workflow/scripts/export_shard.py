"""Write the tiles of a shard as GeoTIFF, to be looked at in a GIS.

In: a shard. Out: a folder with one file per tile and the bands phase (radians), coherence, and label (1 to be found,
2 to be ignored). Tiles lie in radar geometry: no coordinate system.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from basinwatch.datasets.tiles import LabelledTile, read_shard
from basinwatch.grid import Grid
from basinwatch.provenance import log_to
from basinwatch.rasters import write_raster

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TO_FIND, TO_IGNORE = 1, 2


def layers(tile: LabelledTile) -> np.ndarray:
    """Phase, coherence and label of a tile, (band, y, x); NaN where there are none."""
    label = np.zeros(tile.phase.shape, np.float32)
    for one in sorted(tile.labels, key=lambda one: not one.ignore):
        label[one.mask] = TO_IGNORE if one.ignore else TO_FIND
    unknown = np.full(tile.phase.shape, np.nan, np.float32)
    return np.stack([tile.phase, unknown if tile.coherence is None else tile.coherence, label])


def export_shard(arrays: Path, coco: Path, folder: Path) -> None:
    """Write every tile of a shard into a folder."""
    shard = read_shard(arrays, coco)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(len(shard)):
        tile = shard.tile(index)
        rows, columns = tile.phase.shape
        grid = Grid(columns, rows, None, None, (1.0, 1.0))
        write_raster(folder / f"{tile.tile_id}.tif", layers(tile), grid, bands=["phase", "coherence", "label"])


if __name__ == "__main__":
    log_to(snakemake.log[0])
    export_shard(Path(snakemake.input.arrays), Path(snakemake.input.coco), Path(snakemake.output.tiles))

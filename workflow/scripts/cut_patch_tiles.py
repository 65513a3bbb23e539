"""Cut training and validation tiles around reference patches.

In: a prepared picture, reference patches. Out: two shards of pictures with COCO labels; patches set aside for the test
are to be ignored in both.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.datasets.tiles import write_shard
from basinwatch.obia.references import TRAIN, VALIDATION, read_references
from basinwatch.obia.tiles import patch_tiles
from basinwatch.provenance import log_to
from basinwatch.rasters import grid_of, open_raster

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def cut_patch_tiles(
    picture: Path, reference: Path, layer: str | None, seed: int, size_px: int, overlap: float,
    shards: dict[str, tuple[Path, Path]],
) -> None:  # fmt: skip
    """Cut and write the tiles of both uses."""
    with open_raster(picture) as source:
        grid = grid_of(source)
    references = read_references(reference, grid, seed, layer)
    for use, (arrays, coco) in shards.items():
        cut = patch_tiles(picture, references, use, size_px, overlap, seed)
        write_shard(arrays, coco, cut, {"picture": picture.name, "use": use, "seed": seed})


if __name__ == "__main__":
    log_to(snakemake.log[0])
    output, params = snakemake.output, snakemake.params
    cut_patch_tiles(
        picture=Path(snakemake.input.picture),
        reference=Path(snakemake.input.reference),
        layer=params.layer,
        seed=params.seed,
        size_px=params.tiling["size_px"],
        overlap=params.tiling["overlap"],
        shards={
            TRAIN: (Path(output.train_arrays), Path(output.train_coco)),
            VALIDATION: (Path(output.validation_arrays), Path(output.validation_coco)),
        },
    )

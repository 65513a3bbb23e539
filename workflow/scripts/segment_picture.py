"""Segment a picture around what a detector extracted.

In: a prepared picture, the detector's answer, parameters. Out: ``segments.tif``, numbered segments, 0 where nothing was
segmented.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.obia.extraction import extracted, surroundings
from basinwatch.obia.pictures import picture_reader
from basinwatch.obia.references import LEARNT_FROM, read_references
from basinwatch.obia.segmentation import Criterion, segment
from basinwatch.provenance import log_to
from basinwatch.rasters import grid_of, open_raster, write_raster

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def segment_picture(
    picture: Path, probability: Path, reference: Path | None, layer: str | None, seed: int, threshold: float,
    min_area_px: int, criterion: Criterion, threads: int, segments: Path,
) -> None:  # fmt: skip
    """Segment and write."""
    with open_raster(picture) as source:
        grid = grid_of(source)
    references = read_references(reference, grid, seed, layer)
    near = surroundings(extracted(probability, threshold, min_area_px), references.labels(LEARNT_FROM))
    found = segment(picture_reader(picture, near), grid.shape, criterion, threads=threads)
    write_raster(segments, found.labels, grid, bands=["segment"])


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs, params = snakemake.input, snakemake.params
    spec = json.loads(Path(inputs.description).read_text(encoding="utf-8"))
    chosen = json.loads(Path(inputs.choice).read_text(encoding="utf-8"))["criterion"]
    given = inputs.get("reference")
    segment_picture(
        picture=Path(inputs.picture),
        probability=Path(inputs.probability),
        reference=Path(given) if given else None,
        layer=params.layer,
        seed=params.seed,
        threshold=spec["threshold"] if params.threshold is None else params.threshold,
        min_area_px=spec["min_area_px"],
        criterion=Criterion(**chosen),
        threads=snakemake.threads,
        segments=Path(snakemake.output.segments),
    )

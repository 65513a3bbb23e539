"""Hold mine patches against reference patches that nothing was learnt from.

In: outlines of patches, the detector's answer, reference patches. Out: ``accuracy.json``: identified share, area
similarity and its histogram, confusion of sampled pixels and what follows from it, for the patches and, as a
comparison, for what the detector alone extracted.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.obia.accuracy import AccuracySettings, assess
from basinwatch.obia.extraction import extracted, searched
from basinwatch.obia.references import read_references
from basinwatch.provenance import log_to, write_json
from basinwatch.rasters import grid_of, open_raster
from basinwatch.vectors import read_vectors

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def assess_patches(
    outlines: Path, probability: Path, reference: Path, layer: str | None, seed: int, threshold: float,
    min_area_px: int, settings: AccuracySettings, accuracy: Path,
) -> None:  # fmt: skip
    """Compare and write."""
    with open_raster(probability) as source:
        grid = grid_of(source)
    references = read_references(reference, grid, seed, layer)
    seen = extracted(probability, threshold, min_area_px), searched(probability)
    found = assess(read_vectors(outlines), *seen, references, settings)
    write_json(accuracy, found)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs, params = snakemake.input, snakemake.params
    spec = json.loads(Path(inputs.description).read_text(encoding="utf-8"))
    assess_patches(
        outlines=Path(inputs.outlines),
        probability=Path(inputs.probability),
        reference=Path(inputs.reference),
        layer=params.layer,
        seed=params.seed,
        threshold=spec["threshold"] if params.threshold is None else params.threshold,
        min_area_px=spec["min_area_px"],
        settings=AccuracySettings(**params.settings),
        accuracy=Path(snakemake.output.accuracy),
    )

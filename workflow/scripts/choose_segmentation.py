"""Choose the parameters of the segmentation.

In: a prepared picture, reference patches if there are any. Out: ``segmentation.json`` with scale, shape, compactness,
and how they were chosen: areas of reference patches, curve of local variance, scales in question. Without references
these are the published parameters; what the configuration fixes stays as it is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.obia.choice import ChoiceSettings, choose
from basinwatch.obia.extraction import CHOSEN_BY_WIDTHS, surroundings
from basinwatch.obia.pictures import contact_sheet
from basinwatch.obia.references import LEARNT_FROM, read_references
from basinwatch.obia.segmentation import array_reader
from basinwatch.provenance import log_to, write_json
from basinwatch.rasters import grid_of, open_raster

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def choose_segmentation(
    picture: Path, reference: Path | None, layer: str | None, seed: int, settings: Mapping[str, Any], threads: int
) -> dict[str, Any]:
    """Choose on the ground around the references to learn from."""
    with open_raster(picture) as source:
        grid = grid_of(source)
    references = read_references(reference, grid, seed, layer)
    labels = references.labels(LEARNT_FROM)
    sheet = contact_sheet(picture, surroundings(labels > 0, labels, CHOSEN_BY_WIDTHS), labels)
    tried = ChoiceSettings(
        grid_scale=settings["grid_scale"],
        shapes=settings["shapes"],
        compactnesses=settings["compactnesses"],
        scales=sorted(settings["scales"]),
        weights=None if settings["weights"] is None else tuple(settings["weights"]),
        fixed={key: settings[key] for key in ("scale", "shape", "compactness") if settings[key] is not None},
    )
    found = choose(array_reader(sheet.values), sheet.references, tried, threads)
    return found.record() | {"remarks": list(references.remarks)}


if __name__ == "__main__":
    log_to(snakemake.log[0])
    given = snakemake.input.get("reference")
    chosen = choose_segmentation(
        picture=Path(snakemake.input.picture),
        reference=Path(given) if given else None,
        layer=snakemake.params.layer,
        seed=snakemake.params.seed,
        settings=snakemake.params.settings,
        threads=snakemake.threads,
    )
    write_json(snakemake.output.choice, chosen)

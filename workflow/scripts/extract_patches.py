"""Let a detector look at a picture.

In: a prepared picture, a model trained on such bands. Out: ``probability.tif`` (uint8; 0 = nothing was looked at) and
``objects.parquet`` (what an instance detector found in every window).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.inference.search import search
from basinwatch.inference.windows import SearchSettings
from basinwatch.models import load_model
from basinwatch.provenance import log_to
from basinwatch.tiling import step_of

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def extract_patches(
    picture: Path, model_folder: Path, area: str, overlap: float, device: str, threads: int, probability: Path,
    objects: Path,
) -> None:  # fmt: skip
    """Search the picture in windows of the model's training size."""
    model = load_model(model_folder)
    size_px = model.spec["tile_size_px"]
    search(
        picture,
        None,
        model,
        SearchSettings(window_px=size_px, step_px=step_of(size_px, overlap), batch_size=4),
        probability=probability,
        objects=objects,
        facts={"area": area},
        device=device,
        threads=threads,
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    extract_patches(
        picture=Path(snakemake.input.picture),
        model_folder=Path(snakemake.input.weights).parent,
        area=snakemake.wildcards.area,
        overlap=snakemake.params.overlap,
        device="auto" if snakemake.resources.get("gpu", 0) else "cpu",
        threads=snakemake.threads,
        probability=Path(snakemake.output.probability),
        objects=Path(snakemake.output.objects),
    )

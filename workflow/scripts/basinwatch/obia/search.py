"""Let a detector that was trained on pictures look at the picture of an area."""

from __future__ import annotations

from pathlib import Path

from basinwatch.encoding import content
from basinwatch.errors import InputError
from basinwatch.inference.search import search
from basinwatch.inference.windows import SearchSettings
from basinwatch.models import load_model
from basinwatch.rasters import open_raster
from basinwatch.tiling import step_of

_BATCH = 4


def search_picture(
    picture: Path, model_folder: Path, overlap: float, device: str, threads: int, *,
    probability: Path, objects: Path, area: str,
) -> None:  # fmt: skip
    """Slide a detector over a prepared picture in windows of its training size, and write what it says.

    Parameters
    ----------
    picture
        Raster that :func:`basinwatch.obia.pictures.prepare` made.
    overlap
        Share of a window that its neighbour repeats.
    probability, objects
        As :func:`basinwatch.inference.search.search` writes them.

    Raises
    ------
    InputError
        If the model was not trained on pictures of as many bands.
    """
    model = load_model(model_folder)
    with open_raster(picture) as source:
        bands = f"bands{source.count}"
    found = model.detector.encoding
    if content(found) != bands:
        raise InputError(
            f"model {model.spec['name']}: found encoding {found!r}, expected {bands!r} to look at {picture}; name "
            "another patches.model, or choose the bands it knows in patches.bands."
        )
    size_px = model.spec["tile_size_px"]
    settings = SearchSettings(window_px=size_px, step_px=step_of(size_px, overlap), batch_size=_BATCH)
    search(
        picture, None, model, settings, probability=probability, objects=objects, facts={"area": area}, device=device,
        threads=threads,
    )  # fmt: skip

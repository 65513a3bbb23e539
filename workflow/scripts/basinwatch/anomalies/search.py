"""Let a detector that was trained on rates look at the picture of an area's rates."""

from __future__ import annotations

from pathlib import Path

from basinwatch.anomalies.pictures import ENCODING
from basinwatch.errors import InputError
from basinwatch.inference.search import search
from basinwatch.inference.windows import SearchSettings
from basinwatch.models import load_model
from basinwatch.tiling import step_of


def search_rates(
    picture: Path, model_folder: Path, tiling: tuple[int, float], device: str, threads: int, *,
    probability: Path, objects: Path, area: str,
) -> None:  # fmt: skip
    """Slide a detector over a picture of rates as over wrapped phase, and write what it says.

    Parameters
    ----------
    picture
        Raster that :func:`basinwatch.anomalies.pictures.rate_share` made.
    tiling
        Side of the windows in pixels, and the share that neighbours repeat.
    probability, objects
        As :func:`basinwatch.inference.search.search` writes them.

    Raises
    ------
    InputError
        If the model was not trained on rates, or does not suit the windows.
    """
    model = load_model(model_folder)
    if model.detector.encoding != ENCODING:
        raise InputError(
            f"model {model.spec['name']}: found encoding {model.detector.encoding!r}, expected {ENCODING!r} to look at "
            "rates; train a model with preset insarnet-rates, or set anomalies.model to null."
        )
    settings = SearchSettings(window_px=tiling[0], step_px=step_of(*tiling))
    search(
        picture, None, model, settings, probability=probability, objects=objects, facts={"area": area}, device=device,
        threads=threads,
    )  # fmt: skip

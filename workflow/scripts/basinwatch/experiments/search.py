"""A trained model searching simulated tiles as it would search an interferogram."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.compute import pick_device, use_threads
from basinwatch.datasets import LabelledTile
from basinwatch.encoding import CHANNELS, encode
from basinwatch.inference import DetectionSettings, Layout, Predictor, instance_settings, window_layout
from basinwatch.instances import Instances, find_instances
from basinwatch.models import LoadedModel, load_model
from basinwatch.stitching import Blender

Search = Callable[[LabelledTile], Instances]

_WINDOW_PX = 1024
_STEP_SHARE = 0.75


def open_search(folder: Path, thresholds: Mapping[str, Any], device: str, threads: int | None) -> Search:
    """Load a model and return what finds its basins in a tile.

    Parameters
    ----------
    folder
        Folder of the model.
    thresholds
        ``threshold``, ``peak_threshold`` and ``min_area_px`` as for detection; None takes the model's own.
    device, threads
        Where and with how many CPU threads to work.

    Raises
    ------
    InputError
        If the model cannot be read or the thresholds contradict each other.
    """
    use_threads(threads)
    return search_with(load_model(folder), thresholds, device)


def search_with(model: LoadedModel, thresholds: Mapping[str, Any], device: str = "cpu") -> Search:
    """Return what finds a loaded model's basins; float32 on every machine, so that results compare."""
    window = _WINDOW_PX if model.detector.free_size else int(model.spec["tile_size_px"])
    settings = DetectionSettings(
        window, max(round(_STEP_SHARE * window), 1), precision="float32",
        **{key: thresholds[key] for key in ("threshold", "peak_threshold", "min_area_px")},
    )  # fmt: skip
    rule = instance_settings(model, settings)
    predict = Predictor(model.detector, pick_device(device), settings.precision)

    def search(tile: LabelledTile) -> Instances:
        layout = window_layout((tile.phase.shape[0], tile.phase.shape[1]), model, settings)
        return find_instances(probability(tile, predict, layout, model.detector.halo), rule)

    return search


def probability(tile: LabelledTile, predict: Predictor, layout: Layout, halo: int) -> NDArray[np.float32]:
    """Blended probability of all windows of a tile, (y, x), NaN without phase."""
    height, width = tile.phase.shape
    channels = np.zeros((CHANNELS, max(layout.height, layout.size), max(layout.width, layout.size)), np.float32)
    channels[:, :height, :width] = encode(tile.phase, tile.coherence)
    result = np.full(tile.phase.shape, np.nan, np.float32)

    def keep(first: int, rows: NDArray[np.float32]) -> None:
        target = result[first : first + len(rows)]
        target[:] = rows[: len(target), :width]

    blender = Blender(layout.height, layout.width, layout.size, layout.step, halo, keep)
    for _, windows in layout.rows():
        for window in windows:
            part = channels[:, window.row : window.row + layout.size, window.column : window.column + layout.size]
            blender.add(window, predict(part[None])[0])
    blender.finish()
    result[np.isnan(tile.phase)] = np.nan
    return result

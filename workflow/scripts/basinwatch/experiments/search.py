"""A trained semantic model searching simulated tiles held in memory, with the windows and blending of a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.compute import pick_device, prepare_cpu
from basinwatch.datasets.tiles import LabelledTile
from basinwatch.detectors import Detector
from basinwatch.encoding import channels, encode
from basinwatch.errors import InputError
from basinwatch.inference.forming import instance_settings
from basinwatch.inference.instances import Instances, find_instances
from basinwatch.inference.predictor import Predictor
from basinwatch.inference.stitching import Blender
from basinwatch.inference.windows import Layout, SearchSettings, window_layout
from basinwatch.models import LoadedModel, load_model

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
        If the model cannot be read, gives objects instead of maps, or the thresholds contradict each other.
    """
    prepare_cpu(threads)
    return search_with(load_model(folder), thresholds, device)


def search_with(model: LoadedModel, thresholds: Mapping[str, Any], device: str = "cpu") -> Search:
    """Return what finds a loaded model's basins; float32 on every machine, so that results compare.

    Raises
    ------
    InputError
        If the model gives objects instead of maps, or the thresholds contradict each other.
    """
    if model.detector.kind != "semantic":
        raise InputError(
            f"model {model.spec['name']}: found a detector of objects, expected one of maps, whose probabilities the "
            "experiments need; choose a semantic model."
        )
    window = _WINDOW_PX if model.detector.free_size else int(model.spec["tile_size_px"])
    settings = SearchSettings(window, max(round(_STEP_SHARE * window), 1), precision="float32")
    rule = instance_settings(model.spec, thresholds)
    predict = Predictor(model.detector, pick_device(device), settings.precision)

    def search(tile: LabelledTile) -> Instances:
        layout = window_layout((tile.phase.shape[0], tile.phase.shape[1]), model, settings)
        return find_instances(probabilities(tile, predict, layout, model.detector), rule)

    return search


def probabilities(tile: LabelledTile, predict: Predictor, layout: Layout, detector: Detector) -> NDArray[np.float32]:
    """Blended probabilities of all windows of a tile, (maps, y, x), NaN without phase."""
    height, width = tile.phase.shape
    sides = max(layout.height, layout.size), max(layout.width, layout.size)
    encoded = np.zeros((channels(detector.encoding), *sides), np.float32)
    encoded[:, :height, :width] = encode(tile.phase, tile.coherence, detector.encoding)
    result = np.full((detector.maps, *tile.phase.shape), np.nan, np.float32)

    def keep(first: int, rows: NDArray[np.float32]) -> None:
        target = result[:, first : first + rows.shape[1]]
        target[:] = rows[:, : target.shape[1], :width]

    blender = Blender(layout.height, layout.width, layout.size, layout.step, detector.halo, keep, detector.maps)
    for _, windows in layout.rows():
        for window in windows:
            part = encoded[:, window.row : window.row + layout.size, window.column : window.column + layout.size]
            rows, columns = blender.kept(window)
            blender.add(window, predict(part[None])[0][:, rows, columns])
    blender.finish()
    result[:, np.isnan(tile.phase)] = np.nan
    return result

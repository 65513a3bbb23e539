"""SAHI driving our detector, run by benchmarks/frames.py with the peers' Python; prints CPU seconds as JSON.

Reads frames (``phase``, ``coherence``) from an npz file. Writes what SAHI finds in each as ``NUMBER.parquet`` beside
it. The network answers a slice at a time, its maps become objects as in the workflow, and SAHI merges them with its
defaults. SAHI takes pictures of bytes, so the encoded channels are rounded to 256 steps. The project's library and
packages come by PYTHONPATH.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from basinwatch.encoding import encode
from basinwatch.grid import Grid
from basinwatch.inference.forming import instance_settings
from basinwatch.inference.instances import find_instances
from basinwatch.inference.placed_objects import PlacedObject, write_objects
from basinwatch.inference.predictor import Predictor
from basinwatch.models import LoadedModel, load_model
from basinwatch.tiling import Tile
from basinwatch.vectors import polygons_of
from sahi.models.base import DetectionModel
from sahi.predict import get_sliced_prediction
from sahi.prediction import ObjectPrediction

Network = Callable[[np.ndarray], np.ndarray]


class Basins(DetectionModel):
    """Our detector as SAHI wants it."""

    def set_model(self, model: tuple[LoadedModel, Network], **options: object) -> None:
        """Keep the network and what counts as a basin."""
        self.model, self.category_mapping = model, {"1": "basin"}
        spec = model[0].spec
        self.settings = instance_settings(spec, {"peak_threshold": spec["threshold"]})

    def perform_inference(self, image: np.ndarray) -> None:
        """Predict one slice (y, x, channels)."""
        channels = (image.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]
        self._original_predictions = find_instances(self.model[1](channels)[0], self.settings)

    def _create_object_prediction_list_from_original_predictions(
        self, shift_amount_list: list[list[int]] | None = None, full_shape_list: list[list[int]] | None = None
    ) -> None:
        """Hand over the outlines of the last slice."""
        found, shift = self._original_predictions, (shift_amount_list or [[0, 0]])[0]
        grid = Grid(found.labels.shape[1], found.labels.shape[0], None, None, (1.0, 1.0))
        objects = []
        for outline, score in zip(polygons_of(found.labels, grid), found.score, strict=True):
            rings = [list(np.ravel(part.exterior.coords)) for part in getattr(outline, "geoms", [outline])]
            full = (full_shape_list or [None])[0]
            objects.append(ObjectPrediction(
                bbox=list(outline.bounds), category_id=1, category_name="basin", score=float(score),
                segmentation=rings, shift_amount=shift, full_shape=full or list(found.labels.shape),
            ))  # fmt: skip
        self._object_prediction_list_per_image = [objects]


def as_loaded(model: LoadedModel) -> Network:
    """Call the network as its file gives it."""

    @torch.inference_mode()
    def answer(channels: np.ndarray) -> np.ndarray:
        return torch.sigmoid(model.detector(torch.from_numpy(channels))).numpy()

    return answer


def placed(found: ObjectPrediction, shape: tuple[int, int]) -> PlacedObject:
    """Cut an object of SAHI's out of its mask."""
    left, top, right, bottom = (int(side) for side in found.bbox.to_xyxy())
    mask = found.mask.bool_mask[top : bottom + 1, left : right + 1]
    box = float(left), float(top), float(left + mask.shape[1]), float(top + mask.shape[0])
    return PlacedObject(Tile(0, 0, max(shape)), box, float(found.score.value), mask)


def main(source: str, folder: str, slice_px: int, kind: str) -> None:
    """Search all frames."""
    torch.set_num_threads(1)
    model = load_model(Path(folder))
    network = Predictor(model.detector, torch.device("cpu")) if kind == "fast" else as_loaded(model)
    # Below a confidence of 0.1 SAHI would not merge as its documentation says but fall back on suppression.
    detector = Basins(model=(model, network), device="cpu", confidence_threshold=model.spec["threshold"])
    frames, seconds = np.load(source), 0.0
    for number, (phase, coherence) in enumerate(zip(frames["phase"], frames["coherence"], strict=True)):
        begin = time.process_time()
        picture = np.rint((encode(phase, coherence) + 1) * 127.5).astype(np.uint8).transpose(1, 2, 0)
        result = get_sliced_prediction(
            picture, detector, slice_height=slice_px, slice_width=slice_px, perform_standard_pred=False, verbose=0
        )
        seconds += time.process_time() - begin
        objects = [placed(found, phase.shape) for found in result.object_prediction_list]
        write_objects(Path(source).with_name(f"{number}.parquet"), objects)
    print(json.dumps({"cpu_s": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])

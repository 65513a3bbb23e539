"""A model on labelled tiles: what each tile adds to the scores."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from basinwatch.datasets.tiles import IGNORED, Label, LabelledTile, instance_target, is_basin
from basinwatch.detectors import Detector, InstanceDetector, Objects
from basinwatch.encoding import encode
from basinwatch.errors import InputError
from basinwatch.evaluation.predictions import Output, hold_against
from basinwatch.evaluation.scores import Comparison, assign, confusion
from basinwatch.inference.instances import InstanceSettings
from basinwatch.inference.predictor import Predictor
from basinwatch.models import LoadedModel

logger = logging.getLogger(__name__)
STRONG_MM, STRONG_COHERENCE = 8.0, 0.5
_CLASSED = ("peak_los_mm", "coherence")


@dataclass(frozen=True)
class TileScores:
    """What one tile adds.

    Parameters
    ----------
    masks, boxes
        Detections, all of them, against the truth; `masks` None for detectors that give boxes only.
    strong
        The same where only basins of at least 8 mm and coherence 0.5 count and the others are ignored; None where
        that is not known of the basins.
    counts
        Confusion of pixels (2, 2), None for detectors that give boxes only; and bool (n,) truth and prediction of all
        counted pixels, of such detectors those inside their boxes.
    basins
        Per basin what is known of it, and whether it was found, by outline (IoU 0.5) and by centre.
    area_km2
        Searched ground; NaN when unknown.
    """

    masks: Comparison | None
    boxes: Comparison
    strong: Comparison | None
    counts: NDArray[np.int64] | None
    pixels: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    basins: list[dict[str, Any]]
    area_km2: float

    @property
    def best(self) -> Comparison:
        """By pixels where there are any, else by boxes."""
        return self.boxes if self.masks is None else self.masks


def rule_of(spec: Mapping[str, Any]) -> InstanceSettings:
    """Thresholds a model was shipped with."""
    threshold = spec["threshold"]
    peak = max(spec.get("peak_threshold", threshold), threshold)
    return InstanceSettings(threshold, peak, spec["min_area_px"], spec.get("core_threshold", 0.5))


def score_tiles(
    model: LoadedModel,
    tiles: Iterable[LabelledTile],
    device: torch.device,
    batch_size: int = 8,
    precision: str = "auto",
) -> Iterator[TileScores]:
    """Search tiles of one size and hold what is found against their labels.

    Tiles whose sides are no multiples of the detector's stride are padded with missing data for the search.
    """
    rule, waiting = rule_of(model.spec), iter(tiles)
    predictor = Predictor(model.detector, device, precision)
    while batch := list(islice(waiting, batch_size)):
        for tile, output in zip(batch, search_tiles(model.detector, predictor, batch), strict=True):
            yield score_tile(tile, output, rule)


def search_tiles(detector: Detector, predictor: Predictor, tiles: Sequence[LabelledTile]) -> list[Output]:
    """Search tiles of one size and crop the outputs to them again.

    Raises
    ------
    InputError
        If the tiles differ in size.
    """
    shapes = {tile.phase.shape for tile in tiles}
    if len(shapes) != 1:
        raise InputError(f"evaluation: found tiles of {sorted(shapes)} px, expected one size; cut them alike.")
    height, width = tiles[0].phase.shape
    missing = [(0, -side % detector.stride) for side in (height, width)]
    inputs = np.stack([encode(tile.phase, tile.coherence, detector.encoding) for tile in tiles])
    padded = np.pad(inputs, [(0, 0), (0, 0), *missing])
    if isinstance(detector, InstanceDetector):
        return list(predictor.objects(padded))
    return list(predictor(padded)[:, :, :height, :width])


def score_tile(tile: LabelledTile, output: Output, rule: InstanceSettings) -> TileScores:
    """Hold one output against the labels of its tile."""
    shape = (tile.phase.shape[0], tile.phase.shape[1])
    found = hold_against(output, tile.labels, rule, shape)
    strong = strong_labels(tile.labels)
    target = instance_target(tile.labels, shape)
    target[~np.isfinite(tile.phase) & (target == 0)] = IGNORED
    counted = target != IGNORED
    covered = _inside_boxes(output, rule, shape) if found.pixels is None else found.pixels
    return TileScores(
        masks=found.masks,
        boxes=found.boxes,
        strong=None if strong is None else hold_against(output, strong, rule, shape).best,
        counts=None if found.pixels is None else confusion(target, found.pixels),
        pixels=(is_basin(target)[counted], covered[counted]),
        basins=_basins(tile, found.best.above(rule.peak_threshold)),
        area_km2=np.isfinite(tile.phase).sum() * (tile.pixel_area_m2 or np.nan) / 1e6,
    )


def _inside_boxes(output: Output, rule: InstanceSettings, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels that boxes above the threshold touch, as Zhang et al. (2022) count detectors without masks."""
    inside = np.zeros(shape, bool)
    if isinstance(output, Objects):
        for left, top, right, bottom in output.boxes[output.scores >= rule.peak_threshold]:
            rows, columns = (slice(max(0, int(a)), int(np.ceil(b))) for a, b in ((top, bottom), (left, right)))
            inside[rows, columns] = True
    return inside


def strong_labels(labels: Sequence[Label]) -> list[Label] | None:
    """Labels of which weak basins are to be ignored; None where strength is not known of all basins."""
    if not all({"peak_los_mm", "coherence"} <= set(label.attributes) for label in labels):
        return None
    return [replace(label, ignore=label.ignore or not _is_strong(label.attributes)) for label in labels]


def _is_strong(attributes: Mapping[str, Any]) -> bool:
    """Whether a basin must be found by any useful detector."""
    return bool(attributes["peak_los_mm"] >= STRONG_MM and attributes["coherence"] >= STRONG_COHERENCE)


def _basins(tile: LabelledTile, compared: Comparison) -> list[dict[str, Any]]:
    """List what is known of each basin of a tile, and whether it was found."""
    hits = {"outlined": set(assign(compared).tolist()), "centred": set(assign(compared, None).tolist())}
    area = tile.pixel_area_m2 or np.nan
    basins = [label for label in tile.labels if not label.ignore]
    return [
        {name: label.attributes.get(name, np.nan) for name in _CLASSED}
        | {"area_m2": label.mask.sum() * area}
        | {name: number in found for name, found in hits.items()}
        for number, label in enumerate(basins)
    ]

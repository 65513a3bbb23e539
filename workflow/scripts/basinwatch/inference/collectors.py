"""What a detector says about windows, put together into rows of a frame and objects at their place."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from basinwatch.detectors import Objects, SemanticDetector
from basinwatch.inference.object_merging import paint
from basinwatch.inference.placed_objects import PlacedObject
from basinwatch.inference.predictor import Predictor
from basinwatch.inference.stitching import Blender, RollingRows, WriteRows
from basinwatch.inference.views import views
from basinwatch.inference.windows import Batch, Layout
from basinwatch.tiling import Tile


class MapCollector:
    """Blended maps of a semantic detector; it has no objects.

    Parameters
    ----------
    leave
        Called with the first row and finished rows (maps, n, width), top to bottom without gaps; NaN where nothing was
        searched.
    """

    def __init__(
        self, detector: SemanticDetector, predict: Predictor, layout: Layout, leave: WriteRows, view_count: int
    ) -> None:
        self.objects: list[PlacedObject] = []
        self._predict, self._views = predict, views(view_count)
        self._blender = Blender(
            layout.height, layout.width, layout.size, layout.step, detector.halo, leave, detector.maps
        )

    def advance(self, row: int) -> None:
        """Hand over all rows above `row`: no window begins there any more."""
        self._blender.advance(row)

    def add(self, batch: Batch) -> None:
        """Predict and blend."""
        maps = self._predict(batch.channels).reshape(
            len(batch.windows), len(self._views), -1, *batch.channels.shape[-2:]
        )
        for window, shown in zip(batch.windows, maps, strict=True):
            as_seen = [view.straightened(values) for view, values in zip(self._views, shown, strict=True)]
            self._blender.add(window, sum(as_seen[1:], start=as_seen[0]) / len(as_seen))


class ObjectCollector:
    """Objects of an instance detector, and a map of the highest score at every pixel.

    Parameters
    ----------
    shape
        Rows and columns of the frame.
    leave
        See :class:`MapCollector`; there is one map.
    """

    def __init__(self, predict: Predictor, layout: Layout, shape: tuple[int, int], leave: WriteRows) -> None:
        self.objects: list[PlacedObject] = []
        self._predict, self._shape = predict, shape
        empty = np.full((1, layout.size, max(layout.width, layout.size)), np.nan, np.float32)
        self._scores = RollingRows(layout.height, empty, leave)

    def advance(self, row: int) -> None:
        """Hand over all rows above `row`: no window begins there any more."""
        self._scores.advance(row)

    def add(self, batch: Batch) -> None:
        """Predict, bring the objects to their place, and note their scores."""
        scores = self._scores.rows[0]
        for window, found in zip(batch.windows, self._predict.objects(batch.channels), strict=True):
            searched = scores[:, window.column : window.column + window.size]
            searched[np.isnan(searched)] = 0
            placed = list(place_objects(found, window, self._shape, batch.row, batch.valid))
            paint(placed, scores, batch.row)
            self.objects += placed


def place_objects(
    found: Objects, window: Tile, shape: tuple[int, int], band_row: int, valid: NDArray[np.bool_]
) -> Iterator[PlacedObject]:
    """Bring objects of a window into the frame; what lies beyond it or where there is no phase is cut off.

    Parameters
    ----------
    shape
        Rows and columns of the frame.
    band_row, valid
        First row and bool (size, width) of the row of windows: where there is phase.
    """
    shift = np.array([window.column, window.row])
    last = np.minimum(window.size, np.array([shape[1], shape[0]]) - shift)
    for number, (box, score) in enumerate(zip(found.boxes.astype(np.float64), found.scores, strict=True)):
        corners = np.concatenate([np.clip(box[:2], 0, last), np.clip(box[2:], 0, last)]) + np.tile(shift, 2)
        left, top, right, bottom = map(float, corners)
        rows = slice(math.floor(top) - band_row, math.ceil(bottom) - band_row)
        mask = valid[rows, math.floor(left) : math.ceil(right)].copy()
        if found.masks is not None:
            mask &= found.masks[number][: mask.shape[0], : mask.shape[1]]
        if mask.any():
            yield PlacedObject(window, (left, top, right, bottom), float(score), mask, found.masks is not None)

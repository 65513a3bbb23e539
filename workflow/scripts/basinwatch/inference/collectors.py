"""What a detector says about windows, put together into rows of a frame and objects at their place."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from basinwatch.detectors import Objects, SemanticDetector
from basinwatch.inference.object_merging import paint
from basinwatch.inference.placed_objects import PlacedObject, WriteObjects
from basinwatch.inference.predictor import Predictor, probabilities
from basinwatch.inference.stitching import Blender, RollingRows, WriteRows
from basinwatch.inference.views import views
from basinwatch.inference.windows import Batch, Layout
from basinwatch.tiling import Tile


class MapCollector:
    """Blended maps of a semantic detector.

    Parameters
    ----------
    leave
        Called with the first row and finished rows (maps, n, width), top to bottom without gaps; NaN where nothing was
        searched.
    """

    def __init__(
        self, detector: SemanticDetector, predict: Predictor, layout: Layout, leave: WriteRows, view_count: int
    ) -> None:
        self._predict, self._views = predict, views(view_count)
        self._blender = Blender(
            layout.height, layout.width, layout.size, layout.step, detector.halo, leave, detector.maps
        )

    def advance(self, row: int) -> None:
        """Hand over all rows above `row`: no window begins there any more."""
        self._blender.advance(row)

    def finish(self) -> None:
        """Hand over the rows that are left."""
        self._blender.finish()

    def add(self, batch: Batch) -> None:
        """Predict and blend."""
        logits = self._predict.logits(batch.channels).unflatten(0, (len(batch.windows), len(self._views)))
        for window, shown in zip(batch.windows, logits, strict=True):
            rows, columns = self._blender.kept(window)
            as_seen = [
                probabilities(view.straightened(maps)[:, rows, columns])
                for view, maps in zip(self._views, shown, strict=True)
            ]
            self._blender.add(window, as_seen[0] if len(as_seen) == 1 else np.mean(as_seen, axis=0))


class ObjectCollector:
    """Objects of an instance detector, and a map of the highest score at every pixel.

    Parameters
    ----------
    shape
        Rows and columns of the frame.
    leave
        See :class:`MapCollector`; there is one map.
    keep
        Called with the objects of every row of windows.
    """

    def __init__(
        self, predict: Predictor, layout: Layout, shape: tuple[int, int], leave: WriteRows, keep: WriteObjects
    ) -> None:
        self._predict, self._shape, self._keep = predict, shape, keep
        self._found: list[PlacedObject] = []
        empty = np.full((1, layout.size, max(layout.width, layout.size)), np.nan, np.float32)
        self._scores = RollingRows(layout.height, empty, leave)

    def advance(self, row: int) -> None:
        """Hand over all rows above `row`, and the objects of windows there: no window begins there any more."""
        self._scores.advance(row)
        if self._found and self._found[0].window.row < row:
            self._keep(self._found)
            self._found = []

    def finish(self) -> None:
        """Hand over what is left."""
        self.advance(self._scores.height)

    def add(self, batch: Batch) -> None:
        """Predict, bring the objects to their place, and note their scores."""
        scores = self._scores.rows[0]
        for window, found in zip(batch.windows, self._predict.objects(batch.channels), strict=True):
            searched = scores[:, window.column : window.column + window.size]
            searched[np.isnan(searched)] = 0
            placed = list(place_objects(found, window, self._shape, batch.row, batch.valid))
            paint(placed, scores, batch.row)
            self._found += placed


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

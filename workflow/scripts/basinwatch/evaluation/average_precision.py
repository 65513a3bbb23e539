"""Average precision as COCO defines it, also of weighted tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from basinwatch.evaluation.scores import Comparison, match

COCO_IOUS = tuple(float(iou) for iou in np.linspace(0.5, 0.95, 10).round(2))
_RECALL_POINTS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Ranking:
    """Detections of many tiles at one overlap, the best first; those to be ignored are left out.

    Parameters
    ----------
    tile, hit
        (n,) number of each detection's tile, and whether it is a basin.
    basins
        (tiles,) basins of each tile.
    """

    tile: NDArray[np.intp]
    hit: NDArray[np.bool_]
    basins: NDArray[np.int64]

    @classmethod
    def of(cls, comparisons: Sequence[Comparison], min_iou: float = 0.5) -> Ranking:
        """Match and sort the detections of all tiles."""
        matches = [match(c, min_iou) for c in comparisons]
        counted = np.concatenate([~ignored for _, ignored in matches])
        score = np.concatenate([c.score for c in comparisons])[counted]
        order = np.argsort(-score, kind="stable")
        tile = np.repeat(np.arange(len(comparisons)), [len(c.score) for c in comparisons])
        hit = np.concatenate([hit for hit, _ in matches])
        basins = np.array([c.iou.shape[1] for c in comparisons], np.int64)
        return cls(tile[counted][order], hit[counted][order], basins)

    def average_precision(self, weights: NDArray[np.integer] | None = None) -> float:
        """Mean of the interpolated precision at 101 recalls; NaN when there is no basin at all.

        Parameters
        ----------
        weights
            How often each tile counts, (tiles,); None counts each once.
        """
        times = np.ones(len(self.basins), np.int64) if weights is None else weights
        basins = int((times * self.basins).sum())
        if basins == 0:
            return float("nan")
        times = times[self.tile]
        true, found = np.cumsum(times * self.hit), np.cumsum(times)
        precision = np.maximum.accumulate((true / np.maximum(found, 1))[::-1])[::-1]
        place = np.searchsorted(true / basins, _RECALL_POINTS, side="left")
        return float(np.append(precision, 0.0)[place].mean())


def average_precision(comparisons: Sequence[Comparison], min_iou: float = 0.5) -> float:
    """COCO's average precision at one overlap, see :meth:`Ranking.average_precision`."""
    return Ranking.of(comparisons, min_iou).average_precision()

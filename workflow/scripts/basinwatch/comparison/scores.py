"""How well two maps agree: scores of pixels on measured ground, and recall by rate and size of the objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from basinwatch.comparison.inputs import Bool, SbasMaps

RATE_EDGES_MM_YR = (0.0, 5.0, 10.0, 20.0, 50.0, 100.0, np.inf)
AREA_EDGES_M2 = (0.0, 1e4, 3e4, 1e5, 3e5, 1e6, np.inf)
ACTIVE_EDGES_DAYS = (0.0, 30.0, 90.0, 180.0, 365.0, 730.0, np.inf)


def agreement(detected: Bool, reference: Bool, measured: Bool) -> dict[str, float | int | None]:
    """Pixel scores of a detection against a reference, on measured pixels only.

    Returns
    -------
    dict
        ``true_positive``, ``false_positive``, ``false_negative``, ``true_negative`` (pixels), ``iou``,
        ``precision``, ``recall``, ``accuracy`` and Cohen's ``kappa``; None where a ratio is undefined.
    """
    a, b = detected[measured], reference[measured]
    both, only_a, only_b = int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum())
    n = int(a.size)
    neither = n - both - only_a - only_b
    chance = ((both + only_a) * (both + only_b) + (neither + only_a) * (neither + only_b)) / n**2 if n else 1.0
    agreed = (both + neither) / n if n else 0.0
    return {
        "true_positive": both,
        "false_positive": only_a,
        "false_negative": only_b,
        "true_negative": neither,
        "iou": _ratio(both, both + only_a + only_b),
        "precision": _ratio(both, both + only_a),
        "recall": _ratio(both, both + only_b),
        "accuracy": _ratio(both + neither, n),
        "kappa": _ratio(agreed - chance, 1 - chance),
    }


def _ratio(part: float, whole: float) -> float | None:
    """Divide; None when the whole is zero."""
    return part / whole if whole > 0 else None


def references(sbas: SbasMaps, stable_mm_yr: float) -> dict[str, Bool]:
    """Give the maps that detections may be held against, bool (y, x).

    Returns
    -------
    dict
        ``subsiding`` and ``moving`` (rate below −threshold, beyond ±threshold), and where Gi* classes are known
        ``cold_90``, ``cold_95``, ``cold_99``.
    """
    maps = {"subsiding": sbas.rate < -stable_mm_yr, "moving": np.abs(sbas.rate) > stable_mm_yr}
    if sbas.hotspot_class is not None:
        maps |= {f"cold_{name}": sbas.hotspot_class <= -level for level, name in enumerate((90, 95, 99), start=1)}
    return maps


def recall_curves(objects: pd.DataFrame, edges: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Share of objects that the other side has too, by class of their size, rate or activity.

    Parameters
    ----------
    objects
        Column ``matched`` and those named in `edges`.
    edges
        Limits of the classes per column, increasing; a class holds its lower limit.

    Returns
    -------
    DataFrame
        ``by``, ``low``, ``high``, ``objects``, ``matched``, ``recall`` (NaN without objects).
    """
    rows = []
    for name, limits in edges.items():
        values: NDArray[np.float64] = np.abs(objects[name].to_numpy(np.float64))
        for low, high in pairwise(limits):
            inside = (values >= low) & (values < high)
            count, found = int(inside.sum()), int(objects["matched"].to_numpy(bool)[inside].sum())
            rows.append((name, low, high, count, found, found / count if count else np.nan))
    return pd.DataFrame(rows, columns=["by", "low", "high", "objects", "matched", "recall"])

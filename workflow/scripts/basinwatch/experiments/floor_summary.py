"""Detection floor: from rows per tile to thresholds per condition, false basins and gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaincinv

from basinwatch.experiments.design import MIN_IOU
from basinwatch.experiments.logistic import Crossing, Fit, bootstrapped

CRITERIA = ("detected", "delineated")
CONDITION = ("design", "shape", "sigma_m", "coherence", "delay_mm")
GRADIENT_EDGES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, math.pi, 2 * math.pi, math.inf)
DETECTABILITIES = (3.0, 6.0, 12.0)
_CHANCES = {"a50": 0.5, "a90": 0.9}
_SIGNIFICANT = 4


def outcomes(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with a column for each criterion: centre hit, and overlap of at least one half."""
    return rows.assign(detected=rows["detected"] > 0, delineated=rows["iou"] >= MIN_IOU)


def cells(rows: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """Thresholds of every condition, one row per condition and criterion.

    Parameters
    ----------
    rows
        From :func:`outcomes`.
    resamples, seed
        Bootstrap samples of the replicates and their seed.

    Returns
    -------
    Columns :data:`CONDITION`, `criterion`, `tiles`; `a50_mm` and `a90_mm` with `_low`, `_high` (95 %) and `_relation`
    (``>``: not reached within the range, whose end is given); `rising_to_mm`, the end of that range: the peak with the
    largest share, beyond which steep basins are lost again; `floor_d3_mm` … where the ideal observer's d′ is 3 …;
    and `d_prime_at_a50`.
    """
    basins = rows[rows["design"] != "empty"]
    found = [
        dict(zip(CONDITION, key, strict=True)) | result
        for key, group in basins.groupby(list(CONDITION), dropna=False)
        for result in _thresholds(group, resamples, seed)
    ]
    return pd.DataFrame(found)


def _thresholds(group: pd.DataFrame, resamples: int, seed: int) -> Iterator[dict[str, Any]]:
    """Thresholds of one condition by both criteria."""
    mm_per_d = float((group["amplitude_mm"] / group["d_prime"]).median())
    for criterion in CRITERIA:
        fitted = threshold_fit(group, criterion, resamples, seed)
        end_mm = _rounded(math.exp(fitted.limits[1]))
        result: dict[str, Any] = {"criterion": criterion, "tiles": len(group), "rising_to_mm": end_mm}
        for name, chance in _CHANCES.items():
            result |= _in_mm(name, fitted.crossing(chance))
        result |= {f"floor_d{level:g}_mm": _rounded(level * mm_per_d) for level in DETECTABILITIES}
        yield result | {"d_prime_at_a50": _rounded(result["a50_mm"] / mm_per_d)}


def threshold_fit(group: pd.DataFrame, criterion: str, resamples: int, seed: int) -> Fit:
    """Logistic curve over ln(amplitude in mm) of one condition, up to its largest share.

    Tiles of one replicate are resampled together.
    """
    table = group.pivot_table(index="replicate", columns="amplitude_mm", values=criterion, aggfunc=["sum", "count"])
    counts = table.fillna(0)
    amplitudes = np.log(counts["sum"].columns.to_numpy(np.float64))
    hits, tiles = (counts[name].to_numpy(np.float64) for name in ("sum", "count"))
    shares = hits.sum(0) / tiles.sum(0)
    end = max(int(np.flatnonzero(shares == shares.max())[-1]) + 1, 2)
    return bootstrapped(amplitudes[:end], hits[:, :end], tiles[:, :end], resamples, seed)


def _in_mm(name: str, crossing: Crossing) -> dict[str, Any]:
    """Turn a crossing over ln(mm) into columns in mm."""
    values = {"": crossing.value, "_low": crossing.low, "_high": crossing.high}
    return {f"{name}_mm{part}": _rounded(math.exp(value)) for part, value in values.items()} | {
        f"{name}_relation": crossing.relation
    }


def _rounded(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.{_SIGNIFICANT}g}")


def false_basins(rows: pd.DataFrame) -> dict[str, Any]:
    """Count false basins per 100 empty tiles, with a 95 % Poisson interval, in all and by condition."""
    empty = rows[rows["design"] == "empty"]
    conditions = [
        {"coherence": key[0], "delay_mm": key[1]} | _per_100(group["false_basins"].to_numpy())
        for key, group in empty.groupby(["coherence", "delay_mm"])
    ]
    return _per_100(empty["false_basins"].to_numpy()) | {"conditions": conditions}


def _per_100(counts: NDArray[np.int64]) -> dict[str, Any]:
    """Rate per 100 tiles; exact limits by the relation of Poisson and gamma distributions."""
    total, scale = int(counts.sum()), 100 / len(counts)
    low = gammaincinv(total, 0.025) if total else 0.0
    high = gammaincinv(total + 1, 0.975)
    return {
        "tiles": len(counts),
        "per_100_tiles": _rounded(total * scale),
        "low": _rounded(float(low) * scale),
        "high": _rounded(float(high) * scale),
    }


def by_gradient(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Shares detected and delineated by the steepest phase of a basin, rad per pixel, and coherence."""
    basins = rows[rows["design"] == "factorial"]
    places = np.digitize(basins["gradient_rad_px"], GRADIENT_EDGES) - 1
    groups = basins.groupby([basins["coherence"], places])
    return [
        {
            "coherence": float(coherence),
            "from_rad_px": GRADIENT_EDGES[place],
            "to_rad_px": GRADIENT_EDGES[place + 1] if math.isfinite(GRADIENT_EDGES[place + 1]) else None,
            "tiles": len(group),
        }
        | {criterion: round(float(group[criterion].mean()), 4) for criterion in CRITERIA}
        for (coherence, place), group in groups
    ]


def summary(rows: pd.DataFrame, table: pd.DataFrame) -> dict[str, Any]:
    """Say in short what was found: the parity set, moving faces, false basins and gradients."""
    return {
        "tiles": len(rows),
        "parity": _by_criterion(table[table["design"] == "parity"]),
        "same_condition_in_factorial": _by_criterion(_like_parity(table)),
        "faces": [
            {"coherence": float(coherence)} | _by_criterion(group)
            for coherence, group in table[table["design"] == "faces"].groupby("coherence")
        ],
        "false_basins": false_basins(rows),
        "gradient": by_gradient(rows),
    }


def _like_parity(table: pd.DataFrame) -> pd.DataFrame:
    """Choose the factorial cell of the parity set's condition, whose replicates are paired."""
    parity = table[table["design"] == "parity"].iloc[0]
    same = np.all([table[name] == parity[name] for name in CONDITION[1:]], axis=0)
    return table[same & (table["design"] == "factorial")]


def _by_criterion(part: pd.DataFrame) -> dict[str, Any]:
    """One condition's thresholds by criterion."""
    kept = [name for name in part.columns if name not in (*CONDITION, "criterion")]
    return {str(row["criterion"]): {name: row[name] for name in kept} for row in part.to_dict("records")}

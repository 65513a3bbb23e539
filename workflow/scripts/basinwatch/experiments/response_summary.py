"""Response to coherence: from rows per pair to the coherence at which a detector loses its basins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from basinwatch.experiments.design import CLASSES, DETECTORS
from basinwatch.experiments.logistic import Crossing, Fit, bootstrapped

AXES = ("true", "sample", "filtered")
# Samples of incoherent ground read about 0.2 and crowd there: no curve is fitted over them.
_FITTED = ("true", "filtered")
_CHANCES = {"c50": 0.5, "c90": 0.9}
_SEASON = np.cos(np.pi / 4)
_MID_JANUARY, _YEAR = 15, 365.25


def share_fit(rows: pd.DataFrame, axis: str, detector: str, kind: str, resamples: int, seed: int) -> Fit:
    """Logistic curve of the share of basins found over ln(coherence) of a pair; pairs are resampled.

    Parameters
    ----------
    rows
        One row per pair, see :data:`basinwatch.experiments.response.COLUMNS`.
    axis
        ``true``: mean true coherence; ``filtered``: read from filtered phase.
    detector, kind
        ``model`` or ``reference``; ``all``, ``strong`` or ``weak`` basins.
    resamples, seed
        Bootstrap samples and their seed.
    """
    ordered = rows.sort_values(f"coherence_{axis}", kind="stable")
    found, basins = (np.diag(ordered[f"{kind}_{name}"].to_numpy(np.float64)) for name in (detector, "basins"))
    return bootstrapped(np.log(ordered[f"coherence_{axis}"].to_numpy(np.float64)), found, basins, resamples, seed)


def summary(rows: pd.DataFrame, resamples: int, seed: int) -> dict[str, Any]:
    """Say in short what was found.

    Returns
    -------
    `pairs`, `basins_per_pair`, `false_basins_per_pair`; under `thresholds` the coherence at which half (`c50`) and
    90 % (`c90`) of the basins are found, by axis, detector and class, with 95 % limits and a relation
    (``>``: not reached at any pair, ``<``: exceeded at all); under `seasons` the shares found in winter and summer.
    """
    return {
        "pairs": len(rows),
        "basins_per_pair": int(rows["all_basins"].iloc[0]),
        "false_basins_per_pair": round(float(rows["false_basins"].mean()), 4),
        "thresholds": {
            axis: {
                detector: {
                    kind: _thresholds(share_fit(rows, axis, detector, kind, resamples, seed)) for kind in CLASSES
                }
                for detector in DETECTORS
            }
            for axis in _FITTED
        },
        "seasons": {str(reading): _seasons(group) for reading, group in rows.groupby("reading")},
    }


def _thresholds(fitted: Fit) -> dict[str, Any]:
    return {name: _as_dict(fitted.crossing(chance)) for name, chance in _CHANCES.items()}


def _as_dict(crossing: Crossing) -> dict[str, Any]:
    """Turn a crossing over ln(coherence) into coherence."""
    numbers = {name: round(math.exp(getattr(crossing, name)), 4) for name in ("value", "low", "high")}
    return numbers | {"relation": crossing.relation}


def _seasons(group: pd.DataFrame) -> dict[str, Any]:
    """Mean coherences and shares found in the quarters around mid January and mid July."""
    season = np.cos(2 * np.pi * (group["day_of_year"] - _MID_JANUARY) / _YEAR)
    quarters = {"winter": group[season > _SEASON], "summer": group[season < -_SEASON]}
    return {name: _means(part) for name, part in quarters.items() if len(part)}


def _means(part: pd.DataFrame) -> dict[str, Any]:
    """Means over the pairs of a season."""
    basins = part["all_basins"].sum()
    found = {detector: part[f"all_{detector}"].sum() / basins for detector in DETECTORS}
    read = {f"coherence_{axis}": part[f"coherence_{axis}"].mean() for axis in AXES}
    delineated = {"delineated": part["delineated"].sum() / basins}
    return {"pairs": len(part)} | {k: round(float(v), 4) for k, v in (read | found | delineated).items()}

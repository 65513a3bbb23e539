"""Basins through time: what every pair saw of them, their spells and states."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from basinwatch.activity.days import accumulate
from basinwatch.grid import Grid
from basinwatch.vectors import footprints

Bool = NDArray[np.bool_]

STATES = ("continuous", "intermittent", "new", "ceased")


def coverage(
    basins: gpd.GeoDataFrame,
    pairs: Iterable[tuple[str, date, date, Bool]],
    stack: str,
    grid: Grid,
) -> pd.DataFrame:
    """Share of every basin's outline that each pair of a stack observed.

    Parameters
    ----------
    basins
        Outlines in the CRS of `grid`, with column ``basin``.
    pairs
        (pair name, earlier date, later date, observed (y, x)), read one at a time.

    Returns
    -------
    DataFrame
        ``basin``, ``pair``, ``date1``, ``date2`` (ISO), ``stack``, ``observed_share`` in 0…1; 0 outside the grid.
    """
    names = basins["basin"].tolist()
    places = footprints(basins.geometry, grid)
    rows = []
    for pair, first, second, observed in pairs:
        for name, place in zip(names, places, strict=True):
            share = float(place.of(observed).mean()) if place.mask.any() else 0.0
            rows.append((name, pair, first.isoformat(), second.isoformat(), stack, share))
    return pd.DataFrame(rows, columns=["basin", "pair", "date1", "date2", "stack", "observed_share"])


def timeline(linked: gpd.GeoDataFrame, covered: pd.DataFrame, min_observed_share: float = 0.5) -> pd.DataFrame:
    """One row per basin and pair: was it observed, was it detected.

    Parameters
    ----------
    linked
        Result of :func:`basinwatch.linking.link`.
    covered
        Rows of :func:`coverage` of all stacks.
    min_observed_share
        Share of the outline that must be valid for a pair without detection to count as observed.

    Returns
    -------
    DataFrame
        ``basin``, ``pair``, ``date1``, ``date2``, ``stack``, ``observed_share``, ``observed``, ``detected``,
        ``score`` (highest; NaN if not detected), ``area_m2`` (sum; 0 if not detected), in order of basin and time.
    """
    keys = ["basin", "stack", "pair"]
    found = (
        linked[linked["basin"] != ""]
        .groupby(keys, as_index=False)
        .agg(score=("score", "max"), area_m2=("area_m2", "sum"))
    )
    rows = covered.merge(found, on=keys, how="left")
    rows["detected"] = rows["score"].notna()
    rows["observed"] = rows["detected"] | (rows["observed_share"] >= min_observed_share)
    rows["area_m2"] = rows["area_m2"].fillna(0.0)
    rows["_number"] = rows["basin"].str[1:].astype(int)
    rows = rows.sort_values(["_number", "date1", "date2", "stack", "pair"], ignore_index=True)
    columns = ["basin", "pair", "date1", "date2", "stack", "observed_share", "observed", "detected", "score", "area_m2"]
    return rows[columns]


@dataclass(frozen=True)
class StateSettings:
    """Definition of the states.

    Parameters
    ----------
    recent_share
        The last part of the observed period that decides about new and ceased.
    min_observed
        Observed pairs without detection that must witness the change.
    continuous_share
        Least share of observed pairs with detection of a continuous basin.
    max_gap_days
        A spell goes on over unobserved time of at most this length.
    """

    recent_share: float = 1 / 3
    min_observed: int = 2
    continuous_share: float = 0.8
    max_gap_days: int = 0


def state(rows: pd.DataFrame, settings: StateSettings) -> str:
    """Name the state of one basin from its rows of the time line.

    A pair stands at the middle of its span; the observed period runs from the first to the last middle of an
    observed pair; its last `recent_share` is recent. In this order:

    - ``new``: every detection is recent, after at least `min_observed` observed pairs without one;
    - ``ceased``: no detection is recent, though at least `min_observed` recent pairs were observed;
    - ``continuous``: at least `continuous_share` of the observed pairs detect it;
    - ``intermittent``: anything else.
    """
    rows = rows[rows["observed"]]
    first, second = (rows[name].map(lambda day: date.fromisoformat(day).toordinal()) for name in ("date1", "date2"))
    middle = ((first + second) / 2).to_numpy()
    detected = rows["detected"].to_numpy(bool)
    recent_from = middle.max() - settings.recent_share * (middle.max() - middle.min())
    active = middle[detected]
    if active.min() >= recent_from and (middle < active.min()).sum() >= settings.min_observed:
        return "new"
    if active.max() < recent_from and (middle >= recent_from).sum() >= settings.min_observed:
        return "ceased"
    return "continuous" if detected.mean() >= settings.continuous_share else "intermittent"


def describe(basins: gpd.GeoDataFrame, rows: pd.DataFrame, settings: StateSettings | None = None) -> gpd.GeoDataFrame:
    """Add each basin's history to its outline.

    Parameters
    ----------
    basins
        Outlines with column ``basin``.
    rows
        Result of :func:`timeline`; every basin is detected at least once.

    Returns
    -------
    GeoDataFrame
        `basins` with ``first_seen``, ``last_seen`` (ISO: first day of the first and last day of the last
        detecting pair), ``n_detected``, ``n_observed`` (pairs), ``active_days``, ``observed_days``,
        ``active_fraction`` (of the days), ``n_episodes``, ``longest_days`` (spells without pause; see
        :class:`basinwatch.activity.days.Activity`) and ``state``.
    """
    settings = settings or StateSettings()
    names = basins["basin"].tolist()
    history = dict(list(rows.groupby("basin")))
    spans = _spans(rows.reset_index(drop=True), names, settings.max_gap_days) if names else pd.DataFrame()
    added = pd.DataFrame([_history(history[name], spans.loc[name], settings) for name in names], columns=list(_HISTORY))
    return basins.reset_index(drop=True).join(added.astype(_HISTORY))


_HISTORY = {
    "first_seen": object, "last_seen": object, "n_detected": "int64", "n_observed": "int64",
    "active_days": "int64", "observed_days": "int64", "active_fraction": "float64", "n_episodes": "int64",
    "longest_days": "int64", "state": object,
}  # fmt: skip


def _spans(rows: pd.DataFrame, names: list[str], max_gap_days: int) -> pd.DataFrame:
    """Days and spells of every basin: its pairs add up as those of a pixel do."""
    places = rows["basin"].map({name: place for place, name in enumerate(names)}).to_numpy()
    masks = []
    for (first, second), part in rows.groupby(["date1", "date2"], sort=True):
        detected, observed = np.zeros((2, 1, len(names)), bool)
        detected[0, places[part.index[part["detected"]]]] = True
        observed[0, places[part.index[part["observed"]]]] = True
        masks.append((date.fromisoformat(str(first)), date.fromisoformat(str(second)), detected, observed))
    total = accumulate(masks, max_gap_days)
    return pd.DataFrame({name: values[0] for name, values in vars(total).items()}, index=names)


def _history(rows: pd.DataFrame, spans: pd.Series, settings: StateSettings) -> dict[str, Any]:
    """Summary of one basin's rows."""
    detected, observed = rows[rows["detected"]], rows[rows["observed"]]
    return {
        "first_seen": detected["date1"].min(),
        "last_seen": detected["date2"].max(),
        "n_detected": len(detected),
        "n_observed": len(observed),
        "active_days": spans["days"],
        "observed_days": spans["observed_days"],
        "active_fraction": spans["days"] / spans["observed_days"],
        "n_episodes": spans["episodes"],
        "longest_days": spans["longest_days"],
        "state": state(rows, settings),
    }

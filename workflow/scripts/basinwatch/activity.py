"""Detections through time: days of activity per pixel, basins linked over pairs, their time line and state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from basinwatch.grid import Grid
from basinwatch.vectors import footprints

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

STATES = ("continuous", "intermittent", "new", "ceased")


@dataclass(frozen=True)
class Activity:
    """Surface activity, float32 (y, x).

    Parameters
    ----------
    days, observed_days
        Days inside a detection, and days with any observation.
    fraction
        days / observed_days; NaN where nothing was observed.
    first_day, last_day
        First day of the first and last day of the last detecting pair, in days since 1970-01-01; NaN without.
    """

    days: Float
    observed_days: Float
    fraction: Float
    first_day: Float
    last_day: Float


class _Span:
    """Length of a union of time intervals, pixel by pixel, fed in order of their start."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.days = np.zeros(shape, np.float32)
        self.first = np.full(shape, np.nan, np.float32)
        self.until = np.full(shape, -np.inf, np.float32)

    def add(self, start: int, end: int, where: Bool) -> None:
        """Add an interval to the pixels of `where`; time that was counted before is not counted again."""
        self.days += np.where(where, np.maximum(end - np.maximum(self.until, start), 0), 0)
        self.first[where & np.isnan(self.first)] = start
        self.until = np.where(where, np.maximum(self.until, end), self.until).astype(np.float32)


def accumulate(masks: Iterable[tuple[date, date, Bool, Bool]]) -> Activity:
    """Add up the time in which each pixel lies inside a detection.

    Spans of adjacent pairs add. Where pairs overlap in time, an interval counts once, and as active if any
    pair that covers it detects.

    Parameters
    ----------
    masks
        (earlier date, later date, detected (y, x), observed (y, x)) in order of the earlier date; read one
        at a time. A detection counts as observed.

    Raises
    ------
    ValueError
        Without any pair, or if the pairs are not in order.
    """
    active = observed = None
    previous = date.min
    for first, second, detected, seen in masks:
        if first < previous:
            raise ValueError(
                f"pair {first}_{second} follows one that starts {previous}: pairs must be in order of time"
            )
        if active is None or observed is None:
            active, observed = _Span(detected.shape), _Span(detected.shape)
        start, end = _epoch_day(first), _epoch_day(second)
        active.add(start, end, detected)
        observed.add(start, end, seen | detected)
        previous = first
    if active is None or observed is None:
        raise ValueError("no pair to accumulate")
    known = observed.days > 0
    fraction = np.where(known, active.days / np.where(known, observed.days, 1), np.nan).astype(np.float32)
    last = np.where(np.isfinite(active.until), active.until, np.nan).astype(np.float32)
    return Activity(active.days, observed.days, fraction, active.first, last)


def _epoch_day(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - date(1970, 1, 1).toordinal()


def covered_days(spans: Iterable[tuple[str, str]]) -> int:
    """Days in the union of time spans given as ISO dates; overlaps count once."""
    days, until = 0, 0
    for first, second in sorted(spans):
        start, end = (date.fromisoformat(day).toordinal() for day in (first, second))
        days += max(end - max(until, start), 0)
        until = max(until, end)
    return days


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
    """

    recent_share: float = 1 / 3
    min_observed: int = 2
    continuous_share: float = 0.8


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
        ``active_fraction`` (of the days) and ``state``.
    """
    settings = settings or StateSettings()
    history = dict(list(rows.groupby("basin")))
    added = pd.DataFrame([_history(history[name], settings) for name in basins["basin"]], columns=list(_HISTORY))
    return basins.reset_index(drop=True).join(added.astype(_HISTORY))


_HISTORY = {
    "first_seen": object, "last_seen": object, "n_detected": "int64", "n_observed": "int64",
    "active_days": "int64", "observed_days": "int64", "active_fraction": "float64", "state": object,
}  # fmt: skip


def _history(rows: pd.DataFrame, settings: StateSettings) -> dict[str, Any]:
    """Summary of one basin's rows."""
    detected, observed = rows[rows["detected"]], rows[rows["observed"]]
    active_days, observed_days = (
        covered_days(zip(part["date1"], part["date2"], strict=True)) for part in (detected, observed)
    )
    return {
        "first_seen": detected["date1"].min(),
        "last_seen": detected["date2"].max(),
        "n_detected": len(detected),
        "n_observed": len(observed),
        "active_days": active_days,
        "observed_days": observed_days,
        "active_fraction": active_days / observed_days,
        "state": state(rows, settings),
    }

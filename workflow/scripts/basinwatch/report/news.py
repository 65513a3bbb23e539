"""Sections on the present: what sinks now, and what began or ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import geopandas as gpd
import pandas as pd

from basinwatch.activity import StateSettings
from basinwatch.report import figures, tables
from basinwatch.report.products import Area
from basinwatch.report.sections import Section
from basinwatch.report.tables import Column, count, frame_table, words

NOTHING = ("There are no basins to show.",)


def present_sections(area: Area) -> list[Section]:
    """Map, table and time line of all basins."""
    filled = not area.basins.empty
    nothing = () if filled else NOTHING
    return [
        Section("map", "Map", _moving_now(area), pictures=[figures.basin_map(area, stack) for stack in area.stacks]),
        Section("basins", "Basins", [definitions()] if filled else nothing,
                tables=[tables.basin_table(area)] if filled else []),
        Section("timeline", "Time line", nothing, pictures=[figures.timeline(area)] if filled and area.pairs else []),
    ]  # fmt: skip


def news_sections(area: Area) -> list[Section]:
    """Basins that began and basins that ceased within the period, and what changed since the last run."""
    changed = [] if area.changes is None else [_changes_section(area.changes)]
    return [_begun_section(area), *changed]


def _changes_section(changes: pd.DataFrame) -> Section:
    """List what a run found otherwise than the last one."""
    title = "Since the last run"
    if changes.empty:
        return Section("changes", title, ["Nothing changed since the last run, or this is the first."])
    columns = [Column(name, name, "text", words) for name in changes.columns]
    return Section("changes", title, tables=[frame_table("What changed since the last run", changes, columns)])


def _begun_section(area: Area) -> Section:
    """Name the basins that began or ceased within the period."""
    if area.basins.empty:
        return Section("new", "Basins that began or ceased", NOTHING)
    begun, ceased = (area.basins[area.basins["state"] == state] for state in ("new", "ceased"))
    said = [
        _told(begun, "No basin is new.", "{} began: {}.", "first_seen", "first seen"),
        _told(ceased, "No basin has ceased.", "{} ceased: {}.", "last_seen", "last seen"),
    ]
    changed = replace(area, basins=area.basins[area.basins["state"].isin(["new", "ceased"])])
    listed = [] if changed.basins.empty else [tables.basin_table(changed, "Basins that began or ceased")]
    return Section("new", "Basins that began or ceased", said, tables=listed)


def definitions() -> str:
    """Define the four states."""
    rule = StateSettings()
    return (
        f"Continuous: detected in at least {rule.continuous_share:.0%} of the pairs that observe the basin. "
        f"New: detected only in the last {rule.recent_share:.0%} of the observed time (where the middle of a pair lies "
        f"counts), after at least {count(rule.min_observed, 'pair')} without detection. Ceased: not detected in that "
        f"last part, although at least {count(rule.min_observed, 'pair')} observed it. Intermittent: any other."
    )


def _moving_now(area: Area) -> Sequence[str]:
    """Name the basins that the newest pair shows, most active first."""
    if area.basins.empty or not area.pairs:
        return NOTHING
    newest = set(area.detected.loc[area.detected["pair"] == area.pairs[-1], "basin"])
    names = [str(name) for name in area.basins["basin"] if name in newest]
    return [f"In the newest pair: {', '.join(names)}." if names else "The newest pair shows none of the basins."]


def _told(basins: gpd.GeoDataFrame, none: str, some: str, column: str, words: str) -> str:
    """Name basins with a date each."""
    if basins.empty:
        return none
    dates: Mapping[str, str] = dict(zip(basins["basin"], basins[column].astype(str).str[:10], strict=True))
    each = ", ".join(f"{name} ({words} {day})" for name, day in dates.items())
    return some.format(count(len(basins), "basin").capitalize(), each)

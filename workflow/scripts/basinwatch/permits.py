"""Ground that moves or is dug outside of permits, before they begin, or after they end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from basinwatch.errors import InputError
from basinwatch.given_vectors import POLYGONS, read_given
from basinwatch.layer_styles import Style
from basinwatch.vectors import read_vectors

OUTSIDE, AFTER_END, BEFORE_START = "outside", "after_end", "before_start"
FINDINGS = (AFTER_END, BEFORE_START, OUTSIDE)
COLUMNS = (
    "finding", "what", "object", "permit", "permit_from", "permit_until", "area_m2", "share", "first_date", "last_date",
    "days", "observations",
)  # fmt: skip
STYLES = {
    "findings": Style({OUTSIDE: "#D55E00", AFTER_END: "#B0307F", BEFORE_START: "#E69F00"}, "finding"),
    "permits": Style({"permit": "#0072B2"}, opacity=0.08),
}
_MOVING_PATCHES = ("positive", "negative")


@dataclass(frozen=True)
class PermitSettings:
    """How permits are read and when something lies outside of them.

    Parameters
    ----------
    id_column, from_column, until_column
        Columns with the name of a permit and its first and last day; None where there is none.
    tolerance_m
        Ground this close to a permit counts as inside: pixels blur outlines, and movement reaches beyond its cause.
    min_area_m2
        Smaller parts are no finding.
    """

    id_column: str | None = None
    from_column: str | None = "valid_from"
    until_column: str | None = "valid_until"
    tolerance_m: float = 50.0
    min_area_m2: float = 1000.0


@dataclass(frozen=True)
class Permits:
    """Polygons with ``permit``, ``valid_from`` and ``valid_until`` (None: open), and remarks on their file."""

    frame: gpd.GeoDataFrame
    remarks: tuple[str, ...]


def read_permits(path: str | Path, crs: CRS, settings: PermitSettings, layer: str | None = None) -> Permits:
    """Read permits; a missing date leaves the permit open on that side, and the remarks say so.

    Raises
    ------
    InputError
        If the file has no such column, a date cannot be read, or a permit ends before it begins.
    """
    given = read_given(path, crs, POLYGONS, layer)
    found = given.frame
    wanted = (settings.id_column, settings.from_column, settings.until_column)
    lacking = [name for name in wanted if name is not None and name not in found]
    if lacking and len(found):
        raise InputError(
            f"{path}: found columns {', '.join(map(str, found.columns))}, expected {', '.join(lacking)} too; correct "
            "the columns named in `permits`, or set them to null."
        )
    names = [str(n) for n in range(1, len(found) + 1)]
    if settings.id_column is not None and len(found):
        names = [str(name) for name in found[settings.id_column]]
    ends = [_dates(path, found, names, column) for column in (settings.from_column, settings.until_column)]
    for name, first, last in zip(names, *ends, strict=True):
        if first is not None and last is not None and last < first:
            raise InputError(f"{path}: permit {name} ends {last}, expected not before {first}; correct its dates.")
    columns = {"permit": names, "valid_from": ends[0], "valid_until": ends[1]}
    permits = gpd.GeoDataFrame(pd.DataFrame(columns, dtype=object), geometry=found.geometry.array, crs=crs)
    return Permits(permits, (*given.remarks, *_open_remarks(path, permits)))


def no_permits(remark: str) -> Permits:
    """Permits of an area that has no place on a map, and the remark that says so."""
    columns = {name: np.empty(0, object) for name in ("permit", "valid_from", "valid_until")}
    return Permits(gpd.GeoDataFrame(columns, geometry=[]), (remark,))


def _dates(path: str | Path, found: gpd.GeoDataFrame, names: list[str], column: str | None) -> list[date | None]:
    """Read a column of dates; all None without the column."""
    if column is None or column not in found:
        return [None] * len(found)
    return [_date(f"{path}: permit {name}", column, value) for name, value in zip(names, found[column], strict=True)]


def _date(where: str, column: str, value: Any) -> date | None:
    """Read one date, None where there is none."""
    if value is None or value is pd.NaT or value != value or value == "":
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError as error:
        raise InputError(
            f"{where}: found {value!r} in column {column}, expected a date as YYYY-MM-DD; correct it."
        ) from error


def _open_remarks(path: str | Path, permits: gpd.GeoDataFrame) -> Iterator[str]:
    """Tell how many permits have no first or last day."""
    for column, meaning in (("valid_from", "first day, so they count from the beginning"),
                            ("valid_until", "last day, so they count without end")):  # fmt: skip
        missing = int(permits[column].isna().sum())
        if missing:
            yield f"{path}: {missing} of {len(permits)} permits have no {meaning}."


class Observation(NamedTuple):
    """Something seen: what it is, its name, when (None: no date is known), where (metric coordinates)."""

    what: str
    name: str
    dates: tuple[date, date] | None
    outline: BaseGeometry


def observed_basins(basins: str | Path, crs: CRS) -> list[Observation]:
    """Every detection of a basin with the dates of its pair; detections that no basin came of are left out."""
    found = read_vectors(basins, "detections")
    found = found[found["basin"] != ""].to_crs(crs)
    spans = zip(found["date1"], found["date2"], strict=True)
    dates = [(date.fromisoformat(str(first)[:10]), date.fromisoformat(str(last)[:10])) for first, last in spans]
    return [Observation("basin", *row) for row in zip(found["basin"], dates, found.geometry, strict=True)]


def observed_patches(patches: str | Path, crs: CRS, period: tuple[date, date] | None) -> list[Observation]:
    """Mine patches; those whose ground moves count as active in the time of the rate map, others have no date.

    Parameters
    ----------
    patches
        GeoPackage with a layer ``patches`` of ``id`` and ``activity``.
    period
        First and last day of the rate map; None without.
    """
    found = read_vectors(patches, "patches").to_crs(crs)
    dates = [period if activity in _MOVING_PATCHES else None for activity in found["activity"]]
    return [
        Observation("patch", str(name), *row) for name, *row in zip(found["id"], dates, found.geometry, strict=True)
    ]


def find_violations(observed: Iterable[Observation], permits: Permits, settings: PermitSettings) -> gpd.GeoDataFrame:
    """Find what no permit covers at its time.

    A permit covers what shares a day with it. Of the rest, what lies in a permit that has ended is ``after_end`` (of
    several, the one that ended last), then what lies in one that has not begun is ``before_start`` (of several, the
    one that begins first), and what lies in no permit at all is ``outside``. Parts without a date can only be the
    latter. Where permits overlap no ground counts twice.

    Returns
    -------
    GeoDataFrame
        Columns `COLUMNS`, in the permits' coordinate system; one row per finding, object and permit: the union of its
        parts, its area, the share of all ground the object was seen on, first and last day, days (spans that overlap
        count once) and how often it was seen. The largest area of every kind of finding comes first.
    """
    judge = _Judge(permits.frame, settings)
    parts: dict[tuple[str, str, str, int], list[tuple[tuple[date, date] | None, BaseGeometry]]] = {}
    whole: dict[tuple[str, str], list[BaseGeometry]] = {}
    for seen in observed:
        whole.setdefault((seen.what, seen.name), []).append(seen.outline)
        for finding, number, part in judge.parts(seen):
            parts.setdefault((finding, seen.what, seen.name, number), []).append((seen.dates, part))
    total_m2 = {key: shapely.union_all(outlines).area for key, outlines in whole.items()}
    rows = [_row(key, found, permits.frame, total_m2[key[1:3]]) for key, found in parts.items()]
    frame = gpd.GeoDataFrame(rows, columns=[*COLUMNS, "geometry"], geometry="geometry", crs=permits.frame.crs)
    frame = frame.astype({"area_m2": "float64", "share": "float64", "days": "int64", "observations": "int64"})
    order = frame.assign(_kind=frame["finding"].map(FINDINGS.index), _area=-frame["area_m2"])
    return order.sort_values(["_kind", "_area"], kind="stable", ignore_index=True)[[*COLUMNS, "geometry"]]


class _Judge:
    """Permits ready to be held against observations."""

    def __init__(self, permits: gpd.GeoDataFrame, settings: PermitSettings) -> None:
        self._settings = settings
        self._reach = shapely.buffer(permits.geometry.array, settings.tolerance_m)
        self._tree = shapely.STRtree(self._reach)
        self._from = [first or date.min for first in permits["valid_from"]]
        self._until = [last or date.max for last in permits["valid_until"]]

    def parts(self, seen: Observation) -> Iterator[tuple[str, int, BaseGeometry]]:
        """Yield finding, number of the permit (−1: none) and place of every part that no permit covers."""
        near = sorted(self._tree.query(seen.outline, predicate="intersects").tolist())
        first, last = seen.dates or (date.min, date.max)
        ended = [n for n in near if self._until[n] < first]
        ahead = [n for n in near if self._from[n] > last]
        rest = self._without(seen.outline, set(near) - {*ended, *ahead})
        queue = [(AFTER_END, n) for n in sorted(ended, key=lambda n: self._until[n], reverse=True)]
        queue += [(BEFORE_START, n) for n in sorted(ahead, key=lambda n: self._from[n])]
        for finding, number in queue:
            yield from self._large(finding, number, shapely.intersection(rest, self._reach[number]))
            rest = self._without(rest, {number})
        yield from self._large(OUTSIDE, -1, rest)

    def _without(self, outline: BaseGeometry, numbers: Iterable[int]) -> BaseGeometry:
        """Take permits away from an outline."""
        return shapely.difference(outline, shapely.union_all([self._reach[n] for n in sorted(numbers)]))

    def _large(self, finding: str, number: int, part: BaseGeometry) -> Iterator[tuple[str, int, BaseGeometry]]:
        """Yield a part that is large enough."""
        areal = shapely.buffer(part, 0)
        if not areal.is_empty and areal.area >= self._settings.min_area_m2:
            yield finding, number, areal


def _row(
    key: tuple[str, str, str, int],
    found: list[tuple[tuple[date, date] | None, BaseGeometry]],
    permits: gpd.GeoDataFrame,
    total_m2: float,
) -> tuple[Any, ...]:
    """One finding from all its parts, in the order of the columns."""
    finding, what, name, number = key
    outline = shapely.union_all([part for _, part in found])
    spans = [span for span, _ in found if span is not None]
    first, last = (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else (None, None)
    permit = (
        ("", None, None)
        if number < 0
        else tuple(permits[column][number] for column in ("permit", "valid_from", "valid_until"))
    )
    days = [_iso(day) for day in (*permit[1:], first, last)]
    seen = covered_days(spans), len(found)
    return finding, what, name, permit[0], *days[:2], outline.area, outline.area / total_m2, *days[2:], *seen, outline


def _iso(day: date | None) -> str | None:
    """Write a date that may be unknown."""
    return None if day is None else day.isoformat()


def covered_days(spans: Iterable[tuple[date, date]]) -> int:
    """Days that spans of dates cover together; where they overlap they count once."""
    days, reached = 0, date.min
    for first, last in sorted(spans):
        days += max((last - max(first, reached)).days, 0)
        reached = max(reached, last)
    return days


def summarise(found: gpd.GeoDataFrame, permits: Permits, objects: Mapping[str, int]) -> dict[str, Any]:
    """Count findings of each kind and what was held against how many permits.

    Parameters
    ----------
    objects
        How many basins and patches were looked at.
    """
    parts = {finding: found.loc[found["finding"] == finding, "area_m2"] for finding in FINDINGS}
    listed = {name: {"count": len(area), "area_m2": round(float(area.sum()), 1)} for name, area in parts.items()}
    return {
        "permits": len(permits.frame),
        "objects": dict(objects),
        "findings": listed,
        "remarks": list(permits.remarks),
    }


def permit_layer(permits: Permits, found: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Permits with ISO dates, their area and how many findings name them."""
    frame = permits.frame
    named = found["permit"].value_counts()
    return frame.assign(
        valid_from=[_iso(day) for day in frame["valid_from"]],
        valid_until=[_iso(day) for day in frame["valid_until"]],
        area_m2=np.asarray(frame.geometry.area, np.float64),
        findings=[int(named.get(name, 0)) for name in frame["permit"]],
    )

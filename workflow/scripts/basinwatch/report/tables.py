"""Numbers of a report: tables as text, and the matrices behind charts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from basinwatch.comparison import ALIASED, APART, DECORRELATED, EXTRA, MATCHED, NO_RATE, TOO_FEW
from basinwatch.report.evidence import basin_evidence
from basinwatch.report.products import Area, StackProducts

NONE = "–"
REASONS = {
    DECORRELATED: "coherence lost",
    ALIASED: "too fast or too steep to unwrap",
    APART: "unwrapped apart from the stable ground",
    TOO_FEW: "too few usable pairs",
    NO_RATE: "no rate at this place",
}
NO_CLUSTER = "a rate is measured, but forms no cluster of subsidence"
_MAX_LISTED = 12


@dataclass(frozen=True)
class Table:
    """Text cells under headings; `kinds` is text, date, number or state, per column."""

    caption: str
    headings: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Column:
    """One column of a table made from a data frame."""

    name: str
    heading: str
    kind: str
    write: Callable[[Any], str]


def number(digits: int, factor: float = 1.0, unit: str = "") -> Callable[[Any], str]:
    """Return a writer of numbers with fixed digits; missing ones become a dash."""

    def write(value: Any) -> str:
        if value is None or not math.isfinite(value):
            return NONE
        return f"{value * factor:,.{digits}f}{unit}".replace("-", "−")

    return write


def count(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def words(value: Any) -> str:
    """Write a code as words; missing ones become a dash."""
    return NONE if value is None or value != value or value == "" else str(value).replace("_", " ")


def day(value: Any) -> str:
    """Write a date or time as its ISO day."""
    return NONE if value is None or value != value else str(value)[:10]


def plain(value: Any) -> str:
    """Write any JSON value in a cell."""
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def frame_table(caption: str, frame: pd.DataFrame, columns: Sequence[Column]) -> Table:
    """Write the named columns that a frame has."""
    shown = [column for column in columns if column.name in frame.columns]
    cells = [[column.write(value) for value in frame[column.name]] for column in shown]
    return Table(
        caption,
        tuple(column.heading for column in shown),
        tuple(column.kind for column in shown),
        tuple(zip(*cells, strict=True)),
    )


def key_table(caption: str, fields: Mapping[str, Any]) -> Table:
    """Write nested fields, one row per value."""
    return Table(caption, ("key", "value"), ("text", "text"), tuple(_flatten(fields)))


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Walk nested dictionaries; long lists and lists of structures become their length."""
    if isinstance(value, Mapping) and value:
        for key, entry in value.items():
            yield from _flatten(entry, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        short = len(value) <= _MAX_LISTED and not any(isinstance(v, (list, tuple, Mapping)) for v in value)
        yield path, (", ".join(plain(v) for v in value) or NONE) if short else f"{len(value)} entries"
    else:
        yield path, NONE if isinstance(value, Mapping) else plain(value)


def area_column(frame: gpd.GeoDataFrame) -> tuple[pd.Series, Column]:
    """Areas in hectares, or in pixels where there is no map (radar geometry has no ground area)."""
    if frame.crs is None:
        return frame.geometry.area, Column("area", "area (px)", "number", number(0))
    return frame["area_m2"] / 1e4, Column("area", "area (ha)", "number", number(1))


def basin_table(area: Area, caption: str = "Basins, most active first") -> Table:
    """All basins, most active first, with the centre's longitude and latitude where there is a map."""
    frame = pd.DataFrame(area.basins.drop(columns=area.basins.geometry.name))
    evidence = basin_evidence(area)
    frame["evidence"] = [evidence[str(name)].level for name in frame["basin"]]
    frame["share"] = frame["active_fraction"]
    frame["days"], frame["pairs"] = (
        [f"{int(n):,} of {int(of):,}" for n, of in zip(frame[some], frame[every], strict=True)]
        for some, every in (("active_days", "observed_days"), ("n_detected", "n_observed"))
    )
    frame["area"], area_in = area_column(area.basins)
    if area.basins.crs is not None:
        centres = area.basins.geometry.representative_point().to_crs("EPSG:4326")
        frame["lon"], frame["lat"] = centres.x, centres.y
    columns = (
        Column("basin", "basin", "text", str),
        Column("state", "state", "state", str),
        Column("days", "days active", "number", str),
        Column("share", "share active", "number", number(0, 100, " %")),
        Column("pairs", "pairs detected", "number", str),
        Column("first_seen", "first seen", "date", day),
        Column("last_seen", "last seen", "date", day),
        area_in,
        Column("evidence", "evidence", "text", str),
        Column("max_score", "best score", "number", number(2)),
        Column("lon", "lon (°)", "number", number(4)),
        Column("lat", "lat (°)", "number", number(4)),
    )
    return frame_table(caption, frame, columns)


def timeline_matrix(area: Area, max_rows: int) -> tuple[list[str], list[str], NDArray[np.float64], NDArray[np.bool_]]:
    """Arrange the time line as basins × pairs.

    Returns
    -------
    names, pairs, scores, observed
        Row and column names; float (basin, pair) scores, NaN where not detected; bool (basin, pair).
        A basin seen by several stacks in one pair counts as detected if any of them detected it.
    """
    names, pairs = [str(name) for name in area.basins["basin"][:max_rows]], area.pairs
    scores = np.full((len(names), len(pairs)), np.nan)
    observed = np.zeros(scores.shape, bool)
    rows, columns = ({name: i for i, name in enumerate(listed)} for listed in (names, pairs))
    known = area.timeline[area.timeline["basin"].isin(rows) & area.timeline["pair"].isin(columns)]
    for entry in known.itertuples():
        cell = rows[entry.basin], columns[entry.pair]
        observed[cell] |= entry.observed
        if entry.detected:
            scores[cell] = np.fmax(scores[cell], entry.score)
    return names, pairs, scores, observed


def pair_counts(area: Area) -> pd.DataFrame:
    """Per pair, in time order: mean coherence (over stacks, NaN if none gives it), basins observed and detected."""
    known: dict[str, list[float]] = {name: [] for name in area.pairs}
    for stack in area.stacks:
        for pair in stack.pairs:
            if pair.meta.get("mean_coherence") is not None:
                known[pair.name].append(float(pair.meta["mean_coherence"]))
    index = pd.Index(area.pairs, name="pair")
    observed = area.timeline[area.timeline["observed"]].groupby("pair")["basin"].nunique()
    detected = area.detected.groupby("pair")["basin"].nunique()
    return pd.DataFrame({
        "date2": [pd.Timestamp(name[9:]) for name in area.pairs],
        "coherence": [float(np.mean(values)) if values else np.nan for values in known.values()],
        "observed": observed.reindex(index, fill_value=0).to_numpy(),
        "detected": detected.reindex(index, fill_value=0).to_numpy(),
    }, index=index)  # fmt: skip


def coherence_table(area: Area) -> Table:
    """Count detections by interval of mean coherence."""
    counts = pair_counts(area)
    step = np.floor(counts["coherence"].to_numpy() * 10).clip(0, 9)
    rows = []
    for low in [*range(10), None]:
        chosen = counts[np.isnan(step) if low is None else step == low]
        if len(chosen):
            seen, found = int(chosen["observed"].sum()), int(chosen["detected"].sum())
            name = "coherence missing" if low is None else f"{low / 10:.1f} to {(low + 1) / 10:.1f}"
            share = f"{100 * found / seen:.0f} %" if seen else NONE
            rows.append((name, str(len(chosen)), f"{found / len(chosen):.1f}", share))
    headings = ("mean coherence", "pairs", "basins detected per pair", "detected of observed basins")
    return Table("Detections by mean coherence", headings, ("text", "number", "number", "number"), tuple(rows))


def ingest_table(stack: StackProducts) -> Table:
    """List what came in, pair by pair."""
    rows = []
    for pair in stack.pairs:
        meta = pair.meta
        known = meta.get("mean_coherence")
        notes = "; ".join(str(note) for note in meta.get("warnings", []))
        rows.append((
            *(str(d) for d in pair.dates),
            str(meta.get("temporal_baseline_days", NONE)),
            number(1, 100, " %")(meta.get("valid_fraction")),
            "coherence missing" if known is None else number(2)(known),
            plain(meta.get("processor")),
            notes or NONE,
        ))  # fmt: skip
    headings = ("earlier date", "later date", "days", "valid pixels", "mean coherence", "processor", "notes")
    kinds = ("date", "date", "number", "number", "number", "text", "text")
    return Table(f"Interferograms of stack {stack.name}", headings, kinds, tuple(rows))


def comparison_table(stack: StackProducts) -> Table:
    """Every compared object: those the rate map does not show first, then clusters without a basin, then matches."""
    objects = _present(stack.objects)
    order = objects["status"].map({"extra": 0, "not_assessable": 1, "missed": 2, "matched": 3})
    reasons = [explain(*pair) for pair in zip(objects["status"], objects["reason"], strict=True)]
    frame = objects.assign(_order=order, reason=reasons).sort_values("_order", kind="stable")
    columns = (
        Column("status", "result", "state", words),
        Column("object", "basin or cluster", "text", words),
        Column("partners", "matches", "text", words),
        Column("reason", "reason", "text", words),
        Column("core_measured_share", "core with a reliable rate", "number", number(0, 100, " %")),
        Column("mean_rate", "mean rate (mm/yr)", "number", number(1)),
        Column("min_rate", "strongest subsidence (mm/yr)", "number", number(1)),
    )
    return frame_table(f"Basins and clusters of stack {stack.name}", frame, columns)


def blind_table(stack: StackProducts) -> Table:
    """Basins that the rate map of a stack does not show, largest first, with the numbers behind the reason."""
    objects = _present(stack.objects)
    unseen = objects[(objects["source"] == "detected") & (objects["status"] != MATCHED)]
    area, area_in = area_column(unseen)
    reasons = [explain(*pair) for pair in zip(unseen["status"], unseen["reason"], strict=True)]
    frame = unseen.assign(area=area, reason=reasons).sort_values("area", ascending=False, kind="stable")
    columns = (
        Column("object", "basin", "text", words),
        Column("reason", "reason", "text", words),
        area_in,
        Column("core_measured_share", "core with a reliable rate", "number", number(0, 100, " %")),
        Column("core_rate", "rate of the core (mm/yr)", "number", number(1)),
        Column("mean_coherence", "mean coherence", "number", number(2)),
        Column("active_share", "share of the time active", "number", number(0, 100, " %")),
        Column("needed_rate", "rate to be seen in that time (mm/yr)", "number", number(0)),
        Column("gradient_mm", "steepest (mm/pixel)", "number", number(1)),
        Column("gradient_limit_mm", "limit of unwrapping (mm/pixel)", "number", number(1)),
    )
    return frame_table(f"Basins that the rate map of stack {stack.name} does not show", frame, columns)


def cluster_table(stack: StackProducts) -> Table:
    """Clusters of the rate map, largest first."""
    clusters = _present(stack.clusters)
    area, area_in = area_column(clusters)
    columns = (
        Column("cluster", "cluster", "text", words),
        Column("kind", "kind", "text", words),
        area_in,
        Column("mean_rate", "mean rate (mm/yr)", "number", number(1)),
        Column("extreme_rate", "extreme rate (mm/yr)", "number", number(1)),
        Column("extreme_z", "extreme z", "number", number(1)),
    )
    return frame_table(f"Gi* clusters of stack {stack.name}", clusters.assign(area=area), columns)


def _present(frame: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    """Narrow the type of a product that the caller knows to be there."""
    if frame is None:
        raise ValueError("the stack has no such product")
    return frame


@dataclass(frozen=True)
class Blind:
    """A basin that no rate map shows, and why."""

    basin: str
    state: str
    status: str
    reason: str
    active_days: str


def blind_basins(area: Area) -> list[Blind] | None:
    """Basins that match no cluster in any stack; None when nothing was compared.

    Where stacks disagree, a measured rate without a cluster says more than a missing rate.
    """
    compared = [stack.objects for stack in area.stacks if stack.objects is not None]
    if not compared:
        return None
    objects = pd.concat([pd.DataFrame(frame[["object", "source", "status", "reason"]]) for frame in compared])
    rows = {name: own for name, own in objects[objects["source"] == "detected"].groupby("object")}
    return [
        _blind(basin, rows[basin.basin])
        for basin in area.basins.itertuples()
        if basin.basin in rows and MATCHED not in set(rows[basin.basin]["status"])
    ]


def _blind(basin: Any, rows: pd.DataFrame) -> Blind:
    """Name the most telling reason of one basin."""
    first = rows.sort_values("status", kind="stable").iloc[0]  # "extra" sorts before "not_assessable"
    reason = explain(first["status"], first["reason"])
    return Blind(str(basin.basin), str(basin.state), str(first["status"]), reason, number(0)(basin.active_days))


def explain(status: str, reason: Any) -> str:
    """Say in plain words why the rate map does not show a basin."""
    given = words(reason)
    return NO_CLUSTER if given == NONE and status == EXTRA else REASONS.get(given, given)


def reason_counts(blind: Sequence[Blind]) -> list[tuple[str, int]]:
    """Why basins are not shown, most frequent reason first."""
    return Counter(entry.reason for entry in blind).most_common()

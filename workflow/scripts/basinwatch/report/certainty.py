"""Sections on how far the result can be trusted: the model's scores, what it can see at all, and coherence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from basinwatch.report import figures, tables
from basinwatch.report.drawing import Picture
from basinwatch.report.products import Area, DetectionFloor
from basinwatch.report.sections import Section
from basinwatch.report.tables import NONE, Table, number

_SCORES = {
    "precision": "share of its basins that are true (precision)",
    "recall": "share of true basins that it finds (recall)",
    "f1": "both in one number (F1)",
    "iou": "overlap with the true outline (IoU)",
}
_CRITERIA = {"detected": "found", "delineated": "outlined by more than half"}


def certainty_sections(area: Area) -> list[Section]:
    """Scores of the model, its floor where that was measured, and detections beside coherence."""
    floor = [] if area.floor is None else [_floor_section(area.floor)]
    return [_scores_section(area.model), *floor, _coherence_section(area)]


def _scores_section(model: Mapping[str, Any]) -> Section:
    """Tell what the model scored on tiles it had not learnt from."""
    metrics = model.get("training", {}).get("metrics", {})
    rows = tuple(
        (_SCORES[name], number(2)(value)) for name, value in _scores(metrics) if isinstance(value, (int, float))
    )
    said = (
        "Measured at training's end on simulated tiles that the model had not learnt from. Ground unlike the simulated "
        "may fare worse; look at the interferograms of basins that matter."
        if rows
        else "The model's description tells no scores."
    )
    table = Table("Scores of the model", ("score", "value"), ("text", "number"), rows)
    return Section("scores", "Scores of the model", [said], tables=[table] if rows else [])


def _scores(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Known scores, those at the thresholds in use first."""
    chosen = {**metrics, **metrics.get("last_row", {}), **metrics.get("at_thresholds", {})}
    for name in _SCORES:
        if name in chosen:
            yield name, chosen[name]


def _floor_section(floor: DetectionFloor) -> Section:
    """Show the smallest subsidence that the model sees."""
    rows = tuple(
        (_CRITERIA[name], *(_limit(found, chance) for chance in ("a50", "a90")))
        for name, found in floor.summary["parity"].items()
        if name in _CRITERIA
    )
    headings = ("basin is", "in half of the cases from (mm)", "in 9 of 10 cases from (mm)")
    false = floor.summary["false_basins"]
    said = (
        f"Tried on {floor.summary['tiles']:,} simulated tiles. On tiles without any basin it reports "
        f"{false['per_100_tiles']:g} false ones per 100 (95 % interval {false['low']:g} to {false['high']:g})."
    )
    picture = Picture(
        "Detection floor", "Curves of the share of simulated basins found against their depth.",
        "Share of simulated basins found against their largest displacement within one pair, by size, coherence and "
        "delay of the air.", floor.plot.read_bytes(),
    )  # fmt: skip
    table = Table("Smallest subsidence within a pair that is seen", headings, ("text", "number", "number"), rows)
    return Section("floor", "Smallest subsidence that is seen", [said], pictures=[picture], tables=[table])


def _limit(found: Mapping[str, Any], chance: str) -> str:
    """Write a threshold with its interval."""
    value = found.get(f"{chance}_mm")
    if value is None:
        return NONE
    low, high = found.get(f"{chance}_mm_low"), found.get(f"{chance}_mm_high")
    relation = "more than " if found.get(f"{chance}_relation") == ">" else ""
    interval = "" if low is None or high is None else f" ({low:.1f} to {high:.1f})"
    return f"{relation}{value:.1f}{interval}"


def _coherence_section(area: Area) -> Section:
    """Set detections against coherence; the plot needs a pair that has one."""
    if not area.pairs:
        return Section("coherence", "Detections and coherence", ["There are no pairs to show."])
    known = tables.pair_counts(area)["coherence"].notna().any()
    return Section(
        "coherence",
        "Detections and coherence",
        () if known else ("Coherence is missing in all pairs.",),
        pictures=[figures.coherence(area)] if known else [],
        tables=[tables.coherence_table(area)],
    )

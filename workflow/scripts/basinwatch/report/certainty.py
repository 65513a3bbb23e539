"""Sections on how far the result can be trusted: each basin, the model's scores, what it can see, and coherence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from basinwatch.report import figures, tables
from basinwatch.report.drawing import Picture
from basinwatch.report.evidence import FAIR, FIRM, WEAK, Evidence, basin_evidence
from basinwatch.report.products import Area, DetectionFloor
from basinwatch.report.sections import Section
from basinwatch.report.tables import NONE, Table, count, number

_SCORES = {
    "precision": "share of its basins that are true (precision)",
    "recall": "share of true basins that it finds (recall)",
    "f1": "both in one number (F1)",
    "iou": "overlap with the true outline (IoU)",
}
_EVIDENCE_RULE = (
    "Firm: at least three pairs in a row show the basin, or the rate map shows it too. Weak: no two pairs in a row "
    "show it, nor does the rate map. Fair: any other. Turbulent air over one date can make rings in the pair before it "
    "and in the pair after it, never in a third. The score is the mean probability that the model gives to the pixels "
    "inside; compare scores within an area, not between models."
)
_LEVELS = (WEAK, FAIR, FIRM)
_IN_RATE_MAP = {None: NONE, True: "yes", False: "no"}
_CRITERIA = {"detected": "found", "delineated": "outlined by more than half"}


def certainty_sections(area: Area) -> list[Section]:
    """Each basin, scores of the model, its floor where that was measured, and detections beside coherence."""
    basins = [] if area.basins.empty else [_evidence_section(area)]
    floor = [] if area.floor is None else [_floor_section(area.floor)]
    return [*basins, _scores_section(area.model), *floor, _coherence_section(area)]


def _evidence_section(area: Area) -> Section:
    """Tell what each basin rests on, the weakest first."""
    evidence = basin_evidence(area)
    detected = area.detected.groupby("basin")["pair"].nunique()
    order = sorted(evidence.items(), key=lambda entry: (_LEVELS.index(entry[1].level), entry[1].median_score))
    rows = tuple(_evidence_row(name, own, int(detected.get(name, 0))) for name, own in order)
    headings = ("basin", "evidence", "pairs in a row", "pairs in all", "median score", "best score", "in the rate map")
    kinds = ("text", "text", "number", "number", "number", "number", "text")
    found = [own.level for own in evidence.values()]
    counted = ", ".join(f"{found.count(level)} {level}" for level in reversed(_LEVELS))
    said = f"Evidence for {count(len(found), 'basin')}: {counted}. {_EVIDENCE_RULE}"
    table = Table("What each basin rests on, the weakest first", headings, kinds, rows)
    return Section("evidence", "How sure each basin is", [said], tables=[table])


def _evidence_row(name: str, own: Evidence, pairs: int) -> tuple[str, ...]:
    """Write the evidence of one basin."""
    scores = (number(2)(own.median_score), number(2)(own.best_score))
    return name, own.level, str(own.run), str(pairs), *scores, _IN_RATE_MAP[own.in_rate_map]


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

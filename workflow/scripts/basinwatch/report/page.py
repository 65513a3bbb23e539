"""The page itself: what it says in plain words, and its sections in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from basinwatch.activity import STATES
from basinwatch.comparison import EXTRA
from basinwatch.provenance import package_versions
from basinwatch.refusals import REFUSED, REFUSED_UNWRAPPED
from basinwatch.report import figures, tables
from basinwatch.report.anomaly_section import anomaly_sections
from basinwatch.report.certainty import certainty_sections
from basinwatch.report.drawing import STATE_STYLES, STATUS_STYLES
from basinwatch.report.evidence import WEAK, basin_evidence
from basinwatch.report.news import news_sections, present_sections
from basinwatch.report.patch_section import patch_sections
from basinwatch.report.permit_section import permit_sections
from basinwatch.report.products import Area, StackProducts
from basinwatch.report.rate_tables import scores_table
from basinwatch.report.sections import Part, Section, making_sections, rate_sections
from basinwatch.report.tables import Blind, Table, count

_EXTRA_CAVEAT = (
    "Where a rate is measured but shows nothing, the motion may be too short-lived or too small for a mean rate, "
    "or the detection may be wrong: look at the interferograms."
)
_MOST_NAMED = 12
_STATE_WORDS = {
    "continuous": "sinking without longer pauses",
    "intermittent": "sinking with pauses",
    "new": "newly started",
    "ceased": "ceased",
}


def render(area: Area, config: Mapping[str, Any], warnings: Sequence[str], map_name: str | None = None) -> str:
    """Write the report of an area as one self-contained HTML page; see :func:`render_with_figures`."""
    return render_with_figures(area, config, warnings, map_name)[0]


def render_with_figures(
    area: Area, config: Mapping[str, Any], warnings: Sequence[str], map_name: str | None = None
) -> tuple[str, dict[str, bytes]]:
    """Write the report of an area as one self-contained HTML page, and give its figures one by one.

    Parameters
    ----------
    area
        Products (see :func:`basinwatch.report.products.load`).
    config
        Sections of the workflow's configuration to show, with all defaults filled in, `sbas` among them.
    warnings
        Sentences about input that was left out.
    map_name
        File name of the area's map page beside the report, to link to.

    Returns
    -------
    html, figures
        The page; equal products, configuration and package versions give equal text. Its PNG files by name: the key of
        the section and a number.
    """
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    blind = tables.blind_basins(area)
    parts = _parts(area, config, blind)
    html = environment.get_template("template.html").render(
        area=area,
        answer=answer(area, blind),
        tiles=_tiles(area, blind),
        warnings=[*warnings, *_data_warnings(area)],
        parts=parts,
        map_name=map_name,
        colors={name: color for name, (color, _) in (*STATE_STYLES.items(), *STATUS_STYLES.items())},
    )
    sections = [section for part in parts for section in part.sections]
    drawn = {f"{s.key}-{number}": picture.png for s in sections for number, picture in enumerate(s.pictures, start=1)}
    return html, drawn


def answer(area: Area, blind: Sequence[Blind] | None) -> list[str]:
    """Say in plain words what was found, sentence by sentence."""
    period = area.period
    if period is None:
        return [f"No interferogram of area {area.name} was looked at, so nothing can be said about its ground."]
    looked = f"{count(len(area.pairs), 'pair')} of scenes from {period[0]} to {period[1]}"
    if area.basins.empty:
        return [
            f"No subsidence basin was found in area {area.name} in {looked}.",
            "Slow or small subsidence, and ground without coherence, can escape the detector.",
        ]
    found = area.basins["state"].value_counts()
    ordered = sorted(found.index, key=[*STATES, *found.index].index)
    states = _join([f"{found[state]} {_STATE_WORDS.get(state, state)}" for state in ordered])
    return [
        f"In area {area.name}, {count(len(area.basins), 'subsidence basin')} were found in {looked}: {states}."
        if len(area.basins) != 1
        else f"In area {area.name}, one subsidence basin was found in {looked}: {states}.",
        _newest(area),
        _comparison_sentence(len(area.basins), blind),
        *_doubts(area),
    ]


def _newest(area: Area) -> str:
    """Say how many basins the newest pair shows, and how many it could show."""
    last = tables.pair_counts(area).iloc[-1]
    name = str(last.name)
    dates = " to ".join(f"{text[:4]}-{text[4:6]}-{text[6:]}" for text in name.split("_"))
    return (
        f"The newest pair ({dates}) shows {int(last['detected'])} of the "
        f"{count(int(last['observed']), 'basin')} it could observe."
    )


def _comparison_sentence(total: int, blind: Sequence[Blind] | None) -> str:
    """Say how many basins the rate map does not show, and why."""
    if blind is None:
        return "No rate map was made, so the basins are not compared with one."
    if not blind:
        return f"The rate map shows all {total} of them." if total > 1 else "The rate map shows it as well."
    reasons = "; ".join(f"{reason} ({number})" for reason, number in tables.reason_counts(blind))
    return f"The rate map does not show {len(blind)} of the {count(total, 'basin')}: {reasons}."


def _doubts(area: Area) -> list[str]:
    """Name the basins that little speaks for."""
    found = {name: own for name, own in basin_evidence(area).items() if own.level == WEAK}
    if not found:
        return []
    one = len(found) == 1
    named = _join(list(found)) if len(found) <= _MOST_NAMED else count(len(found), "basin")
    rate = "" if all(own.in_rate_map is None for own in found.values()) else ", nor does the rate map"
    return [f"{named} rest{'s' * one} on weak evidence: no two pairs in a row show {'it' if one else 'them'}{rate}."]


def _join(parts: Sequence[str]) -> str:
    """Join parts with commas and a final and."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _tiles(area: Area, blind: Sequence[Blind] | None) -> list[tuple[str, str, str]]:
    """Key, number and label of the figures in large type."""
    found = area.basins["state"].value_counts()
    states = [(state, str(found.get(state, 0)), state) for state in STATES]
    unseen = tables.NONE if blind is None else str(len(blind))
    return [("all", str(len(area.basins)), "basins"), *states, ("extra", unseen, "not in the rate map")]


def _data_warnings(area: Area) -> list[str]:
    """Sum up what the readers noted, so that nobody has to read the whole table to know."""
    sentences = []
    for stack in area.stacks:
        sentences += _refused_pairs(stack)
        bare = sum(pair.meta.get("mean_coherence") is None for pair in stack.pairs)
        noted = sum(bool(pair.meta.get("warnings")) for pair in stack.pairs)
        of = f"of {count(len(stack.pairs), 'pair')} in stack {stack.name}"
        if bare:
            sentences.append(f"Coherence is missing for {bare} {of}.")
        if noted:
            sentences.append(f"The reader left notes on {noted} {of}; they are in the table of input.")
        sentences += _scale_warning(stack, area.model)
        if stack.network is not None and stack.network.get("triplets") == 0:
            sentences.append(
                f"The pairs of stack {stack.name} close no loop, so its rate map cannot show unwrapping errors."
            )
        if stack.grid.geometry == "radar":
            sentences.append(
                f"Stack {stack.name} is in radar geometry: positions are columns and rows, without map coordinates."
            )
    return sentences


def _refused_pairs(stack: StackProducts) -> list[str]:
    """Say which pairs are missing, and from what, and why."""
    from_what = {REFUSED: "", REFUSED_UNWRAPPED: " of the rate map"}
    return [
        f"Pair {pair} of stack {stack.name} is left out{what}. {why}"
        for kind, what in from_what.items()
        for pair, why in stack.description.get(kind, {}).items()
    ]


def _scale_warning(stack: StackProducts, model: Mapping[str, Any]) -> list[str]:
    """Say when pixels are smaller or larger than any the model has seen."""
    spacing, known = stack.grid.pixel_spacing_m, model.get("pixel_size_m")
    if known is None or (min(spacing) >= 0.8 * known[0] and max(spacing) <= 1.25 * known[1]):
        return []
    return [
        f"Pixels of stack {stack.name} are {spacing[0]:.0f} m by {spacing[1]:.0f} m; the model was trained on "
        f"{known[0]:.0f} m to {known[1]:.0f} m, so expect false and missed basins."
    ]


def _parts(area: Area, config: Mapping[str, Any], blind: Sequence[Blind] | None) -> list[Part]:
    """Sections under the questions of a reader, in the order they are asked."""
    paired = [stack for stack in area.stacks if stack.pairs]
    gallery = Section(
        "interferograms", "Interferograms", () if paired else ("There are no interferograms to show.",),
        pictures=[figures.gallery(area, stack) for stack in paired],
    )  # fmt: skip
    listed = Section("input", "Input", tables=[tables.ingest_table(stack) for stack in paired])
    missed = [*_blind_sections(area, blind), _comparison_section(area, config, blind), *rate_sections(area)]
    return [
        Part("now", "What is sinking now", present_sections(area)),
        Part("news", "What is new", news_sections(area)),
        Part("missed", "What the rate map misses", missed),
        *_further_parts([*anomaly_sections(area), *patch_sections(area), *permit_sections(area)]),
        Part("certainty", "How sure are we", certainty_sections(area)),
        Part("data", "What data went in", [gallery, listed, *making_sections(area, config)]),
        Part("work", "What was done", [_settings_section(area, config)]),
    ]


def _further_parts(sections: Sequence[Section]) -> list[Part]:
    """Put what else was looked for under one question; none where nothing was."""
    return [Part("further", "What else was found", sections)] if sections else []


def _blind_sections(area: Area, blind: Sequence[Blind] | None) -> list[Section]:
    """List what wrapped phase shows and no rate map does, with the numbers why."""
    if not blind:
        return []
    compared = [stack for stack in area.stacks if stack.objects is not None]
    caveat = [_EXTRA_CAVEAT] if any(entry.status == EXTRA for entry in blind) else []
    return [
        Section(
            "blind",
            "Seen in wrapped phase, blind in SBAS",
            caveat,
            blind=blind,
            tables=[tables.blind_table(stack) for stack in compared],
        )
    ]


def _comparison_section(area: Area, config: Mapping[str, Any], blind: Sequence[Blind] | None) -> Section:
    """Set maps and tables beside what the detections say."""
    rated = [stack for stack in area.stacks if stack.rate is not None]
    if not rated:
        return Section("rate", "Comparison with the rate map", ["No rate map was made for this area."])
    without = [stack.name for stack in area.stacks if stack.rate is None]
    paragraphs = [] if blind is None or area.basins.empty else [_comparison_sentence(len(area.basins), blind)]
    if without:
        paragraphs.append(f"No rate map was made for: {', '.join(without)}.")
    threshold = float(config["sbas"]["rate_threshold_mm_yr"])
    return Section(
        "rate",
        "Comparison with the rate map",
        paragraphs,
        pictures=[figures.rate_map(area, stack, threshold) for stack in rated],
        tables=[table for stack in rated for table in _rate_tables(stack)],
    )


def _rate_tables(stack: StackProducts) -> list[Table]:
    """Tables of one stack's comparison, as far as its products exist."""
    found = []
    if stack.objects is not None and len(stack.objects):
        found.append(tables.comparison_table(stack))
    if stack.clusters is not None and len(stack.clusters):
        found.append(tables.cluster_table(stack))
    if stack.summary:
        found.append(scores_table(stack))
    return found


def _settings_section(area: Area, config: Mapping[str, Any]) -> Section:
    """Everything needed to make the page again."""
    stacks = {stack.name: config.get("stacks", {}).get(stack.name, {}) for stack in area.stacks}
    return Section(
        "settings",
        "Model, settings, versions and hashes",
        tables=[
            tables.key_table("Model", area.model),
            tables.key_table("Settings", dict(config) | {"stacks": stacks}),
            tables.key_table("Versions", package_versions()),
            tables.key_table("SHA-256 of the files of this area", area.hashes),
        ],
    )

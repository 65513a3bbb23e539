"""Section about ground that moves or is dug without a permit."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from basinwatch.permits import AFTER_END, BEFORE_START, OUTSIDE, STYLES
from basinwatch.report import drawing
from basinwatch.report.decision_products import PermitProducts
from basinwatch.report.drawing import Picture, encode, report_style
from basinwatch.report.products import Area
from basinwatch.report.sections import Section
from basinwatch.report.tables import Column, Table, count, day, frame_table, number, words
from basinwatch.report.views import View, draw_outlines, dress, outlines_in_pixels

_WORDS = {OUTSIDE: "outside of all permits", AFTER_END: "after a permit's end", BEFORE_START: "before a permit's start"}
_NUMBERED = 12


def permit_sections(area: Area) -> list[Section]:
    """Show what no permit covers; nothing where there are no permits."""
    held = area.permits
    if held is None:
        return []
    return [
        Section(
            "permits",
            "Outside of permits",
            [_sentence(held), *held.summary["remarks"]],
            pictures=[_map(area, held)] if area.stacks[0].grid.geometry == "map" else [],
            tables=[_table(held)] if len(held.findings) else [],
        )
    ]


def _sentence(held: PermitProducts) -> str:
    """Count what was compared and what was found."""
    facts = held.summary
    looked = [f"{number} {what}" for what, number in facts["objects"].items() if number]
    if not (looked or facts["permits"]):
        return "Nothing was held against permits."
    found = [
        f"{count(part['count'], 'finding')} {_WORDS[name]} ({part['area_m2'] / 1e4:,.1f} ha)"
        for name, part in facts["findings"].items()
        if part["count"]
    ]
    return (
        f"{' and '.join(looked) or 'No ground'} held against {count(facts['permits'], 'permit')}: "
        f"{'; '.join(found) or 'nothing lies outside of them'}. Ground moves beyond what is dug, so a finding asks for "
        "a look, not for a fine."
    )


@report_style()
def _map(area: Area, held: PermitProducts) -> Picture:
    """Outline permits and findings over the days of activity."""
    stack = area.stacks[0]
    findings, permits = (outlines_in_pixels(frame, stack.grid) for frame in (held.findings, held.permits))
    view = View.around(stack.grid, findings if len(findings) else outlines_in_pixels(area.basins, stack.grid))
    figure = Figure(figsize=(8.6, min(8.6, 7.2 * view.shape_ratio) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    image = drawing.draw_activity(axes, stack, view, 800)
    figure.colorbar(image, ax=axes, shrink=0.8, label="days with a detection")
    (permit_color,) = STYLES["permits"].colors.values()
    draw_outlines(axes, permits, permit_color, linewidth=1.2, linestyle=(0, (4, 2)))
    handles = [Line2D([], [], color=permit_color, linestyle=(0, (4, 2)), label="permit")]
    for name, color in STYLES["findings"].colors.items():
        own = findings[held.findings["finding"] == name]
        draw_outlines(axes, own, color, linewidth=1.5)
        handles += [Line2D([], [], color=color, label=_WORDS[name])] if len(own) else []
    for name, shape in list(zip(held.findings["object"], findings, strict=True))[:_NUMBERED]:
        drawing.label(axes, str(name), shape)
    dress(axes, view)
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return Picture(
        title=f"Permits and what lies outside, stack {stack.name}",
        alt=f"Map of {len(permits)} permits of area {area.name} and {len(findings)} findings outside of them.",
        caption="Dashed: permits. Solid: ground that moved or was dug and that no permit covered at its time.",
        png=encode(figure),
    )


def _table(held: PermitProducts) -> Table:
    """List the findings, the largest of every kind first."""
    frame = pd.DataFrame(held.findings.drop(columns="geometry"))
    frame = frame.assign(kind=frame["finding"].map(_WORDS), area=frame["area_m2"] / 1e4)
    columns = (
        Column("kind", "finding", "text", words),
        Column("what", "what", "text", words),
        Column("object", "name", "text", words),
        Column("permit", "permit", "text", words),
        Column("permit_from", "valid from", "date", day),
        Column("permit_until", "valid until", "date", day),
        Column("area", "area (ha)", "number", number(2)),
        Column("share", "share of the whole", "number", number(0, 100, " %")),
        Column("first_date", "first seen there", "date", day),
        Column("last_date", "last seen there", "date", day),
        Column("days", "days", "number", number(0)),
    )
    return frame_table("What no permit covers", frame, columns)

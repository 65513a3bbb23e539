"""Section about ground that moves down its slope, and what lies near it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import shapely
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from basinwatch.hazards import LINE_COLOR
from basinwatch.report import drawing
from basinwatch.report.decision_products import AnomalyProducts
from basinwatch.report.drawing import Picture, encode, report_style
from basinwatch.report.products import Area
from basinwatch.report.rate_figures import MAP_PX, colour_limit
from basinwatch.report.sections import Section
from basinwatch.report.tables import Column, Table, count, frame_table, number, words
from basinwatch.report.views import View, draw_outlines, dress, outlines_in_pixels

_ANOMALY, _HAZARD = "#3d4650", "#D55E00"
_LINE: dict[str, Any] = {"color": LINE_COLOR, "linewidth": 1.2, "alpha": 0.9}
_LISTED = 200


def anomaly_sections(area: Area) -> list[Section]:
    """Show anomalies and hazards; nothing where they were not asked for."""
    found = area.anomalies
    if found is None:
        return []
    return [
        Section(
            "anomalies",
            "Ground that moves down its slope",
            [*_sentences(found), *found.summary["remarks"]],
            pictures=[_map(area, found)],
            tables=[_table(found)] if len(found.anomalies) else [],
        )
    ]


def _sentences(found: AnomalyProducts) -> list[str]:
    """Say what was found, and from which tracks."""
    facts = found.summary
    near = (
        f"{facts['hazards']} of them within {facts['distance_m']:,.0f} m of {' or '.join(facts['lines'])}, ranked by "
    )
    said = [
        f"{count(facts['anomalies'], 'area')} whose rate down the slope stands out from the ground around; "
        + (f"{near}rate, area, slope and nearness." if facts["lines"] else "no lines are given that they may threaten.")
    ]
    if facts["known"] is not None:
        said.append(f"{facts['known']} of these {facts['hazards']} are on record already.")
    if found.only_stack is not None:
        said.append(
            f"The rates come from stack {found.only_stack} alone, along its line of sight: movement across it is not "
            "seen, and what rises or sinks without sliding is taken for sliding."
        )
    return said


@report_style()
def _map(area: Area, found: AnomalyProducts) -> Picture:
    """Paint the rates down the slope with the lines and the anomalies near them, hazards with their rank."""
    outlines = outlines_in_pixels(found.anomalies, found.grid)
    hazards = outlines_in_pixels(found.hazards, found.grid)
    view = View.around(found.grid, outlines)
    values = view.read(found.rates, "downslope_mm_yr", MAP_PX)
    figure = Figure(figsize=(8.6, min(8.6, 7.2 * view.shape_ratio) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    image = drawing.draw_rate(axes, values, view, colour_limit(values))
    figure.colorbar(image, ax=axes, shrink=0.8, extend="both", label="down the slope (mm/yr)")
    courses = shapely.get_parts(outlines_in_pixels(found.lines, found.grid).array)
    axes.add_collection(LineCollection([shapely.get_coordinates(course) for course in courses], **_LINE), autolim=False)
    draw_outlines(axes, outlines, _ANOMALY, linewidth=1.1)
    draw_outlines(axes, hazards, _HAZARD, linewidth=1.5)
    for rank, shape in zip(found.hazards["rank"], hazards, strict=True):
        drawing.label(axes, str(rank), shape, _HAZARD)
    dress(axes, view)
    handles = [Line2D([], [], color=color, label=text) for color, text in ((_ANOMALY, "anomaly"), (_HAZARD, "hazard"))]
    if len(courses):
        handles.append(Line2D([], [], **_LINE, label=" or ".join(found.summary["lines"])))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return Picture(
        title="Movement down the slope",
        alt=f"Map of the rate down the slope in area {area.name}, with {len(outlines)} anomalies outlined.",
        caption="Blue: down the slope; red: up. Grey: flat, hidden from the satellites, or not measured. Numbers: rank "
        "of the potential hazards.",
        png=encode(figure),
    )


def _table(found: AnomalyProducts) -> Table:
    """List hazards by rank, then the other anomalies by area."""
    ranks = pd.DataFrame(found.hazards[["anomaly", "rank", "near", "distance_m"]])
    frame = pd.DataFrame(found.anomalies.drop(columns="geometry")).merge(ranks, on="anomaly", how="left")
    frame = frame.assign(area=frame["area_m2"] / 1e4)
    frame = frame.sort_values(["rank", "area"], ascending=[True, False], kind="stable").head(_LISTED)
    columns = (
        Column("rank", "rank", "number", number(0)),
        Column("anomaly", "anomaly", "text", words),
        Column("near", "near", "text", words),
        Column("distance_m", "distance (m)", "number", number(0)),
        Column("mean_mm_yr", "mean down the slope (mm/yr)", "number", number(1)),
        Column("extreme_mm_yr", "fastest (mm/yr)", "number", number(1)),
        Column("area", "area (ha)", "number", number(2)),
        Column("slope_deg", "slope (°)", "number", number(0)),
        Column("aspect_deg", "way down (° from north)", "number", number(0)),
        Column("score", "score", "number", number(2)),
    )
    return frame_table("Anomalies, potential hazards first", frame, columns)

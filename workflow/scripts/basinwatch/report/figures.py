"""Figures of a report and of the README. Equal products give equal bytes."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from numpy.typing import NDArray

from basinwatch.report import drawing, tables
from basinwatch.report.drawing import NO_DATA, STATE_STYLES, STATUS_STYLES, Picture, encode, report_style
from basinwatch.report.products import Area, PairProducts, StackProducts
from basinwatch.report.views import View, draw_outlines, dress, locate, outlines_in_pixels

MAP_PX, PANEL_PX, OVERVIEW_PX, GALLERY_VIEW_PX = 1100, 360, 400, 1200
MAX_GALLERY, MAX_ROWS = 12, 120
PALETTE = 256
_OUTSIDE = "#8893a0"


@report_style()
def basin_map(area: Area, stack: StackProducts) -> Picture:
    """Draw numbered outlines by state over the days with activity."""
    outlines = outlines_in_pixels(area.basins, stack.grid)
    view = View.around(stack.grid, outlines)
    figure = Figure(figsize=(8.6, min(8.6, 7.2 * view.shape_ratio) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    image = drawing.draw_activity(axes, stack, view, MAP_PX)
    drawing.draw_basins(axes, area, outlines)
    figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02, label="days with a detection")
    handles = drawing.style_handles(STATE_STYLES, set(area.basins["state"]))
    unseen = Patch(facecolor=NO_DATA, edgecolor=_OUTSIDE, label="not observed")
    figure.legend(handles=[*handles, unseen], loc="outside lower center", ncols=6, frameon=False)
    dress(axes, view)
    locate(axes, view)
    part = "the whole frame" if view.is_whole else f"{view.width} × {view.height} pixels around the basins"
    return Picture(
        title=f"Basins and days with activity, stack {stack.name}",
        alt=f"Map of {len(area.basins)} numbered basin outlines over the days with activity in stack {stack.name}.",
        caption=f"Numbers are those of the table, colours and line styles are states; {part}.",
        png=encode(figure),
    )


def gallery_pairs(area: Area, stack: StackProducts) -> list[PairProducts]:
    """Choose the newest pair and those with most detected basins, at most twelve, in time order."""
    counts = area.detected.groupby("pair")["basin"].nunique()
    newest_first = list(reversed(stack.pairs))
    ranked = newest_first[:1] + sorted(newest_first[1:], key=lambda pair: -int(counts.get(pair.name, 0)))
    chosen = {pair.name for pair in ranked[:MAX_GALLERY]}
    return [pair for pair in stack.pairs if pair.name in chosen]


def _gallery_view(stack: StackProducts, outlines: gpd.GeoSeries) -> View:
    """All basins if they fit at a readable scale, else the surroundings of the most active one."""
    view = View.around(stack.grid, outlines)
    return view.limited(GALLERY_VIEW_PX, outlines.iloc[0]) if len(outlines) else view


@report_style()
def gallery(area: Area, stack: StackProducts) -> Picture:
    """Show wrapped interferograms with the outlines of the basins detected in each."""
    pairs = gallery_pairs(area, stack)
    outlines = outlines_in_pixels(area.basins, stack.grid)
    view = _gallery_view(stack, outlines)
    columns = min(4, len(pairs))
    rows = -(-len(pairs) // columns)
    height = rows * (9.4 / 4 * view.shape_ratio + 0.4)
    figure = Figure(figsize=(9.4, height + 0.8), layout="constrained")
    parts = figure.subfigures(2, 1, height_ratios=[height, 0.8], squeeze=False)
    panels = parts[0, 0].subplots(rows, columns, squeeze=False)
    counts = area.detected.groupby("pair")["basin"].nunique()
    for axes in panels.flat[len(pairs) :]:
        axes.set_axis_off()
    for axes, pair in zip(panels.flat, pairs, strict=False):
        drawing.draw_interferogram(axes, area, pair, view, outlines, PANEL_PX)
        dress(axes, view, ticks=False, marks=axes is panels.flat[0])
        axes.set_title(f"{pair.dates[0]} to {pair.dates[1]}\n{counts.get(pair.name, 0)} detected", fontsize=8)
    lengths = {pair.meta.get("wavelength_m") for pair in pairs}
    drawing.draw_phase_key(parts[1, 0].add_axes((0.25, 0.68, 0.5, 0.2)), lengths.pop() if len(lengths) == 1 else None)
    part = "the whole frame" if view.is_whole else f"{view.width} × {view.height} pixels around the basins"
    return Picture(
        title=f"Wrapped interferograms, stack {stack.name}",
        alt=f"{len(pairs)} wrapped interferograms of stack {stack.name}, with outlines of the basins detected in each.",
        caption=f"{len(pairs)} of {len(stack.pairs)} pairs: the newest and those with most detections, in time order; "
        f"{part}. Outlined: basins detected in that pair. Black: no data.",
        png=encode(figure, PALETTE),
    )


@report_style()
def timeline(area: Area) -> Picture:
    """Chart basins × pairs: detected (by score), not detected, not observed."""
    names, pairs, scores, observed = tables.timeline_matrix(area, MAX_ROWS)
    figure = Figure(figsize=(9.4, 0.21 * len(names) + 1.7), layout="constrained")
    axes = figure.add_subplot()
    image = drawing.draw_timeline(axes, scores, observed)
    drawing.label_timeline(axes, area, names, pairs, max_dates=24)
    axes.set_xlabel("end of pair")
    figure.colorbar(image, ax=axes, label="score", pad=0.01, aspect=12)
    handles = [
        Patch(facecolor="#eef1f4", edgecolor=_OUTSIDE, label="observed, not detected"),
        Patch(facecolor="white", edgecolor=_OUTSIDE, hatch="//////", label="not observed"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False, fontsize=8.5)
    rest = len(area.basins) - len(names)
    left_out = f" The {rest} least active basins are left out here; all are in timeline.csv." if rest else ""
    return Picture(
        title="Time line of the basins",
        alt=f"Chart of {len(names)} basins in {len(pairs)} pairs: detected, not detected or not observed.",
        caption="Columns are pairs in time order, labelled by their later date; rows are basins, most active first, "
        f"in the colours of their states.{left_out}",
        png=encode(figure),
    )


@report_style()
def coherence(area: Area) -> Picture:
    """Plot detected basins against mean coherence, and both through time."""
    counts = tables.pair_counts(area)
    top = int(counts["detected"].max()) + 1
    figure = Figure(figsize=(9.4, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.6])
    left.scatter(counts["coherence"], counts["detected"], s=26, color="#0072B2", alpha=0.75, linewidth=0)
    left.set(
        xlabel="mean coherence of the pair",
        ylabel="basins detected",
        xlim=(0, 1),
        ylim=(0, counts["detected"].max() + 1),
    )
    days = counts["date2"].to_numpy("datetime64[D]")
    right.bar(days, counts["detected"], width=_bar_width(days), color="#b9c4cf", linewidth=0)
    right.set(ylabel="basins detected (bars)", xlabel="end of pair", ylim=(0, top))
    twin = right.twinx()
    twin.plot(days, counts["coherence"], color="#0072B2", marker="o", markersize=3, linewidth=1.2)
    twin.set_ylim(0, 1)
    twin.spines["top"].set_visible(False)
    twin.set_ylabel("mean coherence (line)", color="#0072B2")
    right.tick_params(axis="x", rotation=30)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.get_major_locator().set_params(integer=True)
    return Picture(
        title="Detections and coherence",
        alt=f"Scatter plot and time series of basins detected and mean coherence in {len(counts)} pairs.",
        caption="Left: each point is a pair. Right: the same through time. "
        "Few detections at low coherence say little about the ground.",
        png=encode(figure),
    )


def _bar_width(days: NDArray[np.datetime64]) -> float:
    """Width of bars in days that leaves neighbours apart."""
    gaps = np.diff(np.unique(days)).astype(float)
    return 0.8 * float(gaps.min()) if gaps.size else 6.0


@report_style()
def rate_map(area: Area, stack: StackProducts, threshold_mm_yr: float) -> Picture:
    """Set the rate map with its clusters beside the basins with what the rate map says of them."""
    outlines = outlines_in_pixels(area.basins, stack.grid)
    clusters = None if stack.clusters is None else outlines_in_pixels(stack.clusters, stack.grid)
    view = View.around(stack.grid, gpd.GeoSeries([*outlines, *([] if clusters is None else clusters)]))
    figure = Figure(figsize=(9.4, 4.2 * view.shape_ratio + 1.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    values = _reliable_rate(stack, view)
    limit = _rate_limit(values, threshold_mm_yr)
    image = drawing.draw_rate(left, values, view, limit)
    figure.colorbar(image, ax=left, location="bottom", shrink=0.9, extend="both",
                    label="rate (mm/yr), negative = away from the satellite")  # fmt: skip
    draw_outlines(left, outlines, "#3d4650", linewidth=0.8, linestyle=(0, (2, 1.5)))
    if clusters is not None:
        draw_outlines(left, clusters, "black", linewidth=1.4)
    left.set_title("What the rate map shows\n(solid: Gi* clusters, dotted: basins)")
    days = drawing.draw_activity(right, stack, view, MAP_PX)
    figure.colorbar(days, ax=right, location="bottom", shrink=0.9, label="days with a detection")
    right.set_title("What the wrapped phase shows\n(basins by result of the comparison)")
    statuses = _draw_objects(right, area, stack, outlines)
    figure.legend(handles=drawing.style_handles(STATUS_STYLES, statuses), loc="outside upper center", ncols=4,
                  frameon=False)  # fmt: skip
    for axes in (left, right):
        dress(axes, view)
    right.set(ylabel="", yticklabels=[])
    return Picture(
        title=f"Rate map beside detections, stack {stack.name}",
        alt=f"Rate map with clusters of stack {stack.name} beside the basins, coloured by comparison.",
        caption="Matched: basin and cluster overlap. Extra: the rate map is measured here and shows no cluster. "
        "Not assessable: the rate map has no reliable value here. Missed: a cluster without a basin. "
        "Left, grey: no reliable rate. Right, pale blue: not observed.",
        png=encode(figure),
    )


def _reliable_rate(stack: StackProducts, view: View) -> NDArray[np.float32]:
    """Rates of a view in mm/yr, NaN where the rate does not count as measured."""
    if stack.rate is None:
        raise ValueError(f"stack {stack.name} has no rate map")
    values = view.read(stack.rate, "rate_mm_yr", MAP_PX)
    if stack.quality is None:
        return values
    return np.where(view.read(stack.quality, "measured", MAP_PX) > 0, values, np.float32(np.nan))


def _rate_limit(values: NDArray[np.float32], threshold: float) -> float:
    """End of a symmetric colour scale that few pixels exceed."""
    finite = np.abs(values[np.isfinite(values)])
    return max(2 * threshold, float(np.percentile(finite, 99))) if finite.size else 2 * threshold


def _draw_objects(axes: drawing.Axes, area: Area, stack: StackProducts, outlines: gpd.GeoSeries) -> set[str]:
    """Outline compared objects by status, number the basins, and return the statuses drawn."""
    if stack.objects is None:
        drawing.draw_basins(axes, area, outlines)
        return set()
    shapes = outlines_in_pixels(stack.objects, stack.grid)
    for status, rows in stack.objects.groupby("status"):
        color, line = STATUS_STYLES.get(str(status), ("black", "solid"))
        draw_outlines(axes, shapes[rows.index], color, linestyle=line, linewidth=1.5)
    for name, shape in zip(area.basins["basin"], outlines, strict=True):
        drawing.label(axes, str(name), shape)
    return set(stack.objects["status"])


def overview(area: Area, max_bytes: int = 250_000) -> bytes:
    """Draw the picture of the README: an interferogram, the activity map and the time line side by side.

    Parameters
    ----------
    area
        Products; the first stack is shown, in the pair with most detections.
    max_bytes
        Colours are halved until the PNG is no larger (or has 16 colours).
    """
    figure = _overview_figure(area, area.stacks[0])
    for colors in (PALETTE, 128, 64, 32):
        png = encode(figure, colors)
        if len(png) <= max_bytes:
            return png
    return encode(figure, 16)


@report_style()
def _overview_figure(area: Area, stack: StackProducts) -> Figure:
    """Three panels of equal height."""
    outlines = outlines_in_pixels(area.basins, stack.grid)
    view = _gallery_view(stack, outlines)
    counts = area.detected.groupby("pair")["basin"].nunique()
    pair = max(stack.pairs, key=lambda pair: (int(counts.get(pair.name, 0)), pair.name))
    figure = Figure(figsize=(14, 4.7), layout=ConstrainedLayoutEngine(rect=(0, 0.08, 1, 0.92)))
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 1.25])
    drawing.draw_interferogram(left, area, pair, view, outlines, OVERVIEW_PX)
    left.set_title(f"Wrapped interferogram {pair.dates[0]} to {pair.dates[1]}")
    key = left.inset_axes((0.1, -0.07, 0.8, 0.035))
    drawing.draw_phase_key(key, pair.meta.get("wavelength_m"))
    key.set_in_layout(False)
    drawing.draw_activity(middle, stack, view, OVERVIEW_PX)
    drawing.draw_basins(middle, area, outlines)
    middle.set_title("Basins by state over days with activity")
    for axes in (left, middle):
        dress(axes, view, ticks=False)
    handles = drawing.style_handles(STATE_STYLES, set(area.basins["state"]))
    legend = middle.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=4, frameon=False)
    legend.set_in_layout(False)
    right.set_title("Time line (pale: not detected, hatched: not observed)")
    names, pairs, scores, observed = tables.timeline_matrix(area, 30)
    if not names:
        right.set_axis_off()
        return figure
    image = drawing.draw_timeline(right, scores, observed)
    drawing.label_timeline(right, area, names, pairs, max_dates=10)
    figure.colorbar(image, ax=right, pad=0.01, aspect=30, label="score")
    return figure

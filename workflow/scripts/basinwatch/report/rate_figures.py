"""Figures of what lies behind and follows from a rate map: network, delays, development of hot spots, motion."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from basinwatch.hotspots import Pattern
from basinwatch.report import drawing
from basinwatch.report.drawing import Picture, encode, report_style
from basinwatch.report.products import Area, EmergingProducts, FusedMotion, StackProducts
from basinwatch.report.tables import count
from basinwatch.report.views import View, draw_outlines, dress, outlines_in_pixels

MAP_PX = 800
PATTERN_COLORS = {
    Pattern.NEW: "#B0307F",
    Pattern.CONSECUTIVE: "#E69F00",
    Pattern.INTENSIFYING: "#8C1C13",
    Pattern.PERSISTENT: "#D55E00",
    Pattern.DIMINISHING: "#0072B2",
    Pattern.SPORADIC: "#56B4E9",
    Pattern.OSCILLATING: "#7A6A00",
    Pattern.HISTORICAL: "#008060",
}
_USED, _UNUSED, _BEFORE = "#0072B2", "#D55E00", "#8893a0"
_CLIP_PERCENT = 99.5


def network_plot(stack: StackProducts) -> Picture | None:
    """Take over the picture of a stack's network; none where it was not drawn."""
    if stack.network_plot is None:
        return None
    pairs, scenes = stack.network.get("pairs"), stack.network.get("scenes")
    return Picture(
        title=f"Network of stack {stack.name}",
        alt=f"{scenes} scenes of stack {stack.name} joined by {pairs} pairs, over time.",
        caption="Points are scenes, joined by their pairs; where no baselines are known, arcs are as high as a pair is "
        "long. Colours tell apart subsets that no pair connects. Rings: scenes that hang on one pair.",
        png=stack.network_plot.read_bytes(),
    )


@report_style()
def delays(stack: StackProducts) -> Picture | None:
    """Plot the scatter of stable ground per date before and after its delay is taken out; none without delays."""
    table = [row for row in stack.corrections.get("delay") or [] if row["before_mm"] is not None]
    if not table:
        return None
    days = date2num(np.array([row["date"] for row in table], "datetime64[D]"))
    before, after = (np.array([row[name] for row in table]) for name in ("before_mm", "after_mm"))
    applied = np.array([row["applied"] for row in table])
    figure = Figure(figsize=(9.4, 3.1), layout="constrained")
    axes = figure.add_subplot()
    axes.vlines(days, before, after, color=_BEFORE, linewidth=1)
    axes.scatter(days, before, s=30, facecolors="white", edgecolors=_BEFORE, zorder=3)
    axes.scatter(days[applied], after[applied], s=34, color=_USED, linewidth=0, zorder=3)
    axes.scatter(days[~applied], after[~applied], s=34, color=_UNUSED, marker="x", zorder=3)
    _dress_time(axes)
    axes.set(ylabel="scatter of stable ground (mm)", ylim=(0, None))
    figure.legend(handles=_delay_handles(), loc="outside upper center", ncols=3, frameon=False)
    return Picture(
        title=f"Delay of the air before and after, stack {stack.name}",
        alt=f"Scatter of stable ground of stack {stack.name} at {len(table)} dates, with and without the delay.",
        caption=_delay_caption(before, after, applied),
        png=encode(figure),
    )


def _delay_handles() -> list[Line2D]:
    """Legend of the marks."""
    marks = (
        ("o", _BEFORE, "white", "without the delay map"),
        ("o", _USED, _USED, "with it, used"),
        ("x", _UNUSED, _UNUSED, "with it, not used"),
    )
    return [
        Line2D([], [], linestyle="", marker=marker, markeredgecolor=edge, markerfacecolor=face, label=text)
        for marker, edge, face, text in marks
    ]


def _delay_caption(before: NDArray[Any], after: NDArray[Any], applied: NDArray[np.bool_]) -> str:
    """Say how much the delays calm stable ground."""
    marks = "Standard deviation over stable ground at every date with a delay map."
    if not applied.any():
        return f"{marks} None of the maps is used."
    return (
        f"{marks} Over the {count(int(applied.sum()), 'date')} where the map is used, the mean falls from "
        f"{before[applied].mean():.1f} mm to {after[applied].mean():.1f} mm."
    )


def _dress_time(axes: Axes) -> None:
    """Label dates, and leave the frame open."""
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.spines[["top", "right"]].set_visible(False)


@report_style()
def patterns_map(area: Area, stack: StackProducts, emerging: EmergingProducts) -> Picture:
    """Paint how the hot spots of a stack develop."""
    outlines = outlines_in_pixels(area.basins, stack.grid)
    zones = outlines_in_pixels(emerging.areas, stack.grid)
    view = View.around(stack.grid, gpd.GeoSeries([*outlines, *zones]))
    values = view.read(emerging.patterns, "pattern", MAP_PX)
    figure = Figure(figsize=(8.6, min(8.6, 7.2 * view.shape_ratio) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor(drawing.NO_DATA)
    colors = ListedColormap(["white", *(PATTERN_COLORS[each] for each in Pattern if each)])
    axes.imshow(np.ma.masked_invalid(np.abs(values)), cmap=colors, vmin=-0.5, vmax=len(Pattern) - 0.5,
                extent=view.extent, interpolation="nearest")  # fmt: skip
    draw_outlines(axes, zones[emerging.areas["kind"] == "uplift"], "black", linewidth=1.2, linestyle=(0, (1, 1)))
    drawing.draw_basins(axes, area, outlines)
    dress(axes, view)
    seen = {int(value) for value in np.unique(np.abs(values[np.isfinite(values)]))}
    handles = [Patch(color=PATTERN_COLORS[each], label=each.name.lower()) for each in Pattern if each and each in seen]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return Picture(
        title=f"How hot spots develop, stack {stack.name}",
        alt=f"Map of {count(len(zones), 'area')} of stack {stack.name} by the development of their hot spots.",
        caption="Colours are patterns of significant subsidence; uplift has a dotted outline. Lines: basins, in the "
        "styles of their states. White: no pattern. Pale blue: not measured.",
        png=encode(figure),
    )


@report_style()
def motion_maps(area: Area, fused: FusedMotion) -> Picture:
    """Set motion east, up and, where there is terrain, down the slope side by side."""
    outlines = outlines_in_pixels(area.basins, fused.grid)
    view = View.around(fused.grid, outlines)
    panels = [
        ("east", view.read(fused.motion, "east_mm_yr", MAP_PX)),
        ("up", view.read(fused.motion, "up_mm_yr", MAP_PX)),
    ]
    if fused.slope is not None:
        panels.append(("down the slope", view.read(fused.slope, "downslope_mm_yr", MAP_PX)))
    figure = Figure(figsize=(9.4, 9.0 / len(panels) * view.shape_ratio + 1.3), layout="constrained")
    for number, (axes, (name, values)) in enumerate(
        zip(figure.subplots(1, len(panels), squeeze=False).flat, panels, strict=True)
    ):
        image = drawing.draw_rate(axes, values, view, colour_limit(values))
        figure.colorbar(image, ax=axes, location="bottom", shrink=0.9, extend="both", label=f"{name} (mm/yr)")
        draw_outlines(axes, outlines, "#3d4650", linewidth=0.9)
        for basin, shape in zip(area.basins["basin"], outlines, strict=True):
            drawing.label(axes, str(basin), shape)
        dress(axes, view, ticks=number == 0)
        axes.set_title(f"Motion {name}")
    return Picture(
        title="Motion from both directions of flight",
        alt=f"Maps of motion {', '.join(name for name, _ in panels)} in area {area.name}, with the basins outlined.",
        caption="Blue: to the east, up, or down the slope; red: the other way. Grey: not measured by both tracks"
        + (", or flatter than 5° (right)." if fused.slope is not None else ".")
        + " Outlines: basins.",
        png=encode(figure),
    )


def colour_limit(values: NDArray[np.float32]) -> float:
    """End of a symmetric colour scale that few pixels exceed."""
    finite = np.abs(values[np.isfinite(values)])
    return max(1.0, float(np.percentile(finite, _CLIP_PERCENT))) if finite.size else 1.0

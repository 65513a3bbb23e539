"""Figures of the experiments. Equal results give equal bytes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from basinwatch.experiments.design import PAIR_DAYS
from basinwatch.experiments.floor_summary import CRITERIA, by_gradient, threshold_fit
from basinwatch.experiments.logistic import Fit
from basinwatch.experiments.response_summary import share_fit
from basinwatch.report.drawing import encode, report_style

# Okabe and Ito's hues; markers and line styles repeat the distinction.
_COLORS = ("#0072B2", "#D55E00", "#008060", "#B0307F", "#7A5C00", "#44505c")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_LINES = ("solid", (0, (5, 1.5)))
_FLOOR_STYLE: dict[str, Any] = {"color": "#44505c", "linestyle": (0, (1, 1.5)), "linewidth": 1.2}
_FLOOR = "floor_d6_mm"
_TICKS = [digit * 10.0**power for power in range(-3, 4) for digit in (1, 2, 5)]
_PLAIN = FuncFormatter(lambda value, _: f"{value:g}")


@report_style()
def floor_figure(rows: pd.DataFrame, cells: pd.DataFrame) -> bytes:
    """Draw the detection floor: parity curves, thresholds over size and beside the ideal observer's, and gradients.

    Parameters
    ----------
    rows, cells
        From `outcomes` and `cells` of :mod:`basinwatch.experiments.floor_summary`.
    """
    figure = Figure(figsize=(9.4, 7.6), layout="constrained")
    panels = figure.subplots(2, 2)
    factorial = cells[(cells["design"] == "factorial") & (cells["criterion"] == "detected")]
    _draw_parity(panels[0, 0], rows, cells)
    _draw_sizes(panels[0, 1], factorial)
    _draw_floors(panels[1, 0], factorial)
    _draw_gradients(panels[1, 1], rows)
    for axes in panels.flat:
        axes.spines[["top", "right"]].set_visible(False)
    return encode(figure)


def _log_scale(axes: Axes, which: str) -> None:
    """Make an axis logarithmic with plain numbers."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator(_TICKS))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(_PLAIN)


def _draw_parity(axes: Axes, rows: pd.DataFrame, cells: pd.DataFrame) -> None:
    """Shares of the parity set, binned, and their curves."""
    parity = rows[rows["design"] == "parity"]
    condition = cells[cells["design"] == "parity"].iloc[0]
    x = np.geomspace(1, parity["amplitude_mm"].max(), 200)
    for color, line, marker, criterion in zip(_COLORS, _LINES, _MARKERS, CRITERIA, strict=False):
        curve = threshold_fit(parity, criterion, 1, 0).curve
        axes.plot(x, curve.chance(np.log(x)), color=color, linestyle=line, label=criterion)
        axes.plot(parity["amplitude_mm"], parity[criterion], marker, color=color, markersize=3, alpha=0.5, linewidth=0)
    axes.axvline(condition[_FLOOR], **_FLOOR_STYLE, label="ideal observer, d′ = 6")
    _log_scale(axes, "x")
    axes.set(ylabel="share of tiles", xlabel="line-of-sight peak (mm)")
    axes.set_title(
        f"Parity set: σ {condition['sigma_m']:g} m, γ {condition['coherence']:g}, "
        f"√D(10 km) {condition['delay_mm']:g} mm"
    )
    axes.legend(frameon=False, loc="center right")


def _draw_sizes(axes: Axes, factorial: pd.DataFrame) -> None:
    """Half-detection threshold over size at the highest coherence, by turbulence, beside the ideal observer's."""
    best = factorial["coherence"].max()
    groups = factorial[factorial["coherence"] == best].groupby("delay_mm")
    for color, marker, (delay, group) in zip(_COLORS, _MARKERS, groups, strict=False):
        axes.plot(group["sigma_m"], group["a50_mm"], color=color, marker=marker, markersize=5, label=f"{delay:g} mm")
        axes.fill_between(group["sigma_m"], group["a50_mm_low"], group["a50_mm_high"], color=color, alpha=0.15, lw=0)
        axes.plot(group["sigma_m"], group[_FLOOR], **(_FLOOR_STYLE | {"color": color}))
    _log_scale(axes, "x")
    _log_scale(axes, "y")
    axes.set(xlabel="σ of the bowl (m)", ylabel="A₅₀, line-of-sight peak (mm)", xticks=factorial["sigma_m"].unique())
    axes.set_title(f"Half detected at γ {best:g}, by √D(10 km) (dotted: d′ = 6)")
    axes.legend(frameon=False, ncols=2)


def _draw_floors(axes: Axes, factorial: pd.DataFrame) -> None:
    """Every cell's thresholds against the ideal observer's: marker at half, line up to 90 % detected."""
    sizes = sorted(factorial["sigma_m"].unique())
    levels = sorted(factorial["coherence"].unique())
    for row in factorial.to_dict("records"):
        color, marker = _COLORS[levels.index(row["coherence"])], _MARKERS[sizes.index(row["sigma_m"])]
        axes.plot([row[_FLOOR]] * 2, [row["a50_mm"], row["a90_mm"]], color=color, linewidth=0.8, alpha=0.6)
        inside = row["a50_relation"] == "="
        axes.plot(row[_FLOOR], row["a50_mm"], marker, color=color, markersize=5, fillstyle="full" if inside else "none")
    ends = factorial[_FLOOR].min(), factorial[["a90_mm", _FLOOR]].to_numpy().max()
    axes.plot(ends, ends, **_FLOOR_STYLE)
    _log_scale(axes, "x")
    _log_scale(axes, "y")
    axes.set(xlabel="ideal observer's peak at d′ = 6 (mm)", ylabel="A₅₀ (marker) to A₉₀ (line), mm")
    axes.set_title("All conditions beside the ideal observer (open: outside the range)")
    colors = [Line2D([], [], color=_COLORS[i], label=f"γ {level:g}") for i, level in enumerate(levels)]
    shapes = [
        Line2D([], [], color="#44505c", marker=_MARKERS[i], linewidth=0, markersize=5, label=f"σ {sigma:g} m")
        for i, sigma in enumerate(sizes)
    ]
    axes.legend(handles=colors + shapes, frameon=False, ncols=2, fontsize=8)


def _draw_gradients(axes: Axes, rows: pd.DataFrame) -> None:
    """Shares by the steepest phase of the basin."""
    bins = pd.DataFrame(by_gradient(rows))
    top = bins["from_rad_px"].max()
    bins["middle"] = np.sqrt(bins["from_rad_px"].clip(lower=0.02) * bins["to_rad_px"].fillna(2 * top))
    for color, (coherence, group) in zip(_COLORS, bins.groupby("coherence"), strict=False):
        for line, marker, criterion in zip(_LINES, _MARKERS, CRITERIA, strict=False):
            label = f"γ {coherence:g}" if criterion == CRITERIA[0] else None
            axes.plot(group["middle"], group[criterion], color=color, linestyle=line, marker=marker, markersize=3.5,
                      label=label)  # fmt: skip
    axes.axvline(math.pi, **_FLOOR_STYLE)
    _log_scale(axes, "x")
    axes.set(xlabel="steepest phase (rad per pixel)", ylabel="share of tiles", ylim=(-0.03, 1.03))
    axes.set_title("By gradient (solid: detected, dashed: delineated; dotted: π)")
    axes.legend(frameon=False)


@report_style()
def response_figure(rows: pd.DataFrame) -> bytes:
    """Draw coherence and shares found through time, and the shares over true and over filtered coherence.

    Parameters
    ----------
    rows
        One row per pair.
    """
    figure = Figure(figsize=(9.4, 8.6), layout="constrained")
    panels = figure.subplot_mosaic([["true", "true"], ["filtered", "filtered"], ["left", "right"]],
                                   height_ratios=[1, 1, 1.3])  # fmt: skip
    for reading in ("true", "filtered"):
        _draw_series(panels[reading], rows[rows["reading"] == reading], reading)
    _draw_shares(panels["left"], rows, "true", "mean true coherence")
    _draw_shares(panels["right"], rows, "filtered", "mean coherence read from filtered phase")
    panels["left"].legend(frameon=False, loc="lower right")
    handles, labels = panels["true"].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    for axes in panels.values():
        axes.spines[["top", "right"]].set_visible(False)
    return encode(figure)


def _draw_series(axes: Axes, rows: pd.DataFrame, reading: str) -> None:
    """Coherences and the share found, pair by pair."""
    ordered = rows.sort_values("pair")
    years = ordered["pair"] * PAIR_DAYS / 365.25
    axes.bar(years, ordered["all_model"] / ordered["all_basins"], width=PAIR_DAYS / 365.25 * 0.8, color="#b9c4cf",
             linewidth=0, label="share of basins detected")  # fmt: skip
    names = {"true": "true coherence", "sample": "estimated, unfiltered", "filtered": "read from filtered phase"}
    lines = ("solid", (0, (1, 1)), (0, (5, 1.5)))
    for color, line, (axis, label) in zip(_COLORS, lines, names.items(), strict=False):
        axes.plot(years, ordered[f"coherence_{axis}"], color=color, linestyle=line, linewidth=1.3, label=label)
    axes.set(ylim=(0, 1.05), xlabel="years since the first pair", ylabel="coherence, share")
    meant = "true coherence" if reading == "true" else "what filtered phase reads"
    axes.set_title(f"0.9 in January and 0.6 in July taken as {meant}")


def _draw_shares(axes: Axes, rows: pd.DataFrame, axis: str, label: str) -> None:
    """Share found per pair over one coherence, with the curves of model and reference."""
    x = rows[f"coherence_{axis}"]
    place = np.linspace(x.min(), x.max(), 300)
    kinds = (("model", "all", "model"), ("reference", "all", "reference: known place,\n1 % false alarms"))
    for color, line, marker, (detector, kind, name) in zip(_COLORS, _LINES, _MARKERS, kinds, strict=False):
        share = rows[f"{kind}_{detector}"] / rows[f"{kind}_basins"]
        fitted: Fit = share_fit(rows, axis, detector, kind, 1, 0)
        axes.plot(x, share, marker, color=color, markersize=3.5, alpha=0.5, fillstyle="none", linewidth=0)
        axes.plot(place, fitted.curve.chance(np.log(place)), color=color, linestyle=line, label=name)
    axes.set(xlim=(0, 1.02), ylim=(-0.03, 1.05), xlabel=label, ylabel="share of basins found")

"""Picture of a network: scenes by date and perpendicular baseline, joined by their pairs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from numpy.typing import NDArray

from basinwatch.report.drawing import Picture, encode, report_style
from basinwatch.sbas.network import Network

# Okabe and Ito's hues; subsets beyond them repeat.
_SUBSETS = ("#0072B2", "#D55E00", "#008060", "#B0307F", "#7A6A00")
_PAIR, _LONE = "#8fa3b3", "black"
_ARC_POINTS = 25


@report_style()
def baseline_plot(name: str, network: Network, baselines: Mapping[date, float] | None = None) -> Picture:
    """Draw a stack's network.

    Parameters
    ----------
    name
        The stack's.
    network
        Scenes and pairs.
    baselines
        Perpendicular baseline of every date in metres; without it, or with a date missing, pairs are drawn as arcs
        over the time axis, as high as they are long.
    """
    known = baselines if baselines and set(network.dates) <= set(baselines) else None
    days = date2num(network.dates)
    heights = np.array([known[day] for day in network.dates]) if known else np.zeros(len(days))
    figure = Figure(figsize=(9.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.add_collection(LineCollection(_lines(network, days, heights, known is None), colors=_PAIR, linewidths=0.6))
    _draw_scenes(axes, network, days, heights)
    axes.autoscale_view()
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_ylabel("perpendicular baseline (m)" if known else "length of the pair (days)")
    axes.spines[["top", "right"]].set_visible(False)
    facts = network.report()
    return Picture(
        title=f"Network of stack {name}",
        alt=f"{facts['scenes']} scenes of stack {name} joined by {facts['pairs']} pairs, over time.",
        caption=_caption(network, known is not None),
        png=encode(figure),
    )


def _lines(
    network: Network, days: NDArray[np.float64], heights: NDArray[np.float64], arcs: bool
) -> list[NDArray[np.float64]]:
    """One line per pair: straight between scenes, or an arc as high as the pair is long."""
    share = np.linspace(0, 1, _ARC_POINTS if arcs else 2)
    lines = []
    for first, second in network.pairs:
        length = days[second] - days[first]
        height = heights[first] + share * (heights[second] - heights[first])
        lines.append(np.column_stack([days[first] + share * length, height + arcs * length * np.sin(np.pi * share)]))
    return lines


def _draw_scenes(axes: Axes, network: Network, days: NDArray[np.float64], heights: NDArray[np.float64]) -> None:
    """Mark scenes in the colours of their connected subsets; those with one pair get a ring."""
    subsets = network.subsets()
    colors = [_SUBSETS[subset % len(_SUBSETS)] for subset in subsets]
    axes.scatter(days, heights, s=20, c=colors, linewidths=0, zorder=3)
    alone = network.scenes_with_one_pair()
    loose = np.array([day in alone for day in network.dates])
    axes.scatter(days[loose], heights[loose], s=60, facecolors="none", edgecolors=_LONE, linewidths=0.9, zorder=3)


def _caption(network: Network, with_baselines: bool) -> str:
    """Say what is shown and what the network lacks."""
    shown = "Lines are pairs." if with_baselines else "Arcs are pairs; baselines are not known."
    loose = " Rings: scenes with one pair." if network.scenes_with_one_pair() else ""
    remarks = " ".join(f"{remark[0].upper()}{remark[1:]}" for remark in network.remarks())
    return f"{shown} Colours tell connected subsets apart.{loose} {remarks}".strip()

"""How a model bears disturbances: all figures under each, as a table and a picture."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from basinwatch.errors import InputError
from basinwatch.evaluation.detector_scores import figures
from basinwatch.evaluation.disturbances import FAMILIES, disturbed_tiles
from basinwatch.evaluation.tables import EvaluationSettings
from basinwatch.evaluation.tile_scores import rule_of, score_tiles
from basinwatch.models import LoadedModel
from basinwatch.report.drawing import encode, report_style
from basinwatch.simulation.sources import NO_SOURCES, Sources

logger = logging.getLogger(__name__)
COLUMNS = ("family", "level", "figure", "value", "low", "high")
SHOWN = {
    "recall_centre": "found", "recall": "outlined", "f1": "F1", "f1_strong": "F1 from 8 mm", "iou": "IoU of pixels",
    "false_per_tile": "false per tile",
}  # fmt: skip
_DRAWN = (("recall_centre", "#0072B2", "o"), ("f1", "#D55E00", "s"), ("iou", "#008060", "^"))


def read_records(path: Path, count: int) -> list[dict[str, Any]]:
    """Read the parameters of the first `count` tiles of a shard.

    Raises
    ------
    InputError
        If the file holds fewer.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) < count:
        raise InputError(
            f"{path}: found {len(lines)} tiles, expected at least the {count} of evaluation.robustness_tiles; lower it."
        )
    return [json.loads(line) for line in lines[:count]]


def measure_robustness(
    model: LoadedModel,
    records: Sequence[Mapping[str, Any]],
    family: str,
    settings: EvaluationSettings,
    device: torch.device,
    sources: Sources = NO_SOURCES,
) -> pd.DataFrame:
    """Score a model at every level of one disturbance.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`; figures and their 95 % intervals as of
        :func:`basinwatch.evaluation.detector_scores.figures`.
    """
    tables = []
    for level in FAMILIES[family].levels:
        tiles = disturbed_tiles(records, family, level, sources)
        scored = list(score_tiles(model, tiles, device, settings.batch_size, settings.precision))
        table = figures(scored, rule_of(model.spec).peak_threshold, settings.resamples, settings.seed)
        tables.append(table.assign(family=family, level=level))
        logger.info("%s %g: %d tiles scored", family, level, len(scored))
    return pd.concat(tables)[list(COLUMNS)]


def robustness_markdown(table: pd.DataFrame) -> str:
    """One row per disturbance and level with the figures :data:`SHOWN`, a dash for what a detector does not give."""
    lines = ["| disturbance | level | " + " | ".join(SHOWN.values()) + " |", "|---" * (len(SHOWN) + 2) + "|"]
    for (family, level), rows in table.groupby(["family", "level"], sort=False):
        known = rows.dropna(subset="value").set_index("figure")["value"]
        cells = [f"{known[figure]:.2f}" if figure in known else "–" for figure in SHOWN]
        lines.append(f"| {FAMILIES[family].title} | {level:g} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


@report_style()
def robustness_figure(table: pd.DataFrame) -> bytes:
    """Draw the figures of every disturbance against its level, dotted as they are without any."""
    still = table[table["family"] == "none"].set_index("figure")["value"]
    families = [name for name in table["family"].unique() if name != "none"]
    rows = max(-(-len(families) // 2), 1)
    figure = Figure(figsize=(9.4, 2.4 * rows), layout="constrained")
    panels = figure.subplots(rows, 2, squeeze=False, sharey=True).ravel()
    for axes, family in zip(panels, families, strict=False):
        _draw_family(axes, table[table["family"] == family], still, FAMILIES[family].title)
    for axes in panels[len(families) :]:
        axes.set_axis_off()
    if families:
        panels[0].legend(frameon=False, fontsize=8)
    return encode(figure)


def _draw_family(axes: Axes, table: pd.DataFrame, still: Mapping[str, float], title: str) -> None:
    """Draw one disturbance."""
    levels = [f"{level:g}" for level in table["level"].unique()]
    for name, color, marker in _DRAWN:
        rows = table[table["figure"] == name]
        if not rows.empty:
            spread = np.abs(rows[["low", "high"]].to_numpy() - rows[["value"]].to_numpy()).T
            label = SHOWN[name]
            axes.errorbar(levels, rows["value"], spread, color=color, marker=marker, markersize=4, label=label)
        if name in still:
            axes.axhline(still[name], color=color, linestyle=":", linewidth=1)
    axes.set(title=title, ylim=(0, 1.02), ylabel="share")
    axes.spines[["top", "right"]].set_visible(False)

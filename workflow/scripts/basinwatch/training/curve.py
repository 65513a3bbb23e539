"""The curve of a training run: one row per validation, as CSV and picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from basinwatch.provenance import atomic_path

Row = dict[str, float | None]
COLUMNS = (
    "step", "learning_rate", "train_loss", "validation_loss", "iou", "ap50", "precision", "recall", "f1",
)  # fmt: skip
_LOSSES, _SCORES = COLUMNS[2:4], COLUMNS[4:]


def quality(row: Row) -> tuple[float, float]:
    """Tell what the best weights are chosen by: AP50, which ranks whole basins; at a draw the IoU of their pixels."""
    ap50, iou = row["ap50"], row["iou"]
    return -1.0 if ap50 is None else ap50, -1.0 if iou is None else iou


def rows_since_best(curve: Sequence[Row]) -> int:
    """How many rows ago the first of the best rows was added."""
    qualities = [quality(row) for row in curve]
    return len(curve) - 1 - qualities.index(max(qualities))


def write_curve(path: Path, curve: Sequence[Row]) -> None:
    """Write the training curve as CSV; what a detector has no value for stays empty."""
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: "" if v is None else f"{v:.9g}" for k, v in row.items()} for row in curve)


def plot_curve(path: Path, curve: Sequence[Row]) -> None:
    """Draw losses and validation scores against steps."""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, keys, title in ((left, _LOSSES, "loss"), (right, _SCORES, "validation score")):
        for key in keys:
            known = [(row["step"], row[key]) for row in curve if row[key] is not None]
            if known:
                axes.plot(*zip(*known, strict=True), marker=".", label=key.replace("_", " "))
        axes.set(xlabel="step", title=title)
        axes.legend()
    right.set_ylim(0, 1)
    with atomic_path(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})

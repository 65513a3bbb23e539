"""The papers' tables beside what the same detectors score here, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from scipy import stats

from basinwatch.errors import InputError

COLUMNS = ("table", "row", "figure", "printed", "value", "low", "high", "seeds")
_DASH = "–"
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class TableRun:
    """What is trained for a row: a preset, what is changed about it, and whether the tiles have air."""

    name: str
    preset: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    air: bool = True


@dataclass(frozen=True)
class PaperTable:
    """A published table.

    Parameters
    ----------
    title, note
        Where it stands, and how the runs differ from what the paper did.
    columns
        Printed heading of each of the project's figures.
    rows
        Name, run (None where only the authors have the data) and figures as printed.
    """

    title: str
    note: str
    columns: Mapping[str, str]
    rows: Sequence[tuple[str, str | None, Sequence[float]]]


def read_tables(path: Path) -> tuple[dict[str, TableRun], list[PaperTable]]:
    """Read runs and tables.

    Raises
    ------
    InputError
        If a row names a run that is not there, or has more or fewer figures than the table columns.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    runs = {name: read_run(name, entry) for name, entry in content["runs"].items()}
    tables = [_table(entry) for entry in content["tables"]]
    for table in tables:
        for name, run, printed in table.rows:
            if (run is not None and run not in runs) or len(printed) != len(table.columns):
                raise InputError(
                    f"{path}: found run {run!r} and {len(printed)} figures in row '{name}' of '{table.title}', "
                    f"expected one of the runs and {len(table.columns)} figures; correct the row."
                )
    return runs, tables


def read_run(name: str, entry: Mapping[str, Any]) -> TableRun:
    """Read one run.

    Parameters
    ----------
    entry
        Its `preset`, whether its tiles have `air`, and everything else that is changed about the preset.
    """
    changes = {key: value for key, value in entry.items() if key not in ("preset", "air")}
    return TableRun(name, entry["preset"], changes, entry.get("air", True))


def _table(entry: Mapping[str, Any]) -> PaperTable:
    """Read one table."""
    rows = [(row["name"], row.get("run"), row["printed"]) for row in entry["rows"]]
    return PaperTable(entry["title"], entry.get("note", ""), entry["columns"], rows)


def compare(tables: Sequence[PaperTable], scores: Mapping[str, Sequence[Mapping[str, float | None]]]) -> pd.DataFrame:
    """Hold every printed figure against the runs.

    Parameters
    ----------
    scores
        By run the figures of every seed.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`: mean over the seeds with its 95 % interval by Student's t, NaN where there is none.
    """
    rows = [
        (table.title, name, figure, printed, *estimate([seed.get(figure) for seed in scores.get(run or "", [])]))
        for table in tables
        for name, run, values in table.rows
        for figure, printed in zip(table.columns, values, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def estimate(values: Sequence[float | None]) -> tuple[float, float, float, int]:
    """Mean, low, high and number of known values; one value has no interval."""
    known = np.array([value for value in values if value is not None and np.isfinite(value)])
    if not known.size:
        return np.nan, np.nan, np.nan, 0
    mean = float(known.mean())
    if known.size == 1:
        return mean, np.nan, np.nan, 1
    reach = float(stats.t.ppf((1 + _CONFIDENCE) / 2, known.size - 1) * known.std(ddof=1) / np.sqrt(known.size))
    return mean, mean - reach, mean + reach, known.size


def to_markdown(tables: Sequence[PaperTable], compared: pd.DataFrame, scale: str) -> str:
    """Write all tables: as printed, and beside it what was found here."""
    head = f"Runs of scale `{scale}`" + (": they show that every table can be made, not how good the detectors are.\n"
                                         if scale == "smoke" else ".\n")  # fmt: skip
    return "\n".join(["# Tables of the papers", "", head, *(_table_text(table, compared) for table in tables)])


def _table_text(table: PaperTable, compared: pd.DataFrame) -> str:
    """Write one table."""
    own = compared[compared["table"] == table.title].set_index(["row", "figure"])
    headings = [cell for heading in table.columns.values() for cell in (heading, "here")]
    lines = [f"| | {' | '.join(headings)} |", "|---" * (len(headings) + 1) + "|"]
    for name, _, _ in table.rows:
        cells = [cell for figure in table.columns for cell in _cells(own.loc[(name, figure)])]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    note = f"{table.note}\n\n" if table.note else ""
    return f"## {table.title}\n\n{note}" + "\n".join(lines) + "\n"


def _cells(row: pd.Series) -> tuple[str, str]:
    """Write a printed figure and the own mean with its interval."""
    if not row["seeds"]:
        return f"{row['printed']:g}", _DASH
    interval = "" if np.isnan(row["low"]) else f" ({row['low']:.3g} to {row['high']:.3g})"
    return f"{row['printed']:g}", f"{row['value']:.3g}{interval}"

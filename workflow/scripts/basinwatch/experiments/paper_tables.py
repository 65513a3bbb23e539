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

COLUMNS = ("table", "row", "figure", "printed", "set", "value", "low", "high", "seeds")
BENCHMARK, LABELLED = "benchmark", "labelled"
PARTS = ("calm", "middle", "noisy")
Figures = Mapping[str, float | None]
_HEADINGS = {BENCHMARK: "here", LABELLED: "on labelled tiles"}
_KEYS = ("preset", "air", "simulated", "side_px")
_DASH, _DECIMALS = "–", 4
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class TableRun:
    """What is trained for a row.

    Parameters
    ----------
    preset, changes
        Recipe, and what is changed about it.
    air, simulated
        Whether the simulated tiles have air, and whether there are any beside those the user labelled.
    side_px
        Side of the tile on which its cost is counted.
    """

    name: str
    preset: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    air: bool = True
    simulated: bool = True
    side_px: int = 256


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
    part
        Third of the benchmark set, one of :data:`PARTS`, that stands for the table's area; empty for the whole set.
    """

    title: str
    note: str
    columns: Mapping[str, str]
    rows: Sequence[tuple[str, str | None, Sequence[float]]]
    part: str = ""


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
        Its `preset`, `air`, `simulated` and `side_px`; everything else is changed about the preset.
    """
    changes = {key: value for key, value in entry.items() if key not in _KEYS}
    return TableRun(name, changes=changes, **{key: entry[key] for key in _KEYS if key in entry})


def _table(entry: Mapping[str, Any]) -> PaperTable:
    """Read one table."""
    rows = [(row["name"], row.get("run"), row["printed"]) for row in entry["rows"]]
    return PaperTable(entry["title"], entry.get("note", ""), entry["columns"], rows, entry.get("part", ""))


def compare(tables: Sequence[PaperTable], scores: Mapping[str, Sequence[Mapping[str, Figures]]]) -> pd.DataFrame:
    """Hold every printed figure against the runs.

    Parameters
    ----------
    scores
        By run the figures of every seed by set: :data:`BENCHMARK`, its :data:`PARTS`, or :data:`LABELLED`.

    Returns
    -------
    DataFrame
        :data:`COLUMNS`: mean over the seeds with its 95 % interval by Student's t, NaN where there is none; rows of
        labelled tiles only where any run was tried on such.
    """
    tried = {name for seeds in scores.values() for seed in seeds for name in seed}
    sets = [BENCHMARK, *(name for name in (LABELLED,) if name in tried)]
    rows = [
        (table.title, name, figure, printed, tiles, *estimate(_found(scores.get(run or "", []), table, tiles, figure)))
        for table in tables
        for name, run, values in table.rows
        for figure, printed in zip(table.columns, values, strict=True)
        for tiles in sets
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _found(seeds: Sequence[Mapping[str, Figures]], table: PaperTable, tiles: str, figure: str) -> list[float | None]:
    """One figure from every seed, on the part of the benchmark set that a table asks for or on labelled tiles."""
    source = table.part if table.part and tiles == BENCHMARK else tiles
    return [seed.get(source, {}).get(figure) for seed in seeds]


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
    purpose = ": they show that every table can be made, not how good the detectors are" if scale == "smoke" else ""
    head = (
        f"Runs of scale `{scale}`{purpose}. Beside each printed figure stands the mean over the seeds, with its 95 % "
        "interval, on the benchmark set of simulated tiles (here), and on labelled test tiles where there are some.\n"
    )
    return "\n".join(["# Tables of the papers", "", head, *(_table_text(table, compared) for table in tables)])


def _table_text(table: PaperTable, compared: pd.DataFrame) -> str:
    """Write one table."""
    own = compared[compared["table"] == table.title].set_index(["row", "figure", "set"])
    sets = [name for name in _HEADINGS if name in set(compared["set"])]
    headings = [cell for heading in table.columns.values() for cell in (heading, *(_HEADINGS[name] for name in sets))]
    lines = [f"| | {' | '.join(headings)} |", "|---" * (len(headings) + 1) + "|"]
    for name, _, printed in table.rows:
        cells = [
            cell
            for figure, value in zip(table.columns, printed, strict=True)
            for cell in (f"{value:g}", *(_cell(own.loc[(name, figure, tiles)]) for tiles in sets))
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    note = f"{table.note}\n\n" if table.note else ""
    return f"## {table.title}\n\n{note}" + "\n".join(lines) + "\n"


def _cell(row: pd.Series) -> str:
    """Write the mean with its interval."""
    if not row["seeds"]:
        return _DASH
    mean, low, high = (f"{round(row[name], _DECIMALS):.3g}" for name in ("value", "low", "high"))
    return mean if np.isnan(row["low"]) else f"{mean} ({low} to {high})"

"""Perpendicular baselines of acquisitions, from the tables that GAMMA and LiCSAR write.

Light (standard library only): the workflow calls it while it builds the job graph.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from basinwatch.errors import InputError

Difference = tuple[date, date, float]

_DATE = re.compile(r"\d{8}|\d{4}-\d{2}-\d{2}")
# Stands for the orbit that single baselines refer to.
_ORBIT = date.min
_FORMS = (
    "rows of 'date metres', 'date date metres …' (LiCSAR baselines) or 'number date date metres …' (GAMMA base_calc)"
)


def read_baselines(path: str | Path) -> dict[date, float]:
    """Read the perpendicular baseline of every acquisition in metres, the earliest one's being 0.

    Columns are separated by blanks or commas. A row holds a date and its baseline (to any orbit), or two dates
    and the baseline of the second to the first, after a running number or without; further columns and lines
    that do not begin with a number (headers, comments) are skipped.

    Raises
    ------
    InputError
        If the file is missing, a row has another form, or no chain of rows joins two dates.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: baseline table not found; expected {_FORMS}.")
    lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    rows = [(number, re.split(r"[,;\s]+", line.strip())) for number, line in enumerate(lines, start=1)]
    found = join_differences(
        (_difference(cells, f"{path}, line {number}") for number, cells in rows if cells[0][:1].isdigit()), str(path)
    )
    found.pop(_ORBIT, None)
    zero = next(iter(found.values()))
    return {day: metres - zero for day, metres in found.items()}


def join_differences(differences: Iterable[Difference], where: str) -> dict[date, float]:
    """Turn baselines between dates into one per date in metres, the earliest one's being 0.

    Rows that contradict each other by rounding do not matter: each date is reached by one chain of them.

    Parameters
    ----------
    differences
        (first, second, baseline of the second to the first in metres).
    where
        Begins the sentence of an error.

    Raises
    ------
    InputError
        If there is none, or no chain joins two dates.
    """
    neighbours: dict[date, list[tuple[date, float]]] = defaultdict(list)
    for first, second, metres in differences:
        neighbours[first].append((second, metres))
        neighbours[second].append((first, -metres))
    if not neighbours:
        raise InputError(f"{where}: found no row with a baseline, expected {_FORMS}; correct the file.")
    found = {min(neighbours): 0.0}
    waiting = list(found)
    while waiting:
        day = waiting.pop()
        for other, metres in neighbours[day]:
            if other not in found:
                found[other] = found[day] + metres
                waiting.append(other)
    apart = sorted(set(neighbours) - set(found))
    if apart:
        raise InputError(
            f"{where}: found no chain of baselines from {min(found)} to {apart[0]}, expected all dates to be joined; "
            "add a row that joins them."
        )
    return {day: found[day] for day in sorted(found)}


def _difference(cells: list[str], where: str) -> Difference:
    """Read one row; a single baseline counts from an orbit that stands among the dates."""
    numbered = len(cells) > 1 and not _DATE.fullmatch(cells[0])
    cells = cells[1:] if numbered else cells
    count = next((i for i, cell in enumerate(cells) if not _DATE.fullmatch(cell)), len(cells))
    try:
        dates = [date.fromisoformat(cell) for cell in cells[:count]]
        metres = float(cells[count])
    except (ValueError, IndexError):
        count = 0
    if count == 1 and not numbered:
        return _ORBIT, dates[0], metres
    if count == 2:
        return dates[0], dates[1], metres
    raise InputError(f"{where}: found '{' '.join(cells)}', expected {_FORMS}; correct the row.")

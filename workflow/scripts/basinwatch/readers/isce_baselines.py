"""Perpendicular baselines that ISCE2's stack processors leave in a folder ``baselines`` beside the interferograms."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from basinwatch.readers.acquisition import baseline_between
from basinwatch.readers.parameters import finite_number

_FOLDER = "baselines"
_NAME = re.compile(r"(\d{8})_(\d{8})\.txt")
_LINE = re.compile(r"^\s*(?:Bperp \(average\)\s*:|PERP_BASELINE_(?:TOP|BOTTOM)\s)(.*)$", re.MULTILINE)
_FOLDERS_UP = 4
_MAX_BYTES = 2**16


def perpendicular_baseline_m(phase: Path, dates: tuple[date, date]) -> float | None:
    """Perpendicular baseline of the second date to the first, from ``<date>_<date>.txt``; None where there is none.

    topsStack writes the baseline of every date to the reference of the stack, one for each swath (their mean counts),
    in folders named after both; stripmapStack writes top and bottom without such folders.
    """
    for folder in list(phase.absolute().parents)[:_FOLDERS_UP]:
        if (folder / _FOLDER).is_dir():
            files = sorted((folder / _FOLDER).glob("*.txt")) + sorted((folder / _FOLDER).glob("*/*.txt"))
            return baseline_between(_baselines_m(files, dates), dates)
    return None


def _baselines_m(files: list[Path], dates: tuple[date, date]) -> dict[tuple[date, date], float]:
    """Baselines by the dates of the files' names, of those that hold one of `dates`."""
    found: dict[tuple[date, date], float] = {}
    for path in files:
        days = _days(path)
        metres = _mean_m(path) if days is not None and set(days) & set(dates) else None
        if days is not None and metres is not None:
            found[days] = metres
    return found


def _days(path: Path) -> tuple[date, date] | None:
    """Two different dates of a file's name."""
    match = _NAME.fullmatch(path.name)
    try:
        days = [date.fromisoformat(day) for day in match.groups()] if match else []
    except ValueError:
        return None
    return (days[0], days[1]) if len(set(days)) == 2 else None


def _mean_m(path: Path) -> float | None:
    """Mean of the baselines in a file."""
    with path.open("rb") as stream:
        text = stream.read(_MAX_BYTES).decode("latin-1")
    metres = [number for match in _LINE.finditer(text) if (number := finite_number(match[1])) is not None]
    return sum(metres) / len(metres) if metres else None

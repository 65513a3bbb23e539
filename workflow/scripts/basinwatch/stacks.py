"""Which scenes and pairs a stack has, from its files or from a scene table.

Pure and light (standard library only): the workflow calls it while it builds the job graph.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from basinwatch import path_patterns
from basinwatch.dates import read_date
from basinwatch.errors import InputError
from basinwatch.path_patterns import Files, files_by_texts, fill
from basinwatch.sbas.baselines import read_baselines
from basinwatch.sbas.design import Design, Link, choose


@dataclass(frozen=True)
class Pair:
    """Two acquisitions and the texts their file names use for them.

    `first` and `second` are in the order of the file name; `name` puts the earlier date first.
    """

    first: date
    second: date
    texts: tuple[tuple[str, str], ...]

    @property
    def date1(self) -> date:
        """Earlier acquisition."""
        return min(self.first, self.second)

    @property
    def date2(self) -> date:
        """Later acquisition."""
        return max(self.first, self.second)

    @property
    def name(self) -> str:
        """``YYYYMMDD_YYYYMMDD``, earlier date first."""
        return f"{self.date1:%Y%m%d}_{self.date2:%Y%m%d}"

    @classmethod
    def of(cls, first: date, second: date) -> Pair:
        """Build the pair of two dates, written as ``YYYYMMDD``."""
        names = f"{first:%Y%m%d}", f"{second:%Y%m%d}"
        return cls(first, second, (("pair", "_".join(names)), ("date1", names[0]), ("date2", names[1])))

    def fill(self, pattern: str) -> str:
        """Put this pair's texts into a path pattern."""
        return fill(pattern, dict(self.texts))


@dataclass(frozen=True)
class Stack:
    """A set of interferograms of one track on one grid, by name of the pair, in time order.

    Parameters
    ----------
    name, settings
        The stack's entry of the configuration.
    available
        Every pair whose files are there.
    pairs
        Those of them that are not excluded.
    warnings
        What was left out and why.
    links
        Every pair that was considered, with why it is one of `pairs` or not.
    files_of
        Finds the files of a pattern with ``*``; one that remembers spares a look at the folder per pair.
    """

    name: str
    settings: Mapping[str, Any]
    available: Mapping[str, Pair]
    pairs: Mapping[str, Pair]
    warnings: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    files_of: Callable[[str], Files] = files_by_texts

    @cached_property
    def dates(self) -> list[date]:
        """Acquisitions that occur in a pair."""
        return sorted({d for p in self.pairs.values() for d in (p.date1, p.date2)})

    @property
    def grid_pair(self) -> str:
        """The pair whose grid is a new stack's: the one that is named, else the first, excluded or not."""
        return str(self.settings["grid_pair"] or next(iter(self.available)))

    def keeping_grid_of(self, pair: str) -> Stack:
        """Take the grid of a pair from before, on the list or not, as long as its file is there."""
        known = self.available.get(pair) or Pair.of(*dates_of(pair))
        if pair not in self.available and not Path(known.fill(self.settings["phase"])).is_file():
            return self
        return replace(self, settings={**self.settings, "grid_pair": pair}, available={**self.available, pair: known})

    @cached_property
    def adjacent_pairs(self) -> list[str]:
        """Pairs of consecutive acquisitions."""
        wanted = {f"{a:%Y%m%d}_{b:%Y%m%d}" for a, b in pairwise(self.dates)}
        return [name for name in self.pairs if name in wanted]

    @property
    def detection_pairs(self) -> list[str]:
        """Pairs the detector looks at: the adjacent ones, or all where the config says so."""
        return list(self.pairs) if self.settings["detect_pairs"] == "all" else self.adjacent_pairs

    def is_detected(self, pair: str) -> bool:
        """Whether the detector looks at a pair of this name."""
        return pair in self._detected

    @cached_property
    def _detected(self) -> frozenset[str]:
        """Names of `detection_pairs`."""
        return frozenset(self.detection_pairs)

    def file(self, role: str, pair: str) -> str | None:
        """Path of a pair's file (phase, coherence, unwrapped, header), or None when the config gives none.

        A pattern with ``*`` must match exactly one file.
        """
        pattern = self.settings[role]
        if pattern is None:
            return None
        if "*" not in pattern:
            return self.available[pair].fill(pattern)
        found = _named(self.available[pair], pattern, self.files_of)
        return _only(f"stacks.{self.name}.{role}", self.available[pair].fill(pattern), found)

    def optional_file(self, role: str, pair: str, generated: str) -> str | None:
        """Like :meth:`file`, but None as well when the file does not exist."""
        pattern = self.settings[role]
        found = pattern and _exists(self.available[pair], pattern, generated, self.files_of)
        return self.file(role, pair) if found else None


def parse_date(text: str, where: str) -> date:
    """Read a date of a file name (:func:`basinwatch.dates.read_date`), or ``YYYY-MM-DD``.

    Raises
    ------
    InputError
        If the text is none of them or no calendar date; the sentence begins with `where`.
    """
    try:
        return read_date(text.strip().replace("-", ""))
    except ValueError:
        raise InputError(f"{where}: '{text}' is not a date; expected YYYY-MM-DD or YYYYMMDD.") from None


def dates_of(name: str) -> tuple[date, date]:
    """Return the dates of a pair named ``YYYYMMDD_YYYYMMDD``."""
    first, second = name.split("_")
    return parse_date(first, name), parse_date(second, name)


def read_scenes(path: str | Path) -> list[date]:
    """Read acquisition dates from the ``date`` column of a CSV file, oldest first.

    Raises
    ------
    InputError
        If the file or its column is missing, or dates repeat or are not ascending.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: scene table not found; expected a CSV file with a column 'date'.")
    with open(path, newline="", encoding="utf-8-sig") as stream:
        table = csv.DictReader(stream)
        if "date" not in (table.fieldnames or []):
            raise InputError(f"{path}: columns are {table.fieldnames}; expected one named 'date'.")
        dates = [parse_date(row["date"] or "", f"{path}, line {table.line_num}") for row in table]
    for earlier, later in pairwise(dates):
        if later <= earlier:
            raise InputError(
                f"{path}: {later} follows {earlier}; expected each date once, oldest first; sort the table by date."
            )
    return dates


def resolve(name: str, settings: Mapping[str, Any], generated: str) -> Stack:
    """List a stack's pairs, from its scene table when it has one, else from its files.

    Parameters
    ----------
    name, settings
        The stack's entry of the configuration.
    generated
        Folder of all files the workflow makes itself, so that they need not exist yet.
    """
    _check_patterns(name, settings)
    files_of = lru_cache(files_by_texts)
    considered = _planned(settings) if settings["scenes"] else _limited(_found(name, settings["phase"]), settings)
    listed = sorted((p for p, link in considered.items() if link.kept), key=lambda p: (p.date2, p.date1))
    missing = {p: path for p in listed if (path := _missing_file(p, settings, generated, files_of))}
    available = {p.name: p for p in listed if p not in missing}
    excluded = set(settings["exclude_pairs"])
    pairs = {n: p for n, p in available.items() if n not in excluded}
    warnings = [
        f"stacks.{name}: pair {p.name} is left out because {path} does not exist." for p, path in missing.items()
    ]
    warnings += [f"stacks.{name}.exclude_pairs: there is no pair {pair}." for pair in sorted(excluded - set(available))]
    dropped = {p: "file missing" for p in missing} | {p: "excluded" for n, p in available.items() if n in excluded}
    links = (replace(link, kept=False, reason=dropped[p]) if p in dropped else link for p, link in considered.items())
    stack = Stack(name, settings, available, pairs, tuple(warnings), tuple(links), files_of)
    _check_pairs(stack, next(iter(missing.values()), None))
    return stack


def _check_pairs(stack: Stack, missing: str | None) -> None:
    """Refuse a stack in which there is nothing to do."""
    where, settings = f"stacks.{stack.name}", stack.settings
    if not stack.pairs:
        tried = f" ({missing} does not exist)" if missing else ""
        raise InputError(
            f"{where}: no pair is left{tried}; expected at least one; check phase, scenes, network, exclude_pairs."
        )
    if settings["grid_pair"] and settings["grid_pair"] not in stack.available:
        raise InputError(f"{where}.grid_pair: {settings['grid_pair']} is no pair of this stack; name one that is.")
    if not stack.detection_pairs:
        raise InputError(
            f"{where}: none of {len(stack.pairs)} pairs joins consecutive scenes, expected at least one; "
            "set detect_pairs: all."
        )


def resolve_areas(areas: Mapping[str, Any], stacks: Mapping[str, Stack]) -> dict[str, list[str]]:
    """List the stacks of each area; without any area every stack is its own.

    Raises
    ------
    InputError
        If an area names an unknown stack, or a stack lies in no area or in two.
    """
    if not areas:
        return {name: [name] for name in stacks}
    named = {area: list(entry["stacks"]) for area, entry in areas.items()}
    for area, names in named.items():
        for name in names:
            if name not in stacks:
                raise InputError(f"areas.{area}.stacks: '{name}' is no stack; expected one of {', '.join(stacks)}.")
    for name in stacks:
        homes = [area for area, names in named.items() if name in names]
        if len(homes) != 1:
            found = " and ".join(homes) or "no area"
            raise InputError(f"areas: stack '{name}' lies in {found}; expected exactly one area; list it once.")
    return named


def _missing_file(
    pair: Pair, settings: Mapping[str, Any], generated: str, files_of: Callable[[str], Files]
) -> str | None:
    """Path of the first file a pair cannot do without and that is not there."""
    wanted = (settings[role] for role in ("phase", "header") if settings[role])
    return next((pair.fill(pattern) for pattern in wanted if not _exists(pair, pattern, generated, files_of)), None)


def _exists(pair: Pair, pattern: str, generated: str, files_of: Callable[[str], Files]) -> bool:
    """Whether a pair's file is there or will be made by the workflow."""
    path = Path(pair.fill(pattern))
    if path.is_relative_to(generated):
        return True
    return bool(_named(pair, pattern, files_of)) if "*" in pattern else path.exists()


def _named(pair: Pair, pattern: str, files_of: Callable[[str], Files]) -> Sequence[str]:
    """Files of a pair that a pattern with ``*`` names.

    A name that holds further dates may be listed under those: then the pair's own are looked for.
    """
    texts = dict(pair.texts)
    listed = files_of(pattern).get(path_patterns.texts_in(pattern, texts))
    return listed or path_patterns.files_of_texts(pattern, texts)


def _planned(settings: Mapping[str, Any]) -> dict[Pair, Link]:
    """Pairs that the network makes of a scene table."""
    links = choose(read_scenes(settings["scenes"]), _design(settings), _limiting_baselines(settings))
    return {Pair.of(link.first, link.second): link for link in links}


def _limited(found: Sequence[Pair], settings: Mapping[str, Any]) -> dict[Pair, Link]:
    """Judge pairs found on disk by the network's limits, one by one."""
    alone, baselines = replace(_design(settings), predecessors=1, bridge_days=None), _limiting_baselines(settings)
    place = {day: index for index, day in enumerate(sorted({day for p in found for day in (p.date1, p.date2)}))}
    considered = {}
    for pair in sorted(found, key=lambda p: (p.date2, p.date1)):
        (link,) = choose([pair.date1, pair.date2], alone, baselines)
        reason = "found" if link.kept else link.reason
        considered[pair] = replace(link, positions=(place[pair.date1], place[pair.date2]), reason=reason)
    return considered


def _design(settings: Mapping[str, Any]) -> Design:
    """Translate a stack's section ``network``."""
    network = settings["network"]
    limits = network["max_temporal_baseline_days"], network["max_perpendicular_baseline_m"]
    return Design(network["predecessors"], *limits, network["bridge_days"])


def _limiting_baselines(settings: Mapping[str, Any]) -> dict[date, float] | None:
    """Perpendicular baselines, read only where they decide."""
    is_limit = settings["network"]["max_perpendicular_baseline_m"] is not None
    return read_baselines(settings["baselines"]) if is_limit and settings["baselines"] else None


def _found(name: str, pattern: str) -> list[Pair]:
    """Pairs whose phase file exists."""
    where = f"stacks.{name}.phase"
    pairs: dict[str, tuple[Pair, str]] = {}
    for path, texts in path_patterns.matches(pattern):
        pair = _pair_of(texts, path)
        if pair.name in pairs:
            raise InputError(
                f"{where}: both {pairs[pair.name][1]} and {path} hold pair {pair.name}; "
                "expected one file per pair; make the pattern narrower (E13)."
            )
        pairs[pair.name] = (pair, path)
    if not pairs:
        looked = path_patterns.nearest_folder(pattern)
        raise InputError(f"{where}: no file matches '{pattern}' ({looked}); expected one per pair.")
    return [pair for pair, _ in pairs.values()]


def _check_patterns(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse path patterns with unknown placeholders, and a phase pattern that does not tell the dates."""
    for role in ("phase", "coherence", "unwrapped", "header"):
        names = path_patterns.placeholders(settings[role] or "")
        dated = "pair" in names or {"date1", "date2"} <= names
        if names - path_patterns.KNOWN or (role == "phase" and not dated):
            raise InputError(
                f"stacks.{name}.{role}: '{settings[role]}' must contain {{pair}}, or {{date1}} and {{date2}}, and no "
                "other placeholder."
            )


def _pair_of(texts: Mapping[str, str], path: str) -> Pair:
    """Build the pair that a file name's texts describe."""
    first, second = re.split("[-_]", texts["pair"]) if "pair" in texts else (texts["date1"], texts["date2"])
    dates = parse_date(first, path), parse_date(second, path)
    if dates[0] == dates[1]:
        raise InputError(f"{path}: both dates are {dates[0]}; expected two acquisitions; remove or rename the file.")
    return Pair(*dates, tuple({"pair": f"{first}_{second}", "date1": first, "date2": second, **texts}.items()))


def _only(where: str, pattern: str, found: Sequence[str]) -> str:
    """Return the one file that a pattern with ``*`` matches."""
    if len(found) != 1:
        names = ", ".join(found) or "none"
        raise InputError(f"{where}: '{pattern}' matches {len(found)} files ({names}); expected exactly one.")
    return found[0]

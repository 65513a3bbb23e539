"""The files of a folder in groups: one group per kind of file, with a pattern for all its pairs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from basinwatch.errors import InputError
from basinwatch.inspection.names import DatedName, Role, dated, role_of
from basinwatch.readers import sniff

PICTURE = "color_raster"
_MAX_FILES = 200_000


@dataclass(frozen=True)
class Group:
    """Files of one kind, by pair.

    Parameters
    ----------
    pattern
        Path pattern that a stack of the configuration takes.
    role
        What the name says it is.
    producer
        Reader that takes the first file; None if none does.
    paths, names
        File and dates of every pair, by the pair's name.
    doubles
        Files that hold a pair which another file holds as well.
    """

    pattern: str
    role: Role
    producer: str | None
    paths: dict[str, Path]
    names: dict[str, DatedName]
    doubles: tuple[tuple[Path, Path], ...] = ()

    @property
    def first(self) -> str:
        """Name of the earliest pair."""
        return min(self.paths)


@dataclass(frozen=True)
class Found:
    """What lies in a folder, or the one file that was named."""

    root: Path
    groups: list[Group] = field(default_factory=list)
    undated: list[Path] = field(default_factory=list)

    def others(self) -> list[Path]:
        """Files that are of no pair, and those of pairs that are no phase."""
        dated = [path for group in self.groups if group.role == "other" for path in group.paths.values()]
        return self.undated + dated

    def described(self) -> list[str]:
        """One line per group, then the undated files by what they are called."""
        here = f"{self.root.as_posix()}/"
        lines = [
            f"{len(g.paths):>4} pairs  {g.role:<10} {g.producer or '-':<12} {g.pattern.removeprefix(here)}"
            for g in self.groups
        ]
        counts = Counter(_kind(path) for path in self.undated)
        return lines + [f"{count:>4} files without two dates: {kind}" for kind, count in counts.most_common()]


def survey(path: Path, watch: Callable[[Iterator[Path]], Iterable[Path]] = iter) -> Found:
    """Group the files below a folder, or take a single file as it is.

    Parameters
    ----------
    watch
        Gives the files below the folder on as they come, to show how many there were.

    Raises
    ------
    InputError
        If the path does not exist.
    """
    path = path.absolute()
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; expected interferograms; check the path.")
    if path.is_file():
        name = dated(path)
        alone = {name.pair: path} if name else {}
        groups = [_group(name.pattern, alone, {name.pair: name})] if name else []
        return Found(path, groups, [] if name else [path])
    members: dict[str, list[tuple[DatedName, Path]]] = {}
    undated: list[Path] = []
    for file in watch(_files(path)):
        name = dated(file)
        if name is None:
            undated.append(file)
        else:
            members.setdefault(name.pattern, []).append((name, file))
    groups = [_group_of(pattern, members[pattern]) for pattern in sorted(members)]
    return Found(path, sorted(groups, key=lambda group: -len(group.paths)), undated)


def _group_of(pattern: str, members: list[tuple[DatedName, Path]]) -> Group:
    """Group of dated files; of several of one pair the first counts, the others are said."""
    paths: dict[str, Path] = {}
    names: dict[str, DatedName] = {}
    doubles = []
    for name, file in members:
        if name.pair in paths:
            doubles.append((paths[name.pair], file))
        else:
            paths[name.pair], names[name.pair] = file, name
    return _group(pattern, paths, names, tuple(doubles))


def _kind(path: Path) -> str:
    """Describe an undated file for the list."""
    suffix = path.suffix.lower() or "(no suffix)"
    return f"delay {suffix}" if role_of(path.name) == "delay" else suffix


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder in the order of their names; hidden ones and those inside SNAP's folders are left out."""
    count = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not name.endswith(".data"))
        for name in sorted(names):
            if not name.startswith("."):
                count += 1
                if count > _MAX_FILES:
                    raise InputError(f"{folder}: found more than {_MAX_FILES} files; name the folder of one track.")
                yield Path(parent, name)


def _group(
    pattern: str, paths: dict[str, Path], names: dict[str, DatedName], doubles: tuple[tuple[Path, Path], ...] = ()
) -> Group:
    """Group of files, with the reader that takes the first."""
    first = paths[min(paths)]
    role = role_of(first.name)
    producer = producer_of(first) if role in ("phase", "unwrapped", "coherence") else None
    if role == "phase" and producer is None:
        role = "other"
    if producer == PICTURE:
        role = "picture"
    return Group(pattern, role, producer, paths, names, doubles)


def producer_of(path: Path) -> str | None:
    """Reader that takes a file; None if none does."""
    try:
        return sniff(path)
    except InputError:
        return None

"""The stack that a configuration would name for what was found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from basinwatch.inspection.files import Found, Group, producer_of
from basinwatch.inspection.names import role_of

_MIN_SHARE = 0.5
_MAX_UNDATED = 100


@dataclass(frozen=True)
class Proposal:
    """Groups of files that make a stack, or one undated file that makes none.

    Parameters
    ----------
    name
        Name of the stack, after the folder.
    phase
        Pairs to detect in; None for a single undated file.
    coherence, unwrapped
        Groups with (mostly) the same pairs.
    delays
        Folder of the air's delays.
    file
        Phase file of the first pair.
    """

    name: str
    phase: Group | None
    coherence: Group | None
    unwrapped: Group | None
    delays: Path | None
    file: Path

    @property
    def is_unwrapped(self) -> bool:
        """Whether the phase can only be had by wrapping again what was unwrapped."""
        return role_of(self.file.name) == "unwrapped" or (self.phase is not None and self.phase.producer == "opera")

    @property
    def count(self) -> int:
        """Number of pairs."""
        return len(self.phase.paths) if self.phase else 1

    @property
    def days(self) -> set[date]:
        """Acquisitions of all pairs."""
        return {day for name in (self.phase.names.values() if self.phase else ()) for day in (name.first, name.second)}

    @property
    def pattern(self) -> str | None:
        """Pattern of the phase files."""
        return self.phase.pattern if self.phase else None

    @property
    def title(self) -> str:
        """What is shown of it."""
        return f"Pair {self.phase.first}: {self.file}" if self.phase else str(self.file)


def proposals(found: Found) -> list[Proposal]:
    """Stacks that may be meant, the likeliest first: numbers before pictures, wrapped phase before unwrapped.

    Where nothing is dated, single files are proposed to look at.
    """
    name = _stack_name(found.root)
    candidates = [g for g in found.groups if g.role in ("phase", "unwrapped", "picture") and g.producer]
    if candidates:
        return [_stack(name, phase, found) for phase in sorted(candidates, key=_preference)]
    files = [path for path in found.undated if role_of(path.name) in ("phase", "unwrapped")][:_MAX_UNDATED]
    # any GeoTIFF of small numbers could be taken for phase, so in a folder others alone are guessed at
    unlikely = (None,) if found.root.is_file() else (None, "geotiff")
    return [Proposal(name, None, None, None, None, path) for path in files if producer_of(path) not in unlikely]


def _stack(name: str, phase: Group, found: Found) -> Proposal:
    """Join a group of phase with what belongs to it."""
    unwrapped = phase if phase.role == "unwrapped" else _companion(phase, found.groups, "unwrapped")
    coherence = _companion(phase, found.groups, "coherence")
    return Proposal(name, phase, coherence, unwrapped, delays_folder(found.undated), phase.paths[phase.first])


def _preference(group: Group) -> tuple[bool, bool, int, str]:
    """Order of choice, the first the best."""
    return group.role == "picture", group.role == "unwrapped", -len(group.paths), group.pattern


def _companion(phase: Group, groups: Iterable[Group], role: str) -> Group | None:
    """Group of a role that has at least half of the pairs, in the phase's own folder by preference."""
    folder = phase.pattern.rpartition("/")[0]
    fitting = [g for g in groups if g.role == role and g.producer]
    fitting = [g for g in fitting if len(g.paths.keys() & phase.paths.keys()) >= _MIN_SHARE * len(phase.paths)]
    return min(fitting, key=lambda g: (g.pattern.rpartition("/")[0] != folder, g.pattern), default=None)


def delays_folder(files: Iterable[Path]) -> Path | None:
    """Folder of the delay maps; LiCSAR's lie in folders of their dates below it."""
    folders = {path.parent for path in files if role_of(path.name) == "delay"}
    if len(folders) > 1:
        folders = {folder.parent for folder in folders}
    return folders.pop() if len(folders) == 1 else None


def _stack_name(root: Path) -> str:
    """Name a configuration takes, after a file or folder."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", root.absolute().name.split(".")[0]).strip("-").lower()
    return words if re.match("[a-z]", words) else f"stack-{words}".rstrip("-")


def entry(proposal: Proposal, has_coherence: bool, others: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """Entry of ``stacks`` in the configuration: only keys that differ from the defaults.

    Parameters
    ----------
    has_coherence
        Whether the proposed coherence fits the phase.
    others
        What else was found out, by key.
    """
    if proposal.phase is None:
        return {}
    settings: dict[str, Any] = {"phase": proposal.phase.pattern}
    if proposal.is_unwrapped:
        settings["kind"] = "unwrapped"
    if proposal.coherence is not None and has_coherence:
        settings["coherence"] = proposal.coherence.pattern
    unwrapped = proposal.phase if others.get("kind") == "unwrapped" else proposal.unwrapped
    if unwrapped is not None:
        settings["unwrapped"] = unwrapped.pattern
    if proposal.delays is not None:
        settings["delays"] = str(proposal.delays)
    settings |= others
    if not _has_adjacent(proposal.phase):
        settings["detect_pairs"] = "all"
    return {"stacks": {proposal.name: settings}}


def _has_adjacent(group: Group) -> bool:
    """Whether a pair joins consecutive acquisitions."""
    days = sorted({day for pair in group.paths for day in pair.split("_")})
    return any("_".join(neighbours) in group.paths for neighbours in pairwise(days))


def entry_text(proposal: Proposal, has_coherence: bool, others: Mapping[str, str]) -> str:
    """Write the entry as YAML."""
    settings = entry(proposal, has_coherence, others)
    text: str = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=1000)
    return text.rstrip()

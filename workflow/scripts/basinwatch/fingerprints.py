"""Whether files are still what they were, without reading those that look as they did."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from basinwatch.provenance import file_hash

Fingerprint = dict[str, int | str]


class ChangedFileError(ValueError):
    """A file is gone or has another content than it had."""


def fingerprint(path: Path) -> Fingerprint:
    """Size, time and SHA-256 of a file."""
    found = path.stat()
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "sha256": file_hash(path)}


def fingerprints(files: Mapping[str, Path], known: Mapping[str, Fingerprint]) -> dict[str, Fingerprint]:
    """Fingerprints of files by role; of those known, only what has another size or time is read.

    Raises
    ------
    ChangedFileError
        If a known one is gone or has another content.
    """
    gone = [role for role in known if role not in files]
    if gone:
        raise ChangedFileError(f"{gone[0]}: found none, expected the one of the run before")
    found: dict[str, Fingerprint] = {}
    for role, path in files.items():
        before = known.get(role)
        found[role] = before if before and _looks_like(path, before) else fingerprint(path)
        if before and found[role]["sha256"] != before["sha256"]:
            raise ChangedFileError(f"{path}: found another content than in the run before, expected the same")
    return found


def _looks_like(path: Path, before: Fingerprint) -> bool:
    """Whether a file has the size and time of a fingerprint."""
    found = path.stat()
    return (found.st_size, found.st_mtime_ns) == (before["size"], before["mtime_ns"])

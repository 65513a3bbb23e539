"""Paths with placeholders for the dates of a pair, and the files they name.

Pure and light (standard library only): the workflow calls it while it builds the job graph.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from glob import escape, glob
from pathlib import Path

from basinwatch.dates import PATTERN

Files = Mapping[tuple[str, ...], Sequence[str]]

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_TEXTS = {"pair": rf"(?:{PATTERN})[-_](?:{PATTERN})", "date1": PATTERN, "date2": PATTERN}
KNOWN = frozenset(_TEXTS)


def placeholders(pattern: str) -> set[str]:
    """Names in braces."""
    return set(_PLACEHOLDER.findall(pattern))


def fill(pattern: str, texts: Mapping[str, str]) -> str:
    """Put texts into the placeholders of a pattern."""
    return _PLACEHOLDER.sub(lambda m: texts[m[1]], pattern)


def texts_in(pattern: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Texts of a pattern's placeholders in the order in which they first occur: the key of :func:`files_by_texts`."""
    return tuple(texts[name] for name in dict.fromkeys(_PLACEHOLDER.findall(pattern)))


def matches(pattern: str) -> list[tuple[str, dict[str, str]]]:
    """Files that a pattern names, sorted, each with the texts at its placeholders."""
    expression = _regex(pattern)
    paths = sorted(glob(_PLACEHOLDER.sub("*", _escaped(pattern))))
    return [(path, match.groupdict()) for path in paths if (match := expression.fullmatch(path))]


def files_by_texts(pattern: str) -> dict[tuple[str, ...], list[str]]:
    """Files that a pattern names, by the texts at its placeholders; folders are read once for all of them."""
    found: dict[tuple[str, ...], list[str]] = {}
    for path, texts in matches(pattern):
        found.setdefault(texts_in(pattern, texts), []).append(path)
    return found


def files_of_texts(pattern: str, texts: Mapping[str, str]) -> list[str]:
    """Files that a pattern names once texts are put into its placeholders, sorted."""
    return sorted(glob(_escaped(fill(pattern, texts))))


def nearest_folder(pattern: str) -> str:
    """Say how far along the pattern's folders exist."""
    fixed = Path(_PLACEHOLDER.split(pattern)[0].split("*")[0] + "x").parent
    while not fixed.is_dir() and fixed != fixed.parent:
        missing, fixed = fixed, fixed.parent
        if fixed.is_dir():
            return f"folder '{missing}' does not exist"
    return f"looked in '{fixed.resolve()}', which holds {sum(1 for _ in fixed.iterdir())} entries"


def _escaped(pattern: str) -> str:
    """Escape glob characters other than ``*``."""
    return "*".join(escape(part) for part in pattern.split("*"))


def _regex(pattern: str) -> re.Pattern[str]:
    """Turn a path pattern into an expression; a placeholder that recurs must repeat its text."""
    seen: set[str] = set()
    parts = []
    for literal, placeholder in re.findall(r"([^{]*)(?:\{(\w+)\})?", pattern):
        parts.append(".*".join(re.escape(p) for p in literal.split("*")))
        if placeholder and literal.endswith("*"):  # a date is not to begin inside a number
            parts.append(r"(?<!\d)")
        if placeholder:
            parts.append(f"(?P={placeholder})" if placeholder in seen else f"(?P<{placeholder}>{_TEXTS[placeholder]})")
            seen.add(placeholder)
    return re.compile("".join(parts))

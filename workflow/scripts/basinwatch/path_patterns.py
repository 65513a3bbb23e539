"""Paths with placeholders for the dates of a pair, and the files they name.

Pure and light (standard library only): the workflow calls it while it builds the job graph.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from glob import escape, glob
from pathlib import Path

from basinwatch.dates import PATTERN, PATTERNS

Files = Mapping[tuple[str, ...], Sequence[str]]

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
KNOWN = frozenset(("pair", "date1", "date2"))


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
    """Files that a pattern names, sorted, each with the texts at its placeholders.

    Where a name holds further dates, of processing or in a frame's name, the first that fit count, dates of eight
    digits before those of fewer.
    """
    expressions = [_regex(pattern, form) for form in (*PATTERNS, PATTERN)]
    paths = sorted(glob(_PLACEHOLDER.sub("*", _escaped(pattern))))
    found = ((path, next((m for e in expressions if (m := e.fullmatch(path))), None)) for path in paths)
    return [(path, match.groupdict()) for path, match in found if match]


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


def _regex(pattern: str, form: str) -> re.Pattern[str]:
    """Turn a path pattern into an expression for dates of a form; a placeholder that recurs must repeat its text."""
    texts = {"pair": rf"(?:{form})[-_](?:{form})", "date1": form, "date2": form}
    seen: set[str] = set()
    parts = []
    for literal, placeholder in re.findall(r"([^{]*)(?:\{(\w+)\})?", pattern):
        parts.append(".*?".join(re.escape(p) for p in literal.split("*")))
        if placeholder and literal.endswith("*"):  # a date is not to begin inside a number
            parts.append(r"(?<!\d)")
        if placeholder:
            parts.append(f"(?P={placeholder})" if placeholder in seen else f"(?P<{placeholder}>{texts[placeholder]})")
            seen.add(placeholder)
    return re.compile("".join(parts))

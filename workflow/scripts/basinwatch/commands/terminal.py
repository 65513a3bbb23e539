"""Text for people: bold where a terminal shows it, and names that cannot disturb it."""

from __future__ import annotations

import os
import sys


def heading(text: str) -> str:
    """Bold text on a terminal, plain text in a pipe or with NO_COLOR set."""
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text


def printable(text: str) -> str:
    """Text with control characters, which file names may hold, written as their codes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)

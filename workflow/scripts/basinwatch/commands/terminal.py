"""Text for people: bold and progress where a terminal shows them, and names that cannot disturb it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

_EVERY_S = 0.1
Item = TypeVar("Item")


def heading(text: str) -> str:
    """Bold text on a terminal, plain text in a pipe or with NO_COLOR set."""
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text


def printable(text: str) -> str:
    """Text with control characters, which file names may hold, written as their codes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def counting(items: Iterable[Item], what: str) -> Iterator[Item]:
    """Pass items on and show how many there were so far; nothing is written into a pipe, and nothing stays."""
    shown, due = sys.stderr.isatty(), 0.0
    for number, item in enumerate(items, start=1):
        if shown and time.monotonic() >= due:
            print(f"\r{number:,} {what}", end="", file=sys.stderr, flush=True)
            due = time.monotonic() + _EVERY_S
        yield item
    if shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)

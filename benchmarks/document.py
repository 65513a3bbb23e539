"""Where benchmarks write: each between its own two markers of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "benchmarks.md"


def write_tables(name: str, tables: Sequence[str]) -> None:
    """Replace what lies between a benchmark's markers."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, rest = DOCUMENT.read_text().split(begin)
    after = rest.split(end)[1]
    DOCUMENT.write_text(before + begin + "\n" + "\n".join(tables) + "\n" + end + after)

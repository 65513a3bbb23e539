"""What a calibration leaves behind: the table as CSV and Markdown, and the suggestion as a configuration snippet."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from basinwatch.calibration.statistics import STATISTICS
from basinwatch.calibration.suggestion import Suggestion
from basinwatch.calibration.tables import COMPARED, Row, worst_factor

_COLUMNS = (
    "statistic", "real_p10", "real_p50", "real_p90", "simulated_p10", "simulated_p50", "simulated_p90", "factor"
)  # fmt: skip


def to_csv(rows: Sequence[Row]) -> str:
    """Write the table with every digit."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([row.name, *row.real, *row.simulated, row.factor] for row in rows)
    return stream.getvalue()


def to_markdown(rows: Sequence[Row], real_tiles: int, simulated_tiles: int) -> str:
    """Write the table for reading; the rows that realism is judged by come first."""
    lines = [
        f"{real_tiles} real and {simulated_tiles} simulated tiles, quantiles 10 % / 50 % / 90 %; the factor is that of "
        "the medians.",
        "",
        "| statistic | real | simulated | factor |",
        "|---|---|---|---|",
    ]
    for row in rows:
        name = STATISTICS[row.name] + ("" if row.name in COMPARED else " (not judged)")
        lines.append(f"| {name} | {_cell(row.real)} | {_cell(row.simulated)} | {row.factor:.2f} |")
    return "\n".join([*lines, "", f"Worst factor of the rows judged: {worst_factor(rows):.2f}.", ""])


def _cell(quantiles: Sequence[float]) -> str:
    """Three numbers with three or four digits."""
    return " / ".join(f"{value:.0f}" if value >= 100 else f"{value:.3f}" for value in quantiles)


def to_snippet(suggestion: Suggestion, now: Sequence[Row], then: Sequence[Row]) -> str:
    """Write the suggested settings as they go into a configuration, with the medians they promise and keep.

    Parameters
    ----------
    now, then
        Table of the present and of the suggested settings.
    """
    kept = {row.name: row.simulated[1] for row in then}
    lines = [
        "# A suggestion: try it, then calibrate again. Medians:",
        "# statistic: real; simulated now; predicted; simulated with these settings",
    ]
    lines += [
        f"#   {row.name}: {row.real[1]:.4f}; {row.simulated[1]:.4f}; {suggestion.predicted[row.name]:.4f}; "
        f"{kept[row.name]:.4f}"
        for row in now
        if row.name in suggestion.predicted
    ]
    lines.append(f"# worst factor: now {worst_factor(now):.2f}, with these settings {worst_factor(then):.2f}")
    if not suggestion.after:
        return "\n".join([*lines, "# no setting needs to change", "simulation: {}", ""])
    return "\n".join([*lines, "simulation:", "  recipe: custom", *_sections(suggestion.before, suggestion.after), ""])


def _sections(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Lines of the changed settings, grouped."""
    groups = defaultdict(list)
    for name, value in after.items():
        section, key = name.split(".")
        groups[section].append(f"    {key}: {_yaml(value)}  # was {_yaml(before[name])}")
    return [line for section, lines in groups.items() for line in (f"  {section}:", *lines)]


def _yaml(value: Any) -> str:
    """Write a number or a range as YAML."""
    return str(list(value)) if isinstance(value, tuple) else str(value)

"""Put the papers' tables beside the project's own figures.

In: the list of tables, and the figures of every run and seed (``…/{run}/{seed}.json``). Out: ``tables.md`` to read,
``tables.csv`` with one row per figure.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.experiments.paper_tables import compare, read_tables, to_markdown
from basinwatch.provenance import atomic_path, log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def write_tables(tables: Path, figures: Sequence[Path], scale: str, readable: Path, table: Path) -> None:
    """Compare and write."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in figures:
        found.setdefault(path.parent.name, []).append(json.loads(path.read_text(encoding="utf-8")))
    _, published = read_tables(tables)
    compared = compare(published, found)
    with atomic_path(readable) as part:
        part.write_text(to_markdown(published, compared, scale), encoding="utf-8")
    with atomic_path(table) as part:
        compared.to_csv(part, index=False, lineterminator="\n", float_format="%.6g")


if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_tables(
        tables=Path(snakemake.input.tables),
        figures=[Path(path) for path in snakemake.input.figures],
        scale=snakemake.params.scale,
        readable=Path(snakemake.output.readable),
        table=Path(snakemake.output.table),
    )

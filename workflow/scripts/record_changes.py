"""Tell what changed since the last run.

In: basins of an area and the pairs searched; besides, what the last two runs found. Out: ``changes.csv`` (kind, name,
change, before, now: basins that are new, ceased, active again, gone or grown, and pairs that came or went) and the
record for the next run.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.activity.changes import RunRecord, since_last_run
from basinwatch.provenance import atomic_path, log_to
from basinwatch.vectors import read_vectors

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def record_changes(basins: Path, pairs: Sequence[str], runs: Path, table: Path) -> None:
    """Compare, remember and write."""
    changed = since_last_run(runs, RunRecord.of(read_vectors(basins, "basins"), pairs))
    with atomic_path(table) as part:
        changed.to_csv(part, index=False)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    record_changes(
        basins=Path(snakemake.input.basins),
        pairs=snakemake.params.pairs,
        runs=Path(snakemake.output.runs),
        table=Path(snakemake.output.changes),
    )

"""Tell what changed since the last run.

In: basins of an area, the pairs searched and which of them were refused; besides, what the last two runs found. Out:
``changes.csv`` (kind, name, change, before, now: basins that are new, ceased, active again, gone or grown, and pairs
that came or went) and the record for the next run.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.activity.changes import RunRecord, since_last_run
from basinwatch.provenance import atomic_path, log_to, read_json
from basinwatch.refusals import REFUSED
from basinwatch.vectors import read_vectors

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def without_refused(pairs: Sequence[str], descriptions: Sequence[str]) -> list[str]:
    """Leave out the pairs (``stack pair``) that their stacks' descriptions say were refused."""
    known = {path.parent.name: read_json(path)[REFUSED] for path in map(Path, descriptions)}
    gone = {f"{stack} {pair}" for stack, refused in known.items() for pair in refused}
    return [pair for pair in pairs if pair not in gone]


def record_changes(basins: Path, pairs: Sequence[str], runs: Path, table: Path) -> None:
    """Compare, remember and write."""
    changed = since_last_run(runs, RunRecord.of(read_vectors(basins, "basins"), pairs))
    with atomic_path(table) as part:
        changed.to_csv(part, index=False)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    record_changes(
        basins=Path(snakemake.input.basins),
        pairs=without_refused(snakemake.params.pairs, snakemake.input.stacks),
        runs=Path(snakemake.output.runs),
        table=Path(snakemake.output.changes),
    )

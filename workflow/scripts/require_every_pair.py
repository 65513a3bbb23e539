"""Fail as long as a pair cannot be used.

In: what is known of the pairs of every stack, when all products are there. Out: ``every_pair.json`` with the number of
pairs by stack; where one was refused there is none, and the log says why, a sentence for each.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.provenance import log_failure, log_to, read_json, write_json
from basinwatch.refusals import without_rate

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def require_every_pair(descriptions: Sequence[Path], table: Path) -> bool:
    """Write how many pairs every stack has, or log what was refused; tell whether all are there."""
    known = {path.parent.name: read_json(path) for path in descriptions}
    refused = [
        f"Pair {pair} of stack {stack}: {reason}"
        for stack, found in known.items()
        for pair, reason in without_rate(found).items()
    ]
    for sentence in refused:
        log_failure(sentence)
    if not refused:
        write_json(table, {stack: found["pairs"] for stack, found in known.items()})
    return not refused


if __name__ == "__main__":
    log_to(snakemake.log[0])
    if not require_every_pair([Path(path) for path in snakemake.input.stacks], Path(snakemake.output.table)):
        sys.exit(1)

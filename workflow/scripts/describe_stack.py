"""Describe the pairs of a stack.

In: metadata of every pair and, where it came from the producer, its unwrapped phase (of which only the tags are read).
Out: ``stack.json`` with the number of pairs, those that were refused and why, and the metadata of the first of the
others.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.interferogram import read_metadata
from basinwatch.provenance import log_to, write_json
from basinwatch.refusals import describe_pairs

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def describe_stack(name: str, metadata: Sequence[str], unwrapped: Sequence[str], description: str) -> None:
    """Write what is known of all pairs together."""
    given = {path.stem: path for path in map(Path, unwrapped)}
    write_json(description, describe_pairs(name, [read_metadata(path) for path in metadata], given))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    describe_stack(
        name=snakemake.wildcards.stack,
        metadata=snakemake.input.meta,
        unwrapped=snakemake.input.unwrapped,
        description=snakemake.output.description,
    )

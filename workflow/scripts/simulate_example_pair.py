"""Simulate one pair of the built-in example.

In: nothing but the recipe. Out: the filtered interferogram, its coherence and unwrapped phase as big-endian GAMMA
binaries, and their ``.off``. A pair does not depend on which other pairs are made.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.simulation.example import ExampleScene, write_pair
from basinwatch.stacks import parse_date

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_pair(
        folder=Path(snakemake.output.interferogram).parent,
        scene=ExampleScene.from_config(snakemake.params.settings),
        first=parse_date(snakemake.wildcards.date1, "scene"),
        second=parse_date(snakemake.wildcards.date2, "scene"),
    )

"""Simulate one pair of a stack as plain GeoTIFF.

In: nothing but the recipe. Out: wrapped phase, coherence and unwrapped phase. A pair does not depend on which other
pairs are made.
"""

from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.simulation.products.plain import write_pair
from basinwatch.simulation.stack import Pair, SimulatedStack
from basinwatch.stacks import parse_date

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_pair(
        stack=SimulatedStack.from_config(snakemake.params.settings),
        pair=Pair.of(*(parse_date(snakemake.wildcards[key], "scene") for key in ("date1", "date2"))),
        files=dict(snakemake.output.items()),
    )

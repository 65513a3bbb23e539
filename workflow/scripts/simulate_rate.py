"""Write the true rate of a simulated stack between two dates.

In: nothing but the recipe. Out: rate towards the satellite in mm/yr, as the rate map of a stack has it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.simulation.products.truth import write_rate
from basinwatch.simulation.stack import Pair, SimulatedStack
from basinwatch.stacks import parse_date

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_rate(
        stack=SimulatedStack.from_config(snakemake.params.settings),
        pair=Pair.of(*(parse_date(snakemake.wildcards[key], "scene") for key in ("date1", "date2"))),
        rate=Path(snakemake.output.rate),
    )

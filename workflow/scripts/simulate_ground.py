"""Write what is true of the ground of a simulated stack.

In: nothing but the recipe. Out: ``truth.json`` with place, size and history of each mine, and ``heights.tif`` in
metres.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.simulation.products.truth import write_ground
from basinwatch.simulation.stack import SimulatedStack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_ground(
        stack=SimulatedStack.from_config(snakemake.params.settings),
        truth=Path(snakemake.output.truth),
        heights=Path(snakemake.output.heights),
    )

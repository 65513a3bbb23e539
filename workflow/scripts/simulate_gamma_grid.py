"""Write the grid of a simulated GAMMA stack.

In: nothing but the recipe. Out: the ``.dem_par`` that all pairs share.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.simulation.products.gamma import write_grid
from basinwatch.simulation.stack import SimulatedStack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_grid(
        stack=SimulatedStack.from_config(snakemake.params.settings),
        header=Path(snakemake.output.header),
    )

"""Write which slopes of a simulated stack creep downhill.

In: nothing but the recipe. Out: ``slides.gpkg`` with a layer ``slides``: outlines and rates along the slope.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.simulation.products.truth import write_slides
from basinwatch.simulation.stack import SimulatedStack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_slides(SimulatedStack.from_config(snakemake.params.settings), Path(snakemake.output.slides))

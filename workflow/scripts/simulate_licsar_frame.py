"""Write what all pairs of a simulated LiCSAR frame share.

In: nothing but the recipe. Out: ``metadata.txt``, heights, and the parts of the unit vector to the satellite.
"""

from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.simulation.products.licsar import write_frame
from basinwatch.simulation.stack import SimulatedStack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_frame(
        stack=SimulatedStack.from_config(snakemake.params.settings),
        files=dict(snakemake.output.items()),
    )

"""Write the image header of one acquisition of a simulated GAMMA stack.

In: nothing but the recipe. Out: a ``.mli.par`` with date, geometry and radar frequency.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.simulation.products.gamma import write_scene
from basinwatch.simulation.stack import SimulatedStack
from basinwatch.stacks import parse_date

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_scene(
        stack=SimulatedStack.from_config(snakemake.params.settings),
        day=parse_date(snakemake.wildcards.date1, "scene"),
        header=Path(snakemake.output.image),
    )

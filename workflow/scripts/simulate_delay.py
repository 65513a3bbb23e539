"""Write the zenith delay of one acquisition of a simulated stack, as a weather model knows it.

In: nothing but the recipe. Out: ``.ztd`` and ``.ztd.rsc`` as GACOS delivers them. They hold waves longer than about
3 km and what follows the heights; the interferograms hold turbulence of all lengths.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.simulation.products.gacos import write_delay
from basinwatch.simulation.stack import SimulatedStack
from basinwatch.stacks import parse_date

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_delay(
        stack=SimulatedStack.from_config(snakemake.params.settings),
        day=parse_date(snakemake.wildcards.date1, "scene"),
        delay=Path(snakemake.output.delay),
        header=Path(snakemake.output.header),
    )

"""Write the grid and the truth of the built-in example.

In: nothing. Out: a GAMMA ``.dem_par`` that all pairs share, and ``truth.json`` with place, size and history of
each mine.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.simulation.example import ExampleScene, write_grid

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_grid(
        scene=ExampleScene.from_config(snakemake.params.settings),
        header=Path(snakemake.output.header),
        truth=Path(snakemake.output.truth),
    )

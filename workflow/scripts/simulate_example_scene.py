"""Write the image header of one acquisition of the built-in example.

In: nothing. Out: a GAMMA ``.mli.par`` with date, geometry and radar frequency.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.provenance import log_to
from basinwatch.simulation.example import ExampleScene, write_image_header
from basinwatch.stacks import parse_date

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_image_header(
        scene=ExampleScene.from_config(snakemake.params.settings),
        day=parse_date(snakemake.wildcards.date1, "scene"),
        image=Path(snakemake.output.image),
    )

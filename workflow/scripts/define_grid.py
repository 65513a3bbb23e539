"""Define the pixel grid of a stack.

In: the files of the stack's first pair (only headers are read). Out: ``grid.json`` with size, transform, coordinate
system and pixel spacing, and the pair it is from; every other pair is cut or padded to it, or refused.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.errors import InputError
from basinwatch.provenance import log_to, write_json
from basinwatch.readers import PairFiles, read_grid

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def define_grid(files: PairFiles, format: str, grid: Path) -> None:
    """Write the grid of a pair."""
    try:
        found = read_grid(files, format)
    except InputError as error:
        advice = "the stack's grid is read from this pair, so mend it or name another one under grid_pair."
        raise InputError(f"{str(error).rstrip('.')}; {advice}") from error
    earlier, later = sorted((files.date1, files.date2))
    write_json(grid, found.to_dict() | {"pair": f"{earlier:%Y%m%d}_{later:%Y%m%d}"})


if __name__ == "__main__":
    log_to(snakemake.log[0])
    define_grid(
        files=PairFiles.of(snakemake.input, snakemake.params.dates, snakemake.params.options),
        format=snakemake.params.format,
        grid=Path(snakemake.output.grid),
    )

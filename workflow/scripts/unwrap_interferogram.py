"""Unwrap one interferogram.

In: the wrapped interferogram, and the producer's unwrapped phase when there is one. Out: unwrapped phase in radians on
the stack's grid, positive away from the satellite, NaN where there is none. Given phase is taken as it is; otherwise a
minimum-cost-flow solver unwraps the interferogram and keeps its reliable components.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from basinwatch.grid import Grid
from basinwatch.interferogram import place, read_metadata
from basinwatch.provenance import log_to
from basinwatch.rasters import read_raster, read_share, write_raster
from basinwatch.readers import PairFiles, read_unwrapped
from basinwatch.sbas.unwrapping import unwrap
from numpy.typing import NDArray

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def given(path: Path, files: PairFiles, format: str, grid: Grid) -> NDArray[np.float32]:
    """Read the producer's unwrapped phase onto the stack's grid."""
    phase, own = read_unwrapped(path, files, format)
    return place(phase, own, grid, str(path))


def solved(phase: Path, coherence: Path, meta: Path, looks: float) -> NDArray[np.float32]:
    """Unwrap the interferogram."""
    known = read_share(coherence) if read_metadata(meta)["coherence_present"] else None
    return unwrap(read_raster(phase), known, looks)[0]


def unwrap_interferogram(unwrapped: NDArray[np.float32], grid: Grid, output: Path, source: str) -> None:
    """Write unwrapped phase; LERC keeps it within 1e-3 rad."""
    write_raster(
        output,
        unwrapped,
        grid,
        bands=["unwrapped_phase"],
        units="radians",
        tags={"SIGN": "away_positive", "SOURCE": source},
        lerc_error=1e-3,
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    grid = Grid.read(snakemake.input.grid)
    path = snakemake.input.get("unwrapped")
    if path:
        files = PairFiles.of(snakemake.input, snakemake.params.dates, snakemake.params.options)
        phase = given(Path(path), files, snakemake.params.format, grid)
    else:
        interferogram = snakemake.input.phase, snakemake.input.coherence, snakemake.input.meta
        phase = solved(*map(Path, interferogram), looks=snakemake.params.looks)
    unwrap_interferogram(phase, grid, Path(snakemake.output.unwrapped), "given" if path else "whirlwind")

"""Unwrap one interferogram.

In: the wrapped interferogram, and the producer's unwrapped phase when there is one. Out: unwrapped phase in radians on
the stack's grid, positive away from the satellite, NaN where there is none, and the connected components inside which
its cycles are trusted. Given phase is taken as it is; otherwise the configured method unwraps the interferogram.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import place, read_metadata
from basinwatch.provenance import log_to
from basinwatch.rasters import read_raster, read_share, write_raster
from basinwatch.readers import PairFiles, read_unwrapped
from basinwatch.sbas.given_phase import doubts
from basinwatch.sbas.unwrapping import connected_areas, unwrap
from numpy.typing import NDArray

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

log = logging.getLogger("unwrap_interferogram")


def given(path: Path, files: PairFiles, format: str, grid: Grid) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Read the producer's unwrapped phase onto the stack's grid, and hold it against the interferogram."""
    phase, own = read_unwrapped(path, files, format)
    placed = place(phase, own, grid, str(path))
    for doubt in doubts(placed, read_raster(files.phase), str(path)):
        log.warning(doubt)
    return placed, connected_areas(placed)


def solved(
    phase: Path, coherence: Path, meta: Path, looks: float, method: str
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Unwrap the interferogram."""
    if method == "given":
        raise InputError(
            f"{phase}: found no unwrapped phase beside it, expected one because sbas.unwrapping is 'given'; "
            "correct the stack's pattern 'unwrapped' or choose whirlwind."
        )
    known = read_share(coherence) if read_metadata(meta)["coherence_present"] else None
    return unwrap(read_raster(phase), known, looks, method)


def write_unwrapped(path: str, unwrapped: NDArray[np.float32], grid: Grid, source: str) -> None:
    """Write unwrapped phase; LERC keeps it within 1e-3 rad."""
    tags = {"SIGN": "away_positive", "SOURCE": source}
    write_raster(path, unwrapped, grid, bands=["unwrapped_phase"], units="radians", tags=tags, lerc_error=1e-3)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    grid = Grid.read(snakemake.input.grid)
    method, path = snakemake.params.method, snakemake.input.get("unwrapped")
    if path:
        files = PairFiles.of(snakemake.input, snakemake.params.dates, snakemake.params.options)
        phase, components = given(Path(path), files, snakemake.params.format, grid)
    else:
        interferogram = snakemake.input.phase, snakemake.input.coherence, snakemake.input.meta
        phase, components = solved(*map(Path, interferogram), snakemake.params.looks, method)
    write_unwrapped(snakemake.output.unwrapped, phase, grid, method)
    write_raster(snakemake.output.components, components, grid, bands=["component"])

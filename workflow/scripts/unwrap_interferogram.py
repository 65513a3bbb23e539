"""Unwrap one interferogram.

In: the wrapped interferogram, and the producer's unwrapped phase when there is one. Out: unwrapped phase in radians on
the stack's grid, positive away from the satellite, NaN where there is none, and the connected components inside which
its cycles are trusted. Given phase is taken as it is; otherwise the configured method unwraps the interferogram. A
pair that was refused, or whose given phase cannot be used, has none anywhere.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import place, read_metadata
from basinwatch.provenance import log_failure, log_to
from basinwatch.rasters import read_raster, read_share, write_raster
from basinwatch.readers import PairFiles, read_unwrapped
from basinwatch.refusals import REFUSED, are_given_out
from basinwatch.sbas.given_phase import doubts
from basinwatch.sbas.unwrapping import connected_areas, unwrap
from numpy.typing import NDArray

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

log = logging.getLogger("unwrap_interferogram")

# Phase in radians, and its connected components.
Unwrapped = tuple[NDArray[np.float32], NDArray[np.uint32]]


def given(path: Path, files: PairFiles, format: str, grid: Grid) -> Unwrapped:
    """Read the producer's unwrapped phase onto the stack's grid, and hold it against the interferogram."""
    phase, own = read_unwrapped(path, files, format)
    placed = place(phase, own, grid, str(path))
    for doubt in doubts(placed, read_raster(files.phase), str(path)):
        log.warning(doubt)
    return placed, connected_areas(placed)


def given_or_nothing(path: Path, files: PairFiles, format: str, grid: Grid) -> tuple[Unwrapped, str | None]:
    """Read the producer's unwrapped phase; where what it holds cannot be used there is none, and the reason."""
    try:
        return given(path, files, format, grid), None
    except InputError as error:
        if not are_given_out([path, files.header, files.lookup_table]):
            raise
        log_failure(str(error))
        return nothing(grid), str(error)


def nothing(grid: Grid) -> Unwrapped:
    """Stand in for phase that cannot be used."""
    return np.full(grid.shape, np.nan, np.float32), np.zeros(grid.shape, np.uint32)


def solved(phase: Path, coherence: Path, coherence_present: bool, looks: float, method: str) -> Unwrapped:
    """Unwrap the interferogram."""
    if method == "given":
        raise InputError(
            f"{phase}: found no unwrapped phase beside it, expected one because sbas.unwrapping is 'given'; "
            "correct the stack's pattern 'unwrapped' or choose whirlwind."
        )
    return unwrap(read_raster(phase), read_share(coherence) if coherence_present else None, looks, method)


def unwrap_pair(inputs: Mapping[str, Any], params: Mapping[str, Any], grid: Grid) -> tuple[Unwrapped, str | None]:
    """Take or find the unwrapped phase of a pair, and the reason if what was given cannot be used."""
    meta = read_metadata(inputs["meta"])
    if REFUSED in meta:
        return nothing(grid), None
    if inputs.get("unwrapped"):
        files = PairFiles.of(inputs, params["dates"], params["options"])
        return given_or_nothing(Path(inputs["unwrapped"]), files, params["format"], grid)
    phase, coherence = Path(inputs["phase"]), Path(inputs["coherence"])
    return solved(phase, coherence, meta["coherence_present"], params["looks"], params["method"]), None


def write_unwrapped(path: str, unwrapped: NDArray[np.float32], grid: Grid, tags: Mapping[str, str]) -> None:
    """Write unwrapped phase; LERC keeps it within 1e-3 rad."""
    tags = {"SIGN": "away_positive", **tags}
    write_raster(path, unwrapped, grid, bands=["unwrapped_phase"], units="radians", tags=tags, lerc_error=1e-3)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    grid = Grid.read(snakemake.input.grid)
    (phase, components), reason = unwrap_pair(dict(snakemake.input.items()), dict(snakemake.params.items()), grid)
    tags = {"SOURCE": snakemake.params.method} | ({REFUSED.upper(): reason} if reason else {})
    write_unwrapped(snakemake.output.unwrapped, phase, grid, tags)
    write_raster(snakemake.output.components, components, grid, bands=["component"])

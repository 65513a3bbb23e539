"""Ingest one interferogram.

In: a pair's files as its producer wrote them, and the stack's grid. Out: wrapped phase and coherence as GeoTIFF, and
``meta.json``. Phase is in radians, positive away from the satellite, earlier date first; pixels without data are NaN.
Files that hold no interferogram make one without data that says why, so that all other pairs go on.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import onto, write_interferogram
from basinwatch.provenance import log_failure, log_to
from basinwatch.readers import PairFiles, open_interferogram
from basinwatch.refusals import are_given_out, without_data

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

log = logging.getLogger("ingest_interferogram")


def ingest_interferogram(
    files: PairFiles, format: str, grid: Path, phase: Path, coherence: Path, meta: Path, lossless: bool = False
) -> None:
    """Pass a pair onto the stack's grid and into its files, some rows at a time."""
    target = Grid.read(grid)
    try:
        pair = onto(open_interferogram(files, format), target, str(files.phase))
        written = write_interferogram(pair, phase, coherence, meta, lossless)
    except InputError as error:
        if not are_given_out([files.phase, files.coherence, files.header, files.lookup_table]):
            raise
        log_failure(str(error))
        nothing = without_data((files.date1, files.date2), target, str(error))
        written = write_interferogram(nothing, phase, coherence, meta)
    for warning in written["warnings"]:
        log.warning("%s: %s", files.phase, warning)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    ingest_interferogram(
        files=PairFiles.of(snakemake.input, snakemake.params.dates, snakemake.params.options),
        format=snakemake.params.format,
        grid=Path(snakemake.input.grid),
        phase=Path(snakemake.output.phase),
        coherence=Path(snakemake.output.coherence),
        meta=Path(snakemake.output.meta),
        lossless=snakemake.params.lossless,
    )

"""Ingest one interferogram.

In: a pair's files as its producer wrote them, and the stack's grid. Out: wrapped phase and coherence as GeoTIFF, and
``meta.json``. Phase is in radians, positive away from the satellite, earlier date first; pixels without data are NaN.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.grid import Grid
from basinwatch.interferogram import onto, write_interferogram
from basinwatch.provenance import log_to
from basinwatch.readers import PairFiles, open_interferogram

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

log = logging.getLogger("ingest_interferogram")


def ingest_interferogram(
    files: PairFiles, format: str, grid: Path, phase: Path, coherence: Path, meta: Path, lossless: bool = False
) -> None:
    """Pass a pair onto the stack's grid and into its files, some rows at a time."""
    pair = onto(open_interferogram(files, format), Grid.read(grid), str(files.phase))
    for warning in write_interferogram(pair, phase, coherence, meta, lossless)["warnings"]:
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

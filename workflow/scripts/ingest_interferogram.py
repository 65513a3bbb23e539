"""Ingest one interferogram.

In: a pair's files as its producer wrote them, and the stack's grid. Out: wrapped phase and coherence as GeoTIFF, and
``meta.json``. Phase is in radians, positive away from the satellite, earlier date first; pixels without data are NaN.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from basinwatch.grid import Grid
from basinwatch.interferogram import crop_to, write_interferogram
from basinwatch.provenance import log_to
from basinwatch.readers import PairFiles, read_interferogram

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

log = logging.getLogger("ingest_interferogram")


def ingest_interferogram(files: PairFiles, format: str, grid: Path, phase: Path, coherence: Path, meta: Path) -> None:
    """Read a pair, place it on the stack's grid and write it."""
    interferogram = crop_to(read_interferogram(files, format), Grid.read(grid), str(files.phase))
    for warning in interferogram.metadata.get("warnings", []):
        log.warning("%s: %s", files.phase, warning)
    write_interferogram(interferogram, phase, coherence, meta)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    ingest_interferogram(
        files=PairFiles.of(snakemake.input, snakemake.params.dates, snakemake.params.options),
        format=snakemake.params.format,
        grid=Path(snakemake.input.grid),
        phase=Path(snakemake.output.phase),
        coherence=Path(snakemake.output.coherence),
        meta=Path(snakemake.output.meta),
    )

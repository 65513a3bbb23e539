"""Add up the days with activity, pixel by pixel.

In: detections of every pair of a stack. Out: ``activity.tif`` with the days inside a detection, the days observed,
their ratio, the first and last day of activity (days since 1970-01-01), and number and longest of its spells. Surface
activity is the sum of the time spans of the pairs that detect a pixel; time that several pairs cover counts once.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from basinwatch.activity import accumulate
from basinwatch.grid import Grid
from basinwatch.provenance import log_to
from basinwatch.rasters import read_raster, write_raster
from basinwatch.stacks import dates_of
from basinwatch.vectors import burn, read_vectors
from numpy.typing import NDArray

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

BANDS = {"active_days": "days", "observed_days": "observed_days", "active_fraction": "fraction",
         "first_day": "first_day", "last_day": "last_day", "episodes": "episodes", "longest_days": "longest_days",
         "bridged_days": "bridged_days"}  # fmt: skip


def masks(
    instances: Sequence[str], probabilities: Sequence[str], grid: Grid
) -> Iterator[tuple[date, date, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield dates, detected and observed pixels of every pair, in order of time."""
    named = [
        (dates_of(Path(path).parent.name), path, raster) for path, raster in zip(instances, probabilities, strict=True)
    ]
    for (first, second), path, raster in sorted(named):
        yield first, second, burn(read_vectors(path).geometry, grid), read_raster(raster) > 0


def accumulate_activity(instances: Sequence[str], probabilities: Sequence[str], grid: Grid, activity: Path) -> None:
    """Accumulate all pairs and write."""
    total = accumulate(masks(instances, probabilities, grid))
    layers = np.stack([getattr(total, name) for name in BANDS.values()])
    write_raster(activity, layers, grid, bands=list(BANDS))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    accumulate_activity(
        instances=snakemake.input.instances,
        probabilities=snakemake.input.probabilities,
        grid=Grid.read(snakemake.input.grid),
        activity=Path(snakemake.output.activity),
    )

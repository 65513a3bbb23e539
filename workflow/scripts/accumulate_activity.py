"""Add up the days with activity, pixel by pixel.

In: detections of every pair of a stack. Out: ``activity.tif`` with the days inside a detection, the days observed,
their ratio, the first and last day of activity (days since 1970-01-01), and number and longest of its spells. Surface
activity is the sum of the time spans of the pairs that detect a pixel; time that several pairs cover counts once.
``state.npz`` keeps what is known, so that the next run reads the detections of new pairs only.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from basinwatch.activity.update import DetectedPair, update
from basinwatch.grid import Grid
from basinwatch.provenance import log_to
from basinwatch.rasters import read_bands, write_raster
from basinwatch.stacks import dates_of
from basinwatch.vectors import burn, read_vectors
from numpy.typing import NDArray

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

BANDS = {"active_days": "days", "observed_days": "observed_days", "active_fraction": "fraction",
         "first_day": "first_day", "last_day": "last_day", "episodes": "episodes", "longest_days": "longest_days",
         "bridged_days": "bridged_days"}  # fmt: skip


def masks(instances: Path, probability: Path, grid: Grid) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Burn the detections of a pair, and tell what was observed."""
    return burn(read_vectors(instances).geometry, grid), read_bands(probability, "basin_probability")[0] > 0


def detected_pairs(instances: Sequence[str], probabilities: Sequence[str], grid: Grid) -> list[DetectedPair]:
    """Gather the pairs of a stack."""
    files = zip(map(Path, instances), map(Path, probabilities), strict=True)
    return [DetectedPair(*dates_of(found.parent.name), (found, seen), partial(masks, found, seen, grid))
            for found, seen in files]  # fmt: skip


def accumulate_activity(pairs: Sequence[DetectedPair], grid: Grid, code: str, state: Path, activity: Path) -> None:
    """Add up all pairs, of which the state may hold some, and write."""
    known = update(state, pairs, grid.shape, code)
    total = known.activity()
    layers = np.stack([getattr(total, name) for name in BANDS.values()])
    write_raster(activity, layers, grid, bands=list(BANDS))
    known.save(state)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs, grid = snakemake.input, Grid.read(snakemake.input.grid)
    accumulate_activity(
        pairs=detected_pairs(inputs.instances, inputs.probabilities, grid),
        grid=grid,
        code=snakemake.params.code,
        state=Path(snakemake.output.state),
        activity=Path(snakemake.output.activity),
    )

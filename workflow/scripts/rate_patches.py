"""Tell which mine patches are active.

In: outlines of patches, rate maps of the area's stacks if there are any. Out: ``patches.gpkg`` (layer ``patches``:
`id`, `area_m2`, `activity` and what it rests on; a style for QGIS).
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from basinwatch.grid import Grid
from basinwatch.layer_styles import TABLE, style_table
from basinwatch.obia.activity import STYLE, ActivitySettings, RateAround, add_activity
from basinwatch.provenance import log_to
from basinwatch.rasters import read_bands
from basinwatch.vectors import read_vectors, write_geopackage

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

log = logging.getLogger(__name__)


def read_rate(rate: str, quality: str, grid: Grid) -> RateAround:
    """Read the measured part of a rate map."""
    (values,) = read_bands(rate, "rate_mm_yr")
    measured, used, coherence = read_bands(quality, "measured", "n_obs", "mean_coherence")
    return RateAround(np.where(measured > 0, values, np.nan), (used > 0) | np.isfinite(coherence), grid)


def rates_on_maps(inputs: Mapping[str, Any]) -> list[RateAround]:
    """Read rates that have a place on a map; in radar geometry no patch can be found."""
    found = []
    for rate, quality, path in zip(*(inputs.get(role, []) for role in ("rate", "quality", "grids")), strict=True):
        grid = Grid.read(path)
        if grid.geometry == "map":
            found.append(read_rate(rate, quality, grid))
        else:
            log.warning("%s is in radar geometry and tells nothing of mine patches; geocode the stack.", rate)
    return found


def rate_patches(outlines: Path, inputs: Mapping[str, Any], settings: ActivitySettings, patches: Path) -> None:
    """Classify and write."""
    found = add_activity(read_vectors(outlines), rates_on_maps(inputs), settings)
    write_geopackage(patches, {"patches": found, TABLE: style_table({"patches": STYLE})})


if __name__ == "__main__":
    log_to(snakemake.log[0])
    rate_patches(
        outlines=Path(snakemake.input.outlines),
        inputs=dict(snakemake.input.items()),
        settings=ActivitySettings(**snakemake.params.settings),
        patches=Path(snakemake.output.patches),
    )

"""Turn motion east and up into movement down the slope.

In: fused motion of an area, its geometry, an elevation raster. Out: ``slope.tif`` with the movement downhill in mm/yr,
slope and azimuth of the way down in degrees, and of every track the share of such a movement that it sees. No movement
on slopes below 5°.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from basinwatch.fusion.areas import read_onto
from basinwatch.fusion.decomposition import LineOfSight
from basinwatch.fusion.slope import Terrain, from_east_up
from basinwatch.grid import Grid
from basinwatch.provenance import log_to
from basinwatch.rasters import read_bands, write_raster

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def project_downslope(motion: Path, summary: Path, heights: Path, grid: Grid, slope: Path) -> None:
    """Project and write."""
    east, up = read_bands(motion, "east_mm_yr", "up_mm_yr")
    terrain = Terrain.of(read_onto(heights, grid), (grid.pixel_spacing_m[1], grid.pixel_spacing_m[0]))
    layers = {
        "downslope_mm_yr": from_east_up(east, up, terrain),
        "slope_deg": terrain.slope_deg,
        "aspect_deg": terrain.aspect_deg,
    }
    for track in json.loads(summary.read_text(encoding="utf-8"))["tracks"]:
        line = LineOfSight(**track["line_of_sight"])
        layers[f"r_index_{track['stack']}"] = np.abs(line.along(terrain.downhill()))
    write_raster(slope, np.stack(list(layers.values())).astype(np.float32), grid, bands=list(layers))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    project_downslope(
        motion=Path(snakemake.input.motion),
        summary=Path(snakemake.input.summary),
        heights=Path(snakemake.input.heights),
        grid=Grid.read(snakemake.input.grid),
        slope=Path(snakemake.output.slope),
    )

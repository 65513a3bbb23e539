"""Turn the rate of a single track into movement down the slope.

For areas with one direction of flight. In: rate map and geometry of the track, an elevation raster. Out: ``slope.tif``,
bands as from both directions: movement downhill in mm/yr as far as this line of sight shows it, slope and azimuth of
the way down in degrees, and the share of such a movement that it shows.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from basinwatch.fusion.areas import RateMap, mean_of, read_onto, read_rate_map
from basinwatch.fusion.passes import Passes
from basinwatch.fusion.slope import Terrain, from_line_of_sight
from basinwatch.grid import Grid
from basinwatch.provenance import log_to, read_json
from basinwatch.rasters import write_raster

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def read_track(inputs: Mapping[str, str], track: Mapping[str, Any], grid: Grid) -> RateMap:
    """Read rate and geometry of the track."""
    raster = Path(inputs["incidence"]) if "incidence" in inputs else None
    incidence = mean_of(raster) if raster else track["incidence"]
    given = {"heading_deg": track["heading_deg"], "incidence_deg": incidence}
    passes = Passes.of(
        track["stack"],
        read_json(Path(inputs["stack"]))["metadata"],
        read_json(Path(inputs["network"])),
        given,
    )
    return read_rate_map(passes, Path(inputs["rate"]), Path(inputs["quality"]), grid, grid, raster)


def project_single_track(rates: RateMap, heights: Path, grid: Grid, slope: Path) -> None:
    """Project and write."""
    terrain = Terrain.of(read_onto(heights, grid), (grid.pixel_spacing_m[1], grid.pixel_spacing_m[0]))
    movement, r_index = from_line_of_sight(rates.rate, rates.line, terrain)
    layers = {
        "downslope_mm_yr": movement,
        "slope_deg": terrain.slope_deg,
        "aspect_deg": terrain.aspect_deg,
        "r_index": r_index,
    }
    data = np.stack(list(layers.values())).astype(np.float32)
    write_raster(slope, data, grid, bands=list(layers), tags={"STACK": rates.passes.name})


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs, grid = dict(snakemake.input.items()), Grid.read(snakemake.input.grid)
    project_single_track(
        rates=read_track(inputs, snakemake.params.track, grid),
        heights=Path(inputs["heights"]),
        grid=grid,
        slope=Path(snakemake.output.slope),
    )

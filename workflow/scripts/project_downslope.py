"""Turn motion east and up into movement down the slope.

In: fused motion of an area, its geometry, an elevation raster. Out: ``slope.tif`` with the movement downhill in mm/yr,
slope and azimuth of the way down in degrees, and the share of such a movement that the fused motion shows and that
every track sees; ``slope.json`` with how many pixels have no movement and why: slopes below 5°, a share below 0.3,
tracks whose directions are too much alike.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from basinwatch.fusion.areas import read_onto
from basinwatch.fusion.decomposition import LineOfSight
from basinwatch.fusion.slope import LEAST_R_INDEX, LEAST_SLOPE_DEG, Terrain, from_east_up
from basinwatch.grid import Grid
from basinwatch.provenance import log_to, write_json
from basinwatch.rasters import read_bands, write_raster
from numpy.typing import NDArray

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def project_downslope(
    motion: Path, geometry: Mapping[str, Any], heights: Path, grid: Grid, slope: Path, summary: Path
) -> None:
    """Project and write."""
    east, up, weak = read_bands(motion, "east_mm_yr", "up_mm_yr", "is_weak")
    terrain = Terrain.of(read_onto(heights, grid), (grid.pixel_spacing_m[1], grid.pixel_spacing_m[0]))
    added = geometry["added_by_motion_north"]
    movement, r_index = from_east_up(east, up, terrain, (added["east"], added["up"]))
    movement[weak == 1] = np.nan
    layers = {
        "downslope_mm_yr": movement,
        "slope_deg": terrain.slope_deg,
        "aspect_deg": terrain.aspect_deg,
        "r_index": r_index,
    }
    for track in geometry["tracks"]:
        line = LineOfSight(**track["line_of_sight"])
        layers[f"r_index_{track['stack']}"] = np.abs(line.along(terrain.downhill()))
    write_raster(slope, np.stack(list(layers.values())).astype(np.float32), grid, bands=list(layers))
    write_json(summary, counts(layers, np.isfinite(up), weak == 1))


def counts(layers: Mapping[str, NDArray[Any]], fused: NDArray[np.bool_], weak: NDArray[np.bool_]) -> dict[str, int]:
    """Count the fused pixels that have a movement, and those that have none by their reason."""
    flat = fused & ~(layers["slope_deg"] >= LEAST_SLOPE_DEG)
    unseen = fused & ~flat & (layers["r_index"] < LEAST_R_INDEX)
    return {
        "fused_px": int(fused.sum()),
        "downslope_px": int(np.isfinite(layers["downslope_mm_yr"]).sum()),
        "flat_or_unknown_px": int(flat.sum()),
        "hardly_seen_px": int(unseen.sum()),
        "weak_px": int((fused & weak & ~flat & ~unseen).sum()),
    }


if __name__ == "__main__":
    log_to(snakemake.log[0])
    project_downslope(
        motion=Path(snakemake.input.motion),
        geometry=json.loads(Path(snakemake.input.summary).read_text(encoding="utf-8")),
        heights=Path(snakemake.input.heights),
        grid=Grid.read(snakemake.input.grid),
        slope=Path(snakemake.output.slope),
        summary=Path(snakemake.output.summary),
    )

"""Put the rate maps of an area's tracks together.

In: rate, quality, network and metadata of every rated stack, detected basins (not ground at rest) and, where there is
one, an elevation raster. Out: ``motion.tif`` (motion east and up in mm/yr, standard errors, how well the directions
tell them apart) and ``fusion.json`` (geometry, levels, counts). Levels differ smoothly: geographically weighted
regression after Fotheringham, Brunsdon & Charlton (2002).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.fusion.areas import (
    LAYERS,
    FusionSettings,
    Passes,
    RateMap,
    fuse,
    mean_of,
    read_onto,
    read_rate_map,
    require_both_directions,
)
from basinwatch.fusion.slope import Terrain
from basinwatch.grid import Grid, require_common_map
from basinwatch.interferogram import read_metadata
from basinwatch.provenance import log_to, write_json
from basinwatch.rasters import write_raster
from basinwatch.sbas.corrections.reference import near
from basinwatch.vectors import read_vectors

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def read_passes(
    stacks: Sequence[str], inputs: Mapping[str, Any], incidence: Sequence[str | float | None]
) -> list[Passes]:
    """Read how every stack looks at the ground; an incidence is a raster, a number, or what the metadata say."""
    networks = [json.loads(Path(path).read_text(encoding="utf-8")) for path in inputs["network"]]
    metadata = [read_metadata(path) for path in inputs["meta"]]
    angles = [mean_of(Path(given)) if isinstance(given, str) else given for given in incidence]
    return [Passes.of(*facts) for facts in zip(stacks, metadata, networks, angles, strict=True)]


def read_tracks(
    area: str, passes: Sequence[Passes], inputs: Mapping[str, Any], incidence: Sequence[str | float | None],
    grids: Sequence[Grid],
) -> list[RateMap]:  # fmt: skip
    """Read the rate maps of all stacks onto the grid of the first one."""
    require_both_directions(area, passes)
    require_common_map(dict(zip([track.name for track in passes], grids, strict=True)))
    rasters = [Path(given) if isinstance(given, str) else None for given in incidence]
    files = zip(passes, inputs["rate"], inputs["quality"], grids, rasters, strict=True)
    return [read_rate_map(track, rate, quality, own, grids[0], raster) for track, rate, quality, own, raster in files]


def fuse_tracks(
    maps: Sequence[RateMap], inputs: Mapping[str, Any], grid: Grid, config: Mapping[str, Any], stable_mm_yr: float,
    output: Mapping[str, str],
) -> None:  # fmt: skip
    """Fuse and write."""
    detected = read_vectors(inputs["basins"], "basins").to_crs(grid.crs_wkt)
    moving = near(list(detected.geometry), grid, config["buffer_m"])
    spacing_m = grid.pixel_spacing_m[1], grid.pixel_spacing_m[0]
    terrain = Terrain.of(read_onto(inputs["heights"], grid), spacing_m) if "heights" in inputs else None
    bandwidth = config["bandwidth_m"]
    bandwidth_m = tuple(sorted(bandwidth)) if isinstance(bandwidth, list) else bandwidth
    settings = FusionSettings(bandwidth_m, config["first_share"], stable_mm_yr)
    fused = fuse(maps, moving, terrain.aspect_covariates() if terrain else (), spacing_m, settings)
    write_raster(output["motion"], fused.layers, grid, bands=LAYERS)
    write_json(output["summary"], fused.report)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs = dict(snakemake.input.items())
    passes = read_passes(snakemake.params.stacks, inputs, snakemake.params.incidence)
    grids = [Grid.read(path) for path in snakemake.input.grids]
    fuse_tracks(
        maps=read_tracks(snakemake.wildcards.area, passes, inputs, snakemake.params.incidence, grids),
        inputs=inputs,
        grid=grids[0],
        config=snakemake.params.settings,
        stable_mm_yr=snakemake.params.stable_mm_yr,
        output=dict(snakemake.output.items()),
    )

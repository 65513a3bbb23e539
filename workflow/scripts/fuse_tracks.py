"""Put the rate maps and displacement series of an area's tracks together.

In: rate, quality, displacement, network and description of every rated stack, detected basins (not ground at rest) and,
where there is one, an elevation raster. Out: ``motion.tif`` (motion east and up in mm/yr, standard errors, how well the
directions tell them apart), ``displacement_east.tif`` and ``displacement_up.tif`` (one band per date, mm) and
``fusion.json`` (geometry, levels, counts). Levels differ smoothly: geographically weighted regression after
Fotheringham, Brunsdon & Charlton (2002); common dates by Akima (1970).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basinwatch.fusion.areas import (
    LAYERS,
    FusedRates,
    FusionSettings,
    RateMap,
    fuse,
    mean_of,
    read_onto,
    read_rate_map,
)
from basinwatch.fusion.passes import Passes, require_both_directions
from basinwatch.fusion.series import SeriesFile, fused_series
from basinwatch.fusion.slope import Terrain
from basinwatch.fusion.time import common_dates
from basinwatch.grid import Grid, require_common_map
from basinwatch.provenance import log_to, read_json, write_json
from basinwatch.rasters import write_raster
from basinwatch.sbas.corrections.reference import near
from basinwatch.sbas.series_file import series_writer
from basinwatch.vectors import read_vectors

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def read_passes(
    stacks: Sequence[str], inputs: Mapping[str, Any], incidence: Sequence[str | float | None],
    headings_deg: Sequence[float | None],
) -> list[Passes]:  # fmt: skip
    """Read how every stack looks at the ground; an incidence is a raster, a number, or what the metadata say."""
    networks = [read_json(Path(path)) for path in inputs["network"]]
    metadata = [read_json(Path(path))["metadata"] for path in inputs["stacks"]]
    angles = [mean_of(Path(given)) if isinstance(given, str) else given for given in incidence]
    given = [{"heading_deg": h, "incidence_deg": i} for h, i in zip(headings_deg, angles, strict=True)]
    return [Passes.of(*facts) for facts in zip(stacks, metadata, networks, given, strict=True)]


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


def fuse_rates(
    maps: Sequence[RateMap], inputs: Mapping[str, Any], grid: Grid, config: Mapping[str, Any], stable_mm_yr: float
) -> FusedRates:
    """Fuse the rate maps."""
    detected = read_vectors(inputs["basins"], "basins").to_crs(grid.crs_wkt)
    moving = near(list(detected.geometry), grid, config["buffer_m"])
    spacing_m = grid.pixel_spacing_m[1], grid.pixel_spacing_m[0]
    terrain = Terrain.of(read_onto(inputs["heights"], grid), spacing_m) if "heights" in inputs else None
    bandwidth = config["bandwidth_m"]
    bandwidth_m = tuple(sorted(bandwidth)) if isinstance(bandwidth, list) else bandwidth
    settings = FusionSettings(bandwidth_m, config["first_share"], stable_mm_yr)
    return fuse(maps, moving, terrain.aspect_covariates() if terrain else (), spacing_m, settings)


def fuse_tracks(
    maps: Sequence[RateMap], series: Sequence[SeriesFile], fused: FusedRates, grid: Grid, max_gap_days: float,
    output: Mapping[str, str],
) -> None:  # fmt: skip
    """Fuse the series and write all products."""
    dates = common_dates(series[0].dates, [file.dates for file in series[1:]])
    with (
        series_writer(output["displacement_east"], grid, dates, {"SIGN": "east_positive"}) as write_east,
        series_writer(output["displacement_up"], grid, dates, {"SIGN": "up_positive"}) as write_up,
    ):
        for window, (east, up) in fused_series(series, maps, fused.levels_mm_yr, grid, max_gap_days):
            write_east(window, east)
            write_up(window, up)
    write_raster(output["motion"], fused.layers, grid, bands=LAYERS)
    write_json(output["summary"], fused.report | {"dates": [day.isoformat() for day in dates]})


if __name__ == "__main__":
    log_to(snakemake.log[0])
    inputs, params = dict(snakemake.input.items()), snakemake.params
    passes = read_passes(params.stacks, inputs, params.incidence, params.heading_deg)
    grids = [Grid.read(path) for path in snakemake.input.grids]
    maps = read_tracks(snakemake.wildcards.area, passes, inputs, params.incidence, grids)
    files = zip(inputs["displacement"], inputs["quality"], grids, strict=True)
    fuse_tracks(
        maps=maps,
        series=[SeriesFile.open(Path(displacement), Path(quality), own) for displacement, quality, own in files],
        fused=fuse_rates(maps, inputs, grids[0], params.settings, params.stable_mm_yr),
        grid=grids[0],
        max_gap_days=params.settings["max_gap_days"],
        output=dict(snakemake.output.items()),
    )

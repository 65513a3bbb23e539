"""Link detections into basins.

In: merged detections of every pair of an area, and the probability rasters, which say where a pair saw anything. Out:
``basins.gpkg`` (layer ``basins``: k1…kN with first and last date, days, state; layer ``detections``: every detection
with its basin) and ``timeline.csv`` (basin × pair: observed, detected, score, area).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from basinwatch.activity import coverage, describe, timeline
from basinwatch.grid import Grid
from basinwatch.linking import LinkSettings, link, outlines
from basinwatch.provenance import atomic_path, log_to
from basinwatch.rasters import read_bands
from basinwatch.stacks import dates_of
from basinwatch.vectors import read_vectors, write_geopackage
from numpy.typing import NDArray

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def observations(probabilities: Sequence[Path]) -> Iterator[tuple[str, date, date, NDArray[np.bool_]]]:
    """Yield name, dates and observed pixels of each pair."""
    for path in probabilities:
        pair = path.parent.name
        yield pair, *dates_of(pair), read_bands(path, "basin_probability")[0] > 0


def link_settings(config: Mapping[str, Any], pairs: int) -> LinkSettings:
    """Translate the configuration's section; no basin can be asked for in more pairs than there are."""
    return LinkSettings(**{**config, "min_detections": min(config["min_detections"], pairs)})


def link_basins(
    mosaics: Sequence[str], probabilities: Mapping[str, Sequence[Path]], grids: Mapping[str, Grid],
    settings: Mapping[str, Any], basins: Path, table: Path,
) -> None:  # fmt: skip
    """Link, describe and write."""
    detections = pd.concat([read_vectors(path, "detections") for path in mosaics], ignore_index=True)
    linked = link(gpd.GeoDataFrame(detections), link_settings(settings, len(mosaics)))
    found = outlines(linked)
    covered = [
        coverage(
            found if grid.crs_wkt is None else found.to_crs(grid.crs_wkt),
            observations(probabilities[stack]),
            stack,
            grid,
        )
        for stack, grid in grids.items()
    ]
    rows = timeline(linked, pd.concat(covered, ignore_index=True))
    write_geopackage(basins, {"basins": describe(found, rows), "detections": linked})
    with atomic_path(table) as part:
        rows.to_csv(part, index=False, float_format="%.6g")


if __name__ == "__main__":
    log_to(snakemake.log[0])
    stacks = [Path(path).parent.name for path in snakemake.input.grids]
    rasters = [Path(path) for path in snakemake.input.probabilities]
    link_basins(
        mosaics=snakemake.input.mosaics,
        probabilities={stack: [path for path in rasters if path.parents[3].name == stack] for stack in stacks},
        grids={stack: Grid.read(path) for stack, path in zip(stacks, snakemake.input.grids, strict=True)},
        settings=snakemake.params.settings,
        basins=Path(snakemake.output.basins),
        table=Path(snakemake.output.timeline),
    )

"""Files of a simulated orthophoto."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np

from basinwatch.rasters import write_raster
from basinwatch.simulation.orthophoto import BANDS, OrthophotoSettings, draw_orthophoto
from basinwatch.vectors import polygons_of, write_geopackage


def write_orthophoto(settings: OrthophotoSettings, image: Path, reference: Path, land_cover: Path) -> None:
    """Draw an orthophoto and write its bands, its patches (layer ``patches``: `id`, `kind`) and its land cover."""
    drawn, grid = draw_orthophoto(settings), settings.grid
    write_raster(image, drawn.bands, grid, bands=BANDS)
    numbers = np.arange(1, len(drawn.kinds) + 1)
    patches = gpd.GeoDataFrame(
        {"id": [f"r{number}" for number in numbers], "kind": list(drawn.kinds)},
        geometry=polygons_of(drawn.patches, grid),
        crs=grid.crs_wkt,
    )
    write_geopackage(reference, {"patches": patches})
    write_raster(land_cover, drawn.land_cover, grid, bands=["land_cover"])

"""Ground that mine patches cannot lie on: buildings, cropland, water."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from basinwatch.errors import InputError
from basinwatch.given_vectors import POLYGONS, read_given
from basinwatch.grid import Grid
from basinwatch.rasters import open_raster
from basinwatch.vectors import burn

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OtherGround:
    """Pixels (y, x) that are other ground, and what a reader should know about the files."""

    mask: NDArray[np.bool_]
    remarks: tuple[str, ...] = ()


def read_other_ground(
    land_cover: str | Path | None, outlines: str | Path | None, grid: Grid, classes: Sequence[int]
) -> OtherGround:
    """Put a land-cover raster and a vector file together on the grid of a picture.

    Parameters
    ----------
    land_cover
        Raster of classes, brought to the grid by the nearest pixel; None without.
    outlines
        Vector file of polygons; None without.
    classes
        Classes that are other ground.

    Raises
    ------
    InputError
        If a file cannot be read or has no coordinate system.
    """
    mask, remarks = np.zeros(grid.shape, bool), []
    if land_cover is not None:
        with open_raster(land_cover) as source:
            if source.crs is None:
                raise InputError(f"{land_cover}: found no coordinate system, expected one; assign it to the file.")
            if CRS.from_wkt(source.crs.to_wkt()) != CRS.from_wkt(str(grid.crs_wkt)):
                remarks.append(f"{land_cover} was brought from {source.crs.to_string()} to the picture's grid.")
                log.warning(remarks[-1])
            mask |= np.isin(_onto(source, grid), list(classes))
    if outlines is not None:
        given = read_given(outlines, CRS.from_wkt(str(grid.crs_wkt)), POLYGONS)
        mask |= burn(given.frame.geometry, grid)
        remarks += given.remarks
    return OtherGround(mask, tuple(remarks))


def _onto(source: rasterio.DatasetReader, grid: Grid) -> NDArray[np.generic]:
    """First band of a raster at the nearest pixels of a grid."""
    options = {"crs": grid.crs_wkt, "transform": grid.affine, "width": grid.width, "height": grid.height}
    with WarpedVRT(source, resampling=Resampling.nearest, **options) as warped:
        values: NDArray[np.generic] = warped.read(1)
    return values

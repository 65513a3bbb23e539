"""Vector files that a user gives besides the interferograms, such as permits and roads."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import shapely
from pyproj import CRS

from basinwatch.errors import InputError
from basinwatch.vectors import read_vectors

log = logging.getLogger(__name__)

POLYGONS = frozenset({"Polygon", "MultiPolygon"})
LINES_AND_POLYGONS = POLYGONS | {"LineString", "MultiLineString"}
ANY_KIND = LINES_AND_POLYGONS | {"Point", "MultiPoint"}
_EQUAL_AREA = 6933


@dataclass(frozen=True)
class GivenVectors:
    """Features in the wanted coordinate system, and what a reader of the results should know about their file."""

    frame: gpd.GeoDataFrame
    remarks: tuple[str, ...]


def read_given(path: str | Path, crs: CRS, kinds: Collection[str], layer: str | None = None) -> GivenVectors:
    """Read a vector file, bring it to a coordinate system and mend its outlines.

    Parameters
    ----------
    crs
        Coordinate system of the result.
    kinds
        Types of geometry that make sense here.
    layer
        Of a file that has several; None reads the first one.

    Returns
    -------
    GivenVectors
        Features without a geometry are left out. The remarks, which the log has too, tell of another coordinate
        system, of outlines that cross themselves, and of a file without features.

    Raises
    ------
    InputError
        If the file cannot be read, has no coordinate system, or holds no or another type of geometry.
    """
    found = read_vectors(path, layer)
    if not isinstance(found, gpd.GeoDataFrame):
        raise InputError(f"{path}: found a table without geometry, expected {' or '.join(sorted(kinds))}; correct it.")
    present = found[~(found.geometry.isna() | found.geometry.is_empty)]
    others = sorted(set(present.geom_type) - set(kinds))
    if others:
        raise InputError(f"{path}: found {', '.join(others)}, expected {' or '.join(sorted(kinds))}; convert the file.")
    if present.crs is None:
        raise InputError(f"{path}: found no coordinate system, expected one; assign it to the file.")
    remarks = [] if len(present) else [f"{path} holds no features."]
    if present.crs != crs:
        remarks.append(f"{path} was brought from {present.crs.name} to {crs.name}.")
        present = present.to_crs(crs)
    crossed = ~present.geometry.is_valid
    if crossed.any():
        remarks.append(f"{path}: {int(crossed.sum())} outlines cross themselves and were mended.")
        present = present.set_geometry(shapely.make_valid(present.geometry.array))
    for remark in remarks:
        log.warning(remark)
    return GivenVectors(present.reset_index(drop=True), tuple(remarks))


def metric_crs(frame: gpd.GeoDataFrame, what: str) -> CRS:
    """Return the frame's own coordinate system if it is in metres, else the UTM zone of its middle.

    An empty frame without metres gets one of equal area for the whole world.

    Raises
    ------
    InputError
        If the frame is in radar geometry; `what` names it.
    """
    if frame.crs is None:
        raise InputError(f"{what}: found radar geometry, expected a map to measure distances on; geocode the stack.")
    in_metres = frame.crs.is_projected and frame.crs.axis_info[0].unit_conversion_factor == 1
    if in_metres:
        return frame.crs
    return CRS.from_epsg(_EQUAL_AREA) if frame.empty else frame.estimate_utm_crs()

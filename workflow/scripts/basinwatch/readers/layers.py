"""Rasters of the scene beside the interferograms: terrain heights and incidence angles, as producers leave them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.raster_limits import require_room
from basinwatch.rasters import grid_of, open_raster
from basinwatch.readers import checks, gamma_headers, gamma_map, geotiff, isce, lookup_table, raw_binary, roi_pac
from basinwatch.readers.raw_binary import Layout
from basinwatch.readers.survey import survey
from basinwatch.rows import Rows

Layer = Literal["heights", "incidence"]
_SRTM_TILE = re.compile(r"^[NS]\d{2}[EW]\d{3}\D*.*\.hgt$", re.IGNORECASE)
_ELEVATION = re.compile(r"lv_theta")
_UP = re.compile(r"\.geo\.U\.tif$")
_VOID_M = -32767
_HALF_TURN_RAD = np.pi / 2
_GAMMA_TYPES = {"REAL*4": ("f", 4), "INTEGER*2": ("i", 2)}


def open_layer(path: Path, layer: Layer, crs: str | None = None, table: Path | None = None) -> tuple[Rows, Grid]:
    """Open heights in metres or incidence in degrees from the vertical; NaN where there is none.

    Angles may be stored in degrees or radians, as elevation of the satellite (``lv_theta``) or as upward part of the
    unit vector to it (LiCSAR's ``.geo.U.tif``).

    Parameters
    ----------
    path
        GeoTIFF, SRTM tile, ENVI raster, or a binary of GAMMA, ISCE2 or ROI_PAC with its header.
    crs
        Coordinate system of a GAMMA map whose header does not tell it.
    table
        Look-up table that brings a raster in radar geometry onto a map; None leaves it there.

    Raises
    ------
    InputError
        If the raster or the table cannot be read, or holds no such numbers.
    """
    checks.reject_unreadable(path)
    rows, grid = _stored(path, layer, crs)
    if table is not None and grid.geometry == "radar":
        found = lookup_table.open_table(table, path, grid, crs)
        rows, grid = lookup_table.on_map(rows, found, "number"), found.grid
    if layer == "heights":
        return rows.through(_without_voids), grid
    return rows.through(_to_degrees(path, rows)), grid


def _stored(path: Path, layer: Layer, crs: str | None) -> tuple[Rows, Grid]:
    """Numbers as they are stored, NaN where the producer says no data."""
    if isce.is_image(path):
        image = isce.read_image(path)
        return raw_binary.band_rows(path, image.layout, 1).through(_float), image.grid
    if roi_pac.is_image(path):
        return roi_pac.open_heights(path)
    if _SRTM_TILE.match(path.name):
        return _raster(path, "SRTMHGT")
    if geotiff.is_tiff(path) or geotiff.has_envi_header(path):
        return _raster(path, geotiff.driver_of(path))
    return _gamma(path, crs)


def _raster(path: Path, driver: str) -> tuple[Rows, Grid]:
    """First band of one of GDAL's rasters."""
    with open_raster(path, driver) as source:
        require_room(path, source.width * source.height)
        rows = geotiff.raster_rows(path, driver, source, 1)
        return rows.through(geotiff.to_numbers(source, 1)), grid_of(source)


def _gamma(path: Path, crs: str | None) -> tuple[Rows, Grid]:
    """Binary of GAMMA: real numbers, or the integers that the header of a DEM declares."""
    size = path.stat().st_size
    tried = list(gamma_headers.candidates(path, (), None))
    for header in tried:
        declared = header.keys.get("data_format", "REAL*4").upper()
        # the type is that of the DEM alone, other rasters on its map are real
        for kind, item_bytes in dict.fromkeys((_GAMMA_TYPES.get(declared, ("f", 4)), ("f", 4))):
            if size == header.width * header.lines * item_bytes:
                return _gamma_rows(path, header, f"{kind}{item_bytes}"), gamma_map.grid_of(header, crs)
    names = ", ".join(f"{h.path.name}: {h.width}x{h.lines}" for h in tried[:4]) or "none"
    raise InputError(
        f"{path}: found {size} bytes and as headers {names}; expected a GeoTIFF, an SRTM tile, or the binary of a "
        "processor with its header beside it; export the raster as GeoTIFF (E02)."
    )


def _gamma_rows(path: Path, header: gamma_headers.Header, kind: str) -> Rows:
    """Rows of a GAMMA binary, NaN where 0; a DEM's values are scaled as its header says."""
    order = ">"
    if kind == "f4":
        order, _ = checks.byte_order(path, gamma_headers.sample_words(path))
    layout = Layout(header.width, header.lines, 1, np.dtype(order + kind), "BSQ", header.path)
    rows = raw_binary.stored_rows(path, layout, 1, header.lines).through(raw_binary.radians)
    if "DEM_scale" not in header.keys or not path.name.lower().endswith(("dem", "dem_seg")):
        return rows
    scale, offset = np.float32(header.number("DEM_scale")), np.float32(header.number("DEM_hgt_offset"))
    return rows.through(lambda block: block * scale + offset)


def _float(values: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers as float32, NaN where 0: no ground and no angle."""
    return np.where(values != 0, values, np.nan).astype(np.float32)


def _without_voids(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """NaN in place of the marks for voids."""
    return np.where(values > _VOID_M, values, np.float32(np.nan))


def _to_degrees(path: Path, rows: Rows) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """How the numbers of a file become degrees from the vertical.

    Raises
    ------
    InputError
        If they are neither degrees nor radians.
    """
    found = survey(rows)
    if found.finite and not (found.low >= -1e-3 and found.high <= 90):
        raise InputError(
            f"{path}: found numbers from {found.low:.4g} to {found.high:.4g}, expected angles of 0 to 90 degrees or 0 "
            "to pi/2; name a raster of the incidence (E19)."
        )
    is_up, is_elevation = bool(_UP.search(path.name)), bool(_ELEVATION.search(path.name))
    in_radians = found.high <= _HALF_TURN_RAD + 1e-3

    def change(values: NDArray[np.float32]) -> NDArray[np.float32]:
        known = np.where(values > 0, values, np.float32(np.nan))
        if is_up:
            return np.degrees(np.arccos(np.clip(known, 0, 1)))
        degrees = np.degrees(known) if in_radians else known
        return 90 - degrees if is_elevation else degrees

    return change

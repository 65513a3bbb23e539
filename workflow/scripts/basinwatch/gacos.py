"""Zenith delays of the GACOS service: one file per date, raw with a text header or GeoTIFF."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.windows import Window

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.raster_limits import require_room
from basinwatch.rasters import grid_of, open_raster
from basinwatch.stacks import parse_date

_NAME = re.compile(r"(?P<date>.*)\.ztd(\.+tiff?)?|(?P<day>\d{8})\.tiff?", re.IGNORECASE)
_SIZE_KEYS = ("WIDTH", "FILE_LENGTH")
_PLACE_KEYS = ("X_FIRST", "X_STEP", "Y_FIRST", "Y_STEP")
_PLAUSIBLE_M = (1.0, 3.0)
_CENTIMETRES = 100
_MAX_HEADER_BYTES = 2**16
_ENOUGH = 10_000
_VALUE_BYTES = 4
_TIFF = "GTiff"


@dataclass(frozen=True)
class ZenithDelay:
    """Zenith total delay of one date.

    Parameters
    ----------
    values
        Metres, (y, x), north row first; NaN where there is none.
    grid
        Placement in EPSG:4326.
    date
        Day of the file's name.
    hour_utc
        Time of day in hours; None where the file does not tell it.
    """

    values: NDArray[np.float32]
    grid: Grid
    date: date
    hour_utc: float | None


def scan(folder: str | Path) -> dict[date, Path]:
    """List the delay files of a folder by date, oldest first: ``YYYYMMDD.ztd``, ``.ztd.tif`` or ``.tif``.

    Raises
    ------
    InputError
        If the folder holds none, two of one date, or one whose name tells no date.
    """
    found: dict[date, Path] = {}
    paths = sorted(Path(folder).iterdir()) if Path(folder).is_dir() else []
    for path in paths:
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        day = _date_of(path)
        if day in found:
            raise InputError(
                f"{folder}: found both {found[day].name} and {path.name}, expected one file per date; remove one."
            )
        found[day] = path
    if not found:
        raise InputError(
            f"{folder}: found no GACOS delay, expected a folder of files YYYYMMDD.ztd with YYYYMMDD.ztd.rsc, or "
            "YYYYMMDD.ztd.tif; correct the folder's name."
        )
    return dict(sorted(found.items()))


def read_zenith_delay(path: str | Path) -> ZenithDelay:
    """Read one file whole.

    Raises
    ------
    InputError
        If the header is missing or unreadable, the size does not fit it, or the values are no
        zenith delays in metres.
    """
    path = Path(path)
    grid, hour = _header(path)
    values = read_values(path, grid)
    if not np.isfinite(values).any():
        raise InputError(f"{path}: found no delay at all, expected metres; download the file again.")
    return ZenithDelay(values, grid, _date_of(path), hour)


def read_grid(path: str | Path) -> Grid:
    """Read only the placement of one file, and compare its size with the header's.

    Raises
    ------
    InputError
        If the header is missing or unreadable, or the size does not fit it.
    """
    return _header(Path(path))[0]


def read_values(
    path: str | Path, grid: Grid, rows: slice = slice(None), columns: slice = slice(None)
) -> NDArray[np.float32]:
    """Read a window of one file: metres, (y, x), NaN where there is no delay.

    Parameters
    ----------
    path, grid
        The file and its :func:`read_grid`.
    rows, columns
        Window in pixels.

    Raises
    ------
    InputError
        If the values are no zenith delays in metres.
    """
    if _is_geotiff(Path(path)):
        with open_raster(path, _TIFF) as source:
            window = Window.from_slices(rows, columns, height=grid.height, width=grid.width)
            stored = source.read(1, window=window, masked=True).filled(0)
    else:
        stored = np.memmap(path, "<f4", "r", shape=grid.shape)[rows, columns]
    values = np.where((stored == 0) | ~np.isfinite(stored), np.nan, stored).astype(np.float32)
    _require_plausible(path, values)
    return values


def read_degrees_grid(path: str | Path) -> Grid:
    """Read the placement of a GeoTIFF of delays.

    Raises
    ------
    InputError
        If it cannot be read, has no longitude and latitude, or declares more pixels than it can hold.
    """
    with open_raster(path, _TIFF) as source:
        require_room(Path(path), source.width * source.height)
        grid = grid_of(source)
    if grid.crs_wkt is None or not CRS.from_wkt(grid.crs_wkt).is_geographic:
        found = "no coordinate reference system" if grid.crs_wkt is None else CRS.from_wkt(grid.crs_wkt).name
        raise InputError(f"{path}: found {found}, expected EPSG:4326; download the file again, or warp it.")
    return grid


def header_of(path: Path) -> Path | None:
    """Path of the text header that belongs to a file; a GeoTIFF has none."""
    return None if _is_geotiff(path) else _rsc_of(path)


def _rsc_of(path: Path) -> Path:
    """Path of a raw file's text header."""
    return path.with_name(f"{path.name}.rsc")


def _date_of(path: Path) -> date:
    """Day that a file's name tells."""
    match = _NAME.fullmatch(path.name)
    text = str(match["date"] or match["day"]) if match else path.name
    if not re.fullmatch(r"\d{8}", text):
        raise InputError(f"{path}: found no date in the name, expected YYYYMMDD.ztd or YYYYMMDD.ztd.tif; rename it.")
    return parse_date(text, str(path))


def _is_geotiff(path: Path) -> bool:
    """Whether the name is one of a GeoTIFF."""
    return path.suffix.lower() in (".tif", ".tiff")


def _header(path: Path) -> tuple[Grid, float | None]:
    """Placement and time of day of a file."""
    return (read_degrees_grid(path), None) if _is_geotiff(path) else _read_rsc(path)


def _read_rsc(path: Path) -> tuple[Grid, float | None]:
    """Read the text header beside a raw file; its first place is the centre of the first pixel."""
    header = _rsc_of(path)
    if not header.is_file():
        raise InputError(f"{header}: not found, expected the header of {path.name}; put it beside that file.")
    with header.open(encoding="latin-1") as stream:
        lines = [line.split(maxsplit=1) for line in stream.read(_MAX_HEADER_BYTES).splitlines()]
    keys = {line[0]: line[1].strip() for line in lines if len(line) == 2}
    width, height = (_number(header, keys, key) for key in _SIZE_KEYS)
    grid = _placed(header, width, height, *(_number(header, keys, key) for key in _PLACE_KEYS))
    size = path.stat().st_size if path.is_file() else 0
    if size != _VALUE_BYTES * grid.width * grid.height:
        raise InputError(
            f"{path}: found {size} bytes, expected {_VALUE_BYTES * grid.width * grid.height} for the {grid.width} x "
            f"{grid.height} pixels of {header.name}; download the file again."
        )
    return grid, _hour(keys.get("TIME_OF_DAY", ""))


def _placed(header: Path, width: float, height: float, x: float, step_x: float, y: float, step_y: float) -> Grid:
    """Grid of a header's numbers; refuse one that is not on the Earth."""
    is_whole = width >= 1 and height >= 1 and width == int(width) and height == int(height)
    if not is_whole or step_x <= 0 or step_y >= 0:
        raise InputError(
            f"{header}: found {width:g} x {height:g} pixels of {step_x} x {step_y} degrees, expected at least one "
            "pixel, X_STEP above and Y_STEP below 0; download the file again."
        )
    if y > 90 or y + height * step_y < -90.1 or x < -360 or x + width * step_x > 360.1:
        raise InputError(
            f"{header}: found a map from {x:g}, {y:g} in {width:g} x {height:g} steps of {step_x:g} x {step_y:g}, "
            "expected degrees of longitude and latitude; download the file again."
        )
    transform = Affine(step_x, 0, x - step_x / 2, 0, step_y, y - step_y / 2)
    return Grid.from_map(int(width), int(height), transform, "EPSG:4326")


def _number(header: Path, keys: dict[str, str], key: str) -> float:
    """Return the number of a header's key."""
    number = re.fullmatch(r"[-+]?\d{1,20}(?:\.\d*)?(?:[eE][-+]?\d{1,2})?", keys.get(key, ""))
    if number is None:
        found = repr(keys[key]) if key in keys else "nothing"
        raise InputError(f"{header}: found {found} for {key}, expected a number; download the file again.")
    return float(number[0])


def _hour(text: str) -> float | None:
    """Hours of ``16.5`` or ``16.5UTC``; None for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*(?:UTC)?", text)
    return float(match[1]) if match else None


def _require_plausible(path: str | Path, values: NDArray[np.float32]) -> None:
    """Refuse values that are no zenith delays: another byte order, radians, centimetres."""
    known = values[np.isfinite(values)]
    low, high = _PLAUSIBLE_M
    median = float(np.median(known[:: 1 + known.size // _ENOUGH])) if known.size else low
    if not low <= median <= high:
        raise InputError(
            f"{path}: found a median of {median:.3g}, expected {low:g} to {high:g} m of zenith delay in little-endian "
            f"order; {_suspicion(median)} (E20)."
        )


def _suspicion(median: float) -> str:
    """Name what numbers that are no metres of zenith delay may be, and what to do."""
    if _PLAUSIBLE_M[1] < median < _CENTIMETRES:
        return "slant delay in radians is named YYYYMMDD.sltd.geo.tif, so check which it is"
    if _CENTIMETRES <= median <= _CENTIMETRES * _PLAUSIBLE_M[1]:
        return "these look like centimetres, convert them to metres"
    return "check byte order and unit, or download the file again"

"""netCDF files through GDAL: variables by name, coordinates, and what the file is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.errors import InputError
from basinwatch.raster_limits import require_room
from basinwatch.rasters import open_raster
from basinwatch.readers.netcdf_header import require_sound

_DRIVER = "netCDF"
_MAGICS = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF")


def is_netcdf(path: Path) -> bool:
    """Whether a file starts like a classic netCDF or an HDF5 file."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(4) in _MAGICS


def layer(path: Path, variable: str) -> str:
    """Name by which GDAL reads a variable.

    Raises
    ------
    InputError
        If there is no such variable, or more of it than the file can hold however well it is compressed.
    """
    with open_raster(_name(path, variable), _DRIVER) as source:
        require_room(path, source.width * source.height)
    return _name(path, variable)


def _name(path: Path, variable: str) -> str:
    """Name by which GDAL knows a variable, there or not; the header has been checked."""
    require_sound(path)
    return f'netcdf:"{path}":{variable}'


def variables(path: Path) -> list[str]:
    """Names of a file's rasters, with their groups.

    Raises
    ------
    InputError
        If GDAL cannot open the file.
    """
    require_sound(path)
    with open_raster(path, _DRIVER) as source:
        if source.subdatasets:
            return [name.rsplit(":", 1)[1] for name in source.subdatasets]
        return [source.tags(1).get("NETCDF_VARNAME", "")] if source.count else []


def attributes(path: Path, variable: str) -> dict[str, str]:
    """Attributes as ``variable#attribute``; those of coordinates are among them."""
    with open_raster(_name(path, variable), _DRIVER) as source:
        tags: dict[str, str] = source.tags()
    return tags


def middle(path: Path, variable: str) -> float | None:
    """Read the number in the middle of a variable of two or three dimensions; None where it is no number."""
    with open_raster(layer(path, variable), _DRIVER) as source:
        window = Window(source.width // 2, source.height // 2, 1, 1)
        number = float(source.read((source.count + 1) // 2, window=window)[0, 0])
        nodata = source.nodatavals[0]
    return number if np.isfinite(number) and number != nodata else None


def coordinate(path: Path, name: str) -> NDArray[np.float64] | None:
    """Read a coordinate's numbers in the file's order; None if there is no such variable."""
    try:
        with open_raster(_name(path, name), _DRIVER) as source:
            require_room(path, source.width * source.height)
            numbers: NDArray[Any] = source.read(1)
    except InputError:
        return None
    return numbers.ravel().astype(np.float64)

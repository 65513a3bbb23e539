"""dolphin interferograms: complex GeoTIFF, or a virtual raster that forms them from the images when read."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.readers import geotiff
from basinwatch.readers.pair import PairFiles, RawPhase

_NAME = re.compile(r"\d{8}_\d{8}\.(?:int|unw)\.(?:tif|vrt)$")
_VIRTUAL = ".vrt"

read_grid = geotiff.read_grid


def is_name(path: Path) -> bool:
    """Whether a file is called like an interferogram or unwrapped phase of dolphin."""
    return _NAME.search(path.name) is not None


def read(files: PairFiles) -> RawPhase:
    """Read an interferogram, or unwrapped phase by its name; every exact 0 is no data."""
    try:
        raw = geotiff.read(files)
    except InputError as error:
        if files.phase.suffix != _VIRTUAL:
            raise
        raise InputError(
            f"{files.phase}: this virtual raster cannot be read, expected the images it names where they were; keep "
            "them, or turn it into a GeoTIFF with gdal_translate where they are."
        ) from error
    raw.values[raw.values == 0] = np.nan
    unwrapped = ".unw." in files.phase.name
    return replace(raw, kind="unwrapped" if unwrapped else raw.kind, nodata_rule="0" if unwrapped else "z==0")


def read_unwrapped(path: Path, files: PairFiles) -> tuple[NDArray[np.float32], Grid]:
    """Read ``.unw.tif``: radians, NaN where 0."""
    values, grid = geotiff.read_unwrapped(path, files)
    values[values == 0] = np.nan
    return values, grid

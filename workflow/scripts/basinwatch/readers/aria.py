"""ARIA-S1-GUNW: unwrapped phase, the newer date first in the name, 0 = no data.

The phase is that of newer · conj(older); the order of the dates in the name tells this to
:func:`basinwatch.readers.read_interferogram`, which conjugates it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from basinwatch.grid import Grid
from basinwatch.phase import SENTINEL1_WAVELENGTH_M
from basinwatch.readers import geotiff, netcdf
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.rows import Rows

_GROUP = "/science/grids/data"
_PHASE, _COHERENCE = f"{_GROUP}/unwrappedPhase", f"{_GROUP}/coherence"


def is_product(path: Path) -> bool:
    """Whether a netCDF file has the groups of a GUNW product."""
    return netcdf.is_netcdf(path) and _PHASE in netcdf.variables(path)


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the phase without reading it."""
    return geotiff.read_band_grid(files.phase, netcdf.layer(files.phase, _PHASE))


def read(files: PairFiles) -> RawPhase:
    """Read unwrapped phase."""
    return replace(read_unwrapped(files.phase, files), source=source_entry("phase", files.phase, "float32"))


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read unwrapped phase: radians, NaN where 0."""
    band = geotiff.read_band(path, netcdf.layer(path, _PHASE))
    return RawPhase(
        band.rows.through(geotiff.without_zeros),
        band.grid,
        kind="unwrapped",
        source=source_entry("unwrapped", path, "float32"),
        nodata_rule="0",
        facts={"wavelength_m": SENTINEL1_WAVELENGTH_M},  # the S1 in the product's name
    )


def read_coherence(path: Path, grid: Grid, dates: tuple[date, date]) -> tuple[Rows, dict[str, Any]] | None:
    """Read the coherence; None if the product has none."""
    if _COHERENCE not in netcdf.variables(path):
        return None
    return geotiff.read_coherence(path, grid, netcdf.layer(path, _COHERENCE))

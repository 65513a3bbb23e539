"""OPERA DISP-S1: displacement in metres towards the satellite, made wrapped phase again, NaN = no data."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.phase import SENTINEL1_WAVELENGTH_M
from basinwatch.readers import geotiff, netcdf
from basinwatch.readers.acquisition import seconds_of_day
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.rows import Rows

_TIME = re.compile(r"_\d{8}T(\d{2})(\d{2})(\d{2})Z_")
_BASELINE = "/corrections/perpendicular_baseline"
_DISPLACEMENT, _COHERENCE = "displacement", "temporal_coherence"
_MAX_DISPLACEMENT_M = 1e4


def is_product(path: Path) -> bool:
    """Whether a netCDF file holds a displacement."""
    return netcdf.is_netcdf(path) and _DISPLACEMENT in netcdf.variables(path)


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the displacement without reading it."""
    return geotiff.read_band_grid(files.phase, netcdf.layer(files.phase, _DISPLACEMENT))


def read(files: PairFiles) -> RawPhase:
    """Read displacement as phase, once the user agrees that it has been unwrapped and smoothed."""
    if files.options.get("kind") != "unwrapped":
        raise InputError(
            f"{files.phase}: found displacement without the noise of an interferogram, expected wrapped phase; set "
            "kind: unwrapped to wrap it again, and trust what the detector misses less."
        )
    raw = read_unwrapped(files.phase, files)
    return replace(
        raw,
        source=source_entry("phase", files.phase, "float32"),
        facts=raw.facts | _facts(files.phase),
        warnings=[f"{files.phase.name}: wrapped again from displacement, which has less noise than an interferogram"],
    )


def _facts(path: Path) -> dict[str, Any]:
    """Product, time of day in the name, and the perpendicular baseline in the middle of its layer."""
    facts: dict[str, Any] = {"product": "DISP-S1"}
    if time := _TIME.search(path.name):
        facts["utc_seconds"] = seconds_of_day(":".join(time.groups()))
    if _BASELINE in netcdf.variables(path):
        facts["bperp_m"] = netcdf.middle(path, _BASELINE)
    return facts


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read displacement as unwrapped radians: −4π/λ times metres towards the satellite."""
    band = geotiff.read_band(path, netcdf.layer(path, _DISPLACEMENT))
    return RawPhase(
        band.rows.through(_radians),
        band.grid,
        kind="unwrapped",
        source=source_entry("unwrapped", path, "float32"),
        nodata_rule="nan",
        facts={"wavelength_m": SENTINEL1_WAVELENGTH_M, "sensor": "S1"},
    )


def _radians(displacement_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Phase of displacement towards the satellite; NaN where it is beyond all measure."""
    plausible = np.where(np.abs(displacement_m) < _MAX_DISPLACEMENT_M, displacement_m, np.float32(np.nan))
    return plausible * np.float32(-4 * np.pi / SENTINEL1_WAVELENGTH_M)


def read_coherence(path: Path, grid: Grid, dates: tuple[date, date]) -> tuple[Rows, dict[str, Any]] | None:
    """Read the temporal coherence; None if the product has none."""
    if _COHERENCE not in netcdf.variables(path):
        return None
    return geotiff.read_coherence(path, grid, netcdf.layer(path, _COHERENCE))

"""ARIA-S1-GUNW: unwrapped phase, the newer date first in the name, 0 = no data.

The phase is that of newer · conj(older); the order of the dates in the name tells this to
:func:`basinwatch.readers.read_interferogram`, which conjugates it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from basinwatch.grid import Grid
from basinwatch.phase import SENTINEL1_WAVELENGTH_M
from basinwatch.readers import geotiff, netcdf
from basinwatch.readers.acquisition import seconds_of_day
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.rows import Rows

_GROUP = "/science/grids/data"
_NAME = re.compile(r"^S1-([AD])-([RL])-(\d{3})-tops-\d{8}_\d{8}-(\d{2})(\d{2})(\d{2})")
_GEOMETRY = "/science/grids/imagingGeometry"
_LAYERS = {"bperp_m": "perpendicularBaseline", "incidence_deg": "incidenceAngle"}
_PHASE, _COHERENCE = f"{_GROUP}/unwrappedPhase", f"{_GROUP}/coherence"


def is_product(path: Path) -> bool:
    """Whether a netCDF file has the groups of a GUNW product."""
    return netcdf.is_netcdf(path) and _PHASE in netcdf.variables(path)


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the phase without reading it."""
    return geotiff.read_band_grid(files.phase, netcdf.layer(files.phase, _PHASE))


def read(files: PairFiles) -> RawPhase:
    """Read unwrapped phase."""
    raw, source = read_unwrapped(files.phase, files), source_entry("phase", files.phase, "float32")
    return replace(raw, source=source, facts=raw.facts | _facts(files.phase))


def _facts(path: Path) -> dict[str, Any]:
    """Read the name, and baseline and incidence in the middle of their layers."""
    there = netcdf.variables(path)
    layers = {fact: f"{_GEOMETRY}/{layer}" for fact, layer in _LAYERS.items()}
    facts: dict[str, Any] = {fact: netcdf.middle(path, layer) for fact, layer in layers.items() if layer in there}
    facts["product"] = "GUNW"
    if found := _NAME.search(path.name):
        facts["pass"] = "ascending" if found[1] == "A" else "descending"
        facts["look_side"] = "right" if found[2] == "R" else "left"
        facts["rel_orbit"] = int(found[3])
        facts["utc_seconds"] = seconds_of_day(":".join(found.groups()[3:]))
    return facts


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read unwrapped phase: radians, NaN where 0."""
    band = geotiff.read_band(path, netcdf.layer(path, _PHASE))
    return RawPhase(
        band.rows.through(geotiff.without_zeros),
        band.grid,
        kind="unwrapped",
        source=source_entry("unwrapped", path, "float32"),
        nodata_rule="0",
        facts={"wavelength_m": SENTINEL1_WAVELENGTH_M, "sensor": "S1"},  # the S1 in the product's name
    )


def read_coherence(path: Path, grid: Grid, dates: tuple[date, date]) -> tuple[Rows, dict[str, Any]] | None:
    """Read the coherence; None if the product has none."""
    if _COHERENCE not in netcdf.variables(path):
        return None
    return geotiff.read_coherence(path, grid, netcdf.layer(path, _COHERENCE))

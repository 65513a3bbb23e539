"""netCDF of anybody: one variable of phase, or real and imaginary part, placed by the CF conventions or GDAL's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from affine import Affine

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import open_raster
from basinwatch.readers import geotiff, netcdf
from basinwatch.readers.pair import PairFiles, RawPhase
from basinwatch.rows import Rows, joined

_PHASE = ("phase", "wrapped_phase", "ifg", "interferogram", "z", "Band1")
_PARTS = (("real", "imag"), ("re", "im"), ("i", "q"))
_UNWRAPPED = ("unwrapped_phase", "unwrapped", "unw")
_COHERENCE = ("coherence", "coh", "corr", "correlation", "cc")
_DEGREE_AXES = (("lon", "lat"), ("longitude", "latitude"))


def is_raster(path: Path) -> bool:
    """Whether a netCDF file holds any raster."""
    return netcdf.is_netcdf(path) and any(netcdf.variables(path))


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the phase without reading it."""
    name = _phase_variables(files)[0]
    return _placed(files.phase, name, geotiff.read_band_grid(files.phase, netcdf.layer(files.phase, name)))


def read(files: PairFiles) -> RawPhase:
    """Read the variable the user names, the likeliest by its name, or the only one; its range tells what it is."""
    first, *second = _phase_variables(files)
    raw = geotiff.read(files, netcdf.layer(files.phase, first))
    raw = replace(raw, grid=_placed(files.phase, first, raw.grid))
    if not second:
        return replace(raw, rows=_in_order(files.phase, first, raw.rows))
    layers = (netcdf.layer(files.phase, name) for name in (first, *second))
    parts = [geotiff.read_band(files.phase, layer, is_part=True) for layer in layers]
    declared = {part.nodata_rule for part in parts if part.nodata_rule}
    rows = _in_order(files.phase, first, joined(geotiff.angle, *(part.rows for part in parts)))
    source = raw.source | {"dtype": "complex64"}
    return replace(raw, rows=rows, kind="wrapped", source=source, nodata_rule=", ".join(["z==0", *sorted(declared)]))


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read unwrapped phase in radians."""
    name = _chosen(path, None, _UNWRAPPED + _PHASE)
    raw = geotiff.read_unwrapped(path, files, netcdf.layer(path, name))
    return replace(raw, rows=_in_order(path, name, raw.rows), grid=_placed(path, name, raw.grid))


def read_coherence(path: Path, grid: Grid, dates: object) -> tuple[Rows, dict[str, Any]] | None:
    """Read coherence beside the phase or alone; None if no variable is called so."""
    found = _named(path, _COHERENCE)
    if not found:
        return None
    rows, source = geotiff.read_coherence(path, grid, netcdf.layer(path, found[0]))
    return _in_order(path, found[0], rows), source


def _phase_variables(files: PairFiles) -> list[str]:
    """Name of the phase, or names of real and imaginary part."""
    present, asked = netcdf.variables(files.phase), files.options.get("variable")
    parts = next((list(pair) for pair in _PARTS if set(pair) <= set(present)), None)
    return parts if parts and asked is None else [_chosen(files.phase, asked, _PHASE + _UNWRAPPED)]


def _chosen(path: Path, asked: str | None, names: tuple[str, ...]) -> str:
    """Variable the user asks for, or the one :func:`_variable` finds.

    Raises
    ------
    InputError
        If there is none.
    """
    present = netcdf.variables(path)
    found = (asked if asked in present else None) if asked else _variable(path, names)
    if found is None:
        wanted = f"'{asked}'" if asked else f"one variable, or one named {', '.join(names[:3])}"
        listed = ", ".join(present[:8]) or "no raster"
        raise InputError(f"{path}: found {listed}, expected {wanted}; set variable to the name of the right one.")
    return found


def _variable(path: Path, names: tuple[str, ...]) -> str | None:
    """First variable that goes by one of the names, in their order, or the only one; None otherwise."""
    there, named = netcdf.variables(path), _named(path, names)
    if named:
        return named[0]
    return there[0] if len(there) == 1 and there[0] and there[0].lower() not in _COHERENCE else None


def _named(path: Path, names: tuple[str, ...]) -> list[str]:
    """Variables that go by one of the names, in their order, in whatever group."""
    there = netcdf.variables(path)
    return [name for wanted in names for name in there if name.rsplit("/", 1)[-1].lower() == wanted.lower()]


def _in_order(path: Path, name: str, rows: Rows) -> Rows:
    """Rows as they are stored where no coordinates tell their order; GDAL takes the last of them for the first."""
    with open_raster(netcdf.layer(path, name), "netCDF") as source:
        return rows.upside_down() if source.transform.is_identity else rows


def _placed(path: Path, name: str, grid: Grid) -> Grid:
    """Grid of WGS 84 where the axes are degrees and no coordinate system is named."""
    tags = netcdf.attributes(path, name)
    is_degrees = any(all(tags.get(f"{axis}#units", "").startswith("degree") for axis in axes) for axes in _DEGREE_AXES)
    if grid.geometry == "map" or not is_degrees:
        return grid
    with open_raster(netcdf.layer(path, name), "netCDF") as source:
        transform: Affine = source.transform
    if transform.is_identity or transform.e >= 0 or transform.a <= 0:
        return grid
    return Grid.from_map(grid.width, grid.height, transform, "EPSG:4326")

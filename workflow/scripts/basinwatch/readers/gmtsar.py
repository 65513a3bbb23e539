"""GMTSAR grids: ``phasefilt.grd`` and its like, in radar or geographic coordinates, NaN = no data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from basinwatch.dates import read_date
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.phase import SPEED_OF_LIGHT_M_S
from basinwatch.readers import geotiff, netcdf
from basinwatch.readers.acquisition import mid_seconds
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.readers.parameters import finite_number, key_values
from basinwatch.readers.radar_geometry import incidence_deg
from basinwatch.rows import Rows

_VARIABLE = "z"
_DEGREE_AXES, _OTHER_AXES = ("lon", "lat"), ("x", "y")
_MAX_STEP_DEGREES = 0.1
_STEP_TOLERANCE = 1e-3
# Parts of the complex interferogram are intermediate files whose rows run the other way.
_INTERMEDIATE = ("real", "imag", "amp", "display_amp")
_UNWRAPPED = "unwrap"
_FILTERED = {"phasefilt": True, "phase": False}
_DAY_SECONDS = 86_400
_BASELINE, _BASELINES = "baseline.txt", "baseline_table.dat"
_BASELINE_COLUMNS, _BASELINE_FOLDERS_UP = 5, 4
_PARENTS = 2
_ENDS = ("start", "stop")
_PASSES = {"A": "ascending", "D": "descending"}


@dataclass(frozen=True)
class Axes:
    """Centres of the pixels along both axes, in the file's order, and whether they are degrees."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    is_map: bool


def is_grid(path: Path) -> bool:
    """Whether a netCDF file is a GMT grid."""
    return netcdf.is_netcdf(path) and netcdf.variables(path) == [_VARIABLE]


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the phase without reading it."""
    return _grid(read_axes(files.phase), _parameters(files.phase))


def read(files: PairFiles) -> RawPhase:
    """Read filtered or unfiltered phase, or unwrapped phase by its name, with facts from the pair's ``.PRM``."""
    path = files.phase
    if path.name.startswith(_INTERMEDIATE):
        raise InputError(f"{path}: found an intermediate grid, expected the phase; name phasefilt.grd or phase.grd.")
    parameters, product = _parameters(path), path.stem.removesuffix("_ll")
    rows, grid = _open(path, parameters)
    warnings = []
    if grid.geometry == "radar" and not parameters:
        warnings = [f"{path.name}: no .PRM of the pair beside it; pixel spacing unknown, steps taken for metres"]
    return RawPhase(
        rows,
        grid,
        kind="unwrapped" if path.name.startswith(_UNWRAPPED) else "unknown",
        source=source_entry("phase", path, "float32"),
        nodata_rule="nan",
        facts=_facts(parameters, grid, read_axes(path))
        | {"product": product, "filtered": _FILTERED.get(product), "bperp_m": _baseline_m(files)},
        warnings=warnings,
    )


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read ``unwrap.grd``: radians, NaN where there is none."""
    rows, grid = _open(path, _parameters(path))
    return RawPhase(rows, grid, "unwrapped", source_entry("unwrapped", path, "float32"), nodata_rule="nan")


def read_coherence(path: Path, grid: Grid, dates: tuple[date, date]) -> tuple[Rows, dict[str, Any]]:
    """Read ``corr.grd``, which must lie on the phase's pixels."""
    rows, own = _open(path, _parameters(path))
    if own.shape != grid.shape or not grid.aligned_with(own) or any(round(v) for v in grid.offset_of(own)):
        raise InputError(
            f"{path}: coherence of {own.height}x{own.width} px does not lie on the phase's {grid.height}x{grid.width} "
            "px; expected the same grid; name the one that belongs to the phase."
        )
    return rows, source_entry("coherence", path, "float32")


def _open(path: Path, parameters: dict[str, str]) -> tuple[Rows, Grid]:
    """Rows with north, or the first azimuth line, at the top; GDAL puts the largest y there."""
    axes = read_axes(path)
    rows = geotiff.read_band(path, netcdf.layer(path, _VARIABLE)).rows
    if rows.shape != (axes.y.size, axes.x.size):
        raise InputError(f"{path}: found {rows.shape} numbers for {axes.y.size}x{axes.x.size} coordinates.")
    return (rows if axes.is_map else rows.upside_down()), _grid(axes, parameters)


def read_axes(path: Path) -> Axes:
    """Coordinates of a grid.

    Raises
    ------
    InputError
        If there are none, or their steps vary.
    """
    tags = netcdf.attributes(path, _VARIABLE)
    # GDAL warns of a variable that it does not find, so the likelier names come first
    is_named = any(key.startswith(_DEGREE_AXES) for key in tags)
    for names in (_DEGREE_AXES, _OTHER_AXES) if is_named else (_OTHER_AXES, _DEGREE_AXES):
        x, y = (netcdf.coordinate(path, name) for name in names)
        if x is not None and y is not None and min(x.size, y.size) > 1:
            if not (_is_even(x) and _is_even(y)):
                break
            steps = abs(x[1] - x[0]), abs(y[1] - y[0])
            is_degrees = tags.get(f"{names[0]}#units", "").lower().startswith("degree")
            return Axes(x, y, names == _DEGREE_AXES or is_degrees or max(steps) < _MAX_STEP_DEGREES)
    raise InputError(f"{path}: found no evenly spaced coordinates lon, lat or x, y; expected a grid of GMTSAR.")


def _is_even(centres: NDArray[np.float64]) -> bool:
    """Whether the steps of a coordinate are equal and not 0."""
    steps = np.diff(centres) if np.isfinite(centres).all() else np.zeros(1)
    return bool(steps[0]) and bool(np.ptp(steps) <= _STEP_TOLERANCE * abs(steps[0]))


def _grid(axes: Axes, parameters: dict[str, str]) -> Grid:
    """Grid of WGS 84 degrees, or of radar pixels with their spacing in metres."""
    width, height = axes.x.size, axes.y.size
    step_x, step_y = abs(axes.x[-1] - axes.x[0]) / (width - 1), abs(axes.y[-1] - axes.y[0]) / (height - 1)
    if axes.is_map:
        west = (float(axes.x.min()) + 180) % 360 - 180 - step_x / 2
        north = float(axes.y.max()) + step_y / 2
        return Grid.from_map(width, height, Affine(step_x, 0, west, 0, -step_y, north), "EPSG:4326")
    across, along = _slc_spacing_m(parameters)
    return Grid(width, height, None, None, (float(step_x * across), float(step_y * along)))


def _slc_spacing_m(parameters: dict[str, str]) -> tuple[float, float]:
    """Slant range and azimuth spacing of the single-look image; 1 m where the parameters are missing."""
    rate, speed, repetition = (finite_number(parameters.get(key)) for key in ("rng_samp_rate", "sc_vel", "prf"))
    across = SPEED_OF_LIGHT_M_S / (2 * rate) if rate and rate > 0 else 1.0
    return across, speed / repetition if speed and repetition and speed > 0 < repetition else 1.0


def _parameters(path: Path) -> dict[str, str]:
    """Parameters of an image of the pair: the first ``.PRM`` in the folder of the grid or the nearest above."""
    for folder in list(path.absolute().parents)[:_PARENTS]:
        found = sorted(p for p in folder.glob("*.PRM") if p.is_file())
        if found:
            return key_values(found[0].read_text(encoding="latin-1"), "=")
    return {}


def _clock(text: str | None) -> float | None:
    """Seconds of the day of ``yyyyddd.fraction``."""
    days = finite_number(text)
    return None if days is None else days % 1 * _DAY_SECONDS


def _baseline_m(files: PairFiles) -> float | None:
    """Perpendicular baseline of the second date to the first, from the pair's own file or the stack's table."""
    own = files.phase.with_name(_BASELINE)
    if own.is_file():
        return finite_number(key_values(own.read_text(encoding="latin-1"), "=").get("b_perpendicular"))
    for folder in list(files.phase.absolute().parents)[:_BASELINE_FOLDERS_UP]:
        table = folder / _BASELINES
        if table.is_file():
            rows = [line.split() for line in table.read_text(encoding="latin-1").splitlines()]
            found = dict(_baseline_of(row) for row in rows if len(row) == _BASELINE_COLUMNS)
            metres = [found.get(day) for day in (files.date1, files.date2)]
            return None if metres[0] is None or metres[1] is None else metres[1] - metres[0]
    return None


def _baseline_of(row: list[str]) -> tuple[date | None, float | None]:
    """Date and perpendicular baseline of a row: name, yyyyddd.fraction, days, parallel, perpendicular."""
    try:
        return read_date(row[1].partition(".")[0]), finite_number(row[-1])
    except ValueError:
        return None, None


def _facts(parameters: dict[str, str], grid: Grid, axes: Axes) -> dict[str, Any]:
    """Wavelength and pass, and in radar coordinates the incidence in mid-swath."""
    facts: dict[str, Any] = {"utc_seconds": mid_seconds(*(_clock(parameters.get(f"sc_clock_{e}")) for e in _ENDS))}
    wavelength = finite_number(parameters.get("radar_wavelength"))
    if wavelength and wavelength > 0:
        facts["wavelength_m"] = wavelength
    if direction := _PASSES.get(parameters.get("orbdir", "").upper()):
        facts["pass"] = direction
    near, earth, height = (finite_number(parameters.get(key)) for key in ("near_range", "earth_radius", "sc_height"))
    if grid.geometry == "radar" and near and earth and height:
        middle = near + float(axes.x.mean()) * _slc_spacing_m(parameters)[0]
        if (incidence := incidence_deg(middle, earth + height, earth)) is not None:
            facts["incidence_deg"] = incidence
    return facts

"""A simulated stack as GAMMA leaves a geocoded one: big-endian binaries and their parameter files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.grid import Grid
from basinwatch.phase import SENTINEL1_WAVELENGTH_M, SPEED_OF_LIGHT_M_S
from basinwatch.provenance import atomic_path
from basinwatch.simulation.stack import UTM_ZONE, Pair, SimulatedStack


def write_grid(stack: SimulatedStack, header: Path) -> None:
    """Write the ``.dem_par`` that all pairs share."""
    _write_text(header, _dem_par(stack.grid))


def write_scene(stack: SimulatedStack, day: date, header: Path) -> None:
    """Write the ``.mli.par`` of one acquisition.

    Raises
    ------
    InputError
        If the date lies before the mines' history.
    """
    stack.acquisition(day)
    _write_text(header, _mli_par(stack, day))


def write_pair(stack: SimulatedStack, pair: Pair, files: Mapping[str, str]) -> None:
    """Write one observed pair.

    Parameters
    ----------
    files
        Path by role: ``phase`` (complex, Goldstein-filtered), ``coherence``, ``unwrapped`` and ``header`` (``.off``).
        Zero means no data.

    Raises
    ------
    InputError
        If a date lies before the mines' history.
    """
    observed = stack.observe(pair)
    _write_binary(files["phase"], observed.interferogram, ">c8")
    _write_binary(files["coherence"], observed.coherence, ">f4")
    _write_binary(files["unwrapped"], np.nan_to_num(observed.unwrapped()), ">f4")
    _write_text(files["header"], _off(pair, stack.grid))


def _write_binary(path: str, values: NDArray[Any], dtype: str) -> None:
    with atomic_path(path) as part:
        part.write_bytes(values.astype(dtype).tobytes())


def _write_text(path: str | Path, text: str) -> None:
    with atomic_path(path) as part:
        part.write_text(text, encoding="latin-1")


def _par(title: str, fields: dict[str, str]) -> str:
    """Lay out a parameter file."""
    return f"{title}\n\n" + "".join(f"{key + ':':<38}{value}\n" for key, value in fields.items())


def _off(pair: Pair, grid: Grid) -> str:
    return _par(
        "Gamma Interferometric SAR Processor (ISP) - Interferogram and Image Offset Parameter File",
        {
            "title": pair.name,
            "interferogram_width": f"{grid.width}",
            "interferogram_azimuth_lines": f"{grid.height}",
            "interferogram_range_looks": "10",
            "interferogram_azimuth_looks": "2",
            "interferogram_range_pixel_spacing": f"{grid.pixel_spacing_m[0]:.6f}   m",
            "interferogram_azimuth_pixel_spacing": f"{grid.pixel_spacing_m[1]:.6f}   m",
        },
    )


def _mli_par(stack: SimulatedStack, day: date) -> str:
    hour, minute = divmod(round(stack.track.hour_utc * 60), 60)
    return _par(
        "Gamma Interferometric SAR Processor (ISP) - Image Parameter File",
        {
            "title": f"simulated {day:%Y%m%d}",
            "sensor": "S1A IW IW1 VV",
            "date": f"{day.year} {day.month:02d} {day.day:02d} {hour:02d} {minute:02d} 0.0000",
            "line_header_size": "0",
            "range_samples": f"{stack.grid.width}",
            "azimuth_lines": f"{stack.grid.height}",
            "range_looks": "10",
            "azimuth_looks": "2",
            "image_format": "FLOAT",
            "image_geometry": "GROUND_RANGE",
            "heading": f"{stack.track.heading_deg:.7f}   degrees",
            "range_pixel_spacing": f"{stack.grid.pixel_spacing_m[0]:.6f}   m",
            "azimuth_pixel_spacing": f"{stack.grid.pixel_spacing_m[1]:.6f}   m",
            "incidence_angle": f"{stack.track.incidence_deg:.4f}   degrees",
            "azimuth_angle": "90.0000   degrees",
            "radar_frequency": f"{SPEED_OF_LIGHT_M_S / SENTINEL1_WAVELENGTH_M:.7e}   Hz",
        },
    )


def _dem_par(grid: Grid) -> str:
    """Describe a UTM grid; the corner is the centre of the first pixel."""
    step_x, _, west, _, step_y, north = grid.affine[:6]
    return _par(
        "Gamma DIFF&GEO DEM/MAP parameter file",
        {
            "title": "simulated",
            "DEM_projection": "UTM",
            "data_format": "REAL*4",
            "DEM_hgt_offset": "0.00000",
            "DEM_scale": "1.00000",
            "width": f"{grid.width}",
            "nlines": f"{grid.height}",
            "corner_north": f"{north + step_y / 2:.4f}   m",
            "corner_east": f"{west + step_x / 2:.4f}   m",
            "post_north": f"{step_y:.7f}   m",
            "post_east": f"{step_x:.7f}   m",
            "ellipsoid_name": "WGS 84",
            "ellipsoid_ra": "6378137.000   m",
            "ellipsoid_reciprocal_flattening": "298.2572236",
            "datum_name": "WGS 1984",
            "datum_shift_dx": "0.000   m",
            "datum_shift_dy": "0.000   m",
            "datum_shift_dz": "0.000   m",
            "projection_name": "UTM",
            "projection_zone": f"{UTM_ZONE}",
            "false_easting": "500000.000   m",
            "false_northing": "0.000   m",
            "projection_k0": "0.9996000",
            "center_longitude": f"{6 * UTM_ZONE - 183:.7f}   degrees",
            "center_latitude": "0.0000000   degrees",
        },
    )

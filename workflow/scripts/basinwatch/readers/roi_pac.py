"""ROI_PAC images: raw little-endian numbers and an ``.rsc`` header beside them, 0 = no data.

The phase is that of the first date of ``DATE12`` times the conjugate of the second, as in the others' files.
"""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.readers import raw_binary
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.readers.parameters import finite_number, key_values, whole_numbers
from basinwatch.readers.radar_geometry import signed_degrees
from basinwatch.readers.raw_binary import Layout
from basinwatch.rows import Rows

_SIZE_KEYS = ("width", "file_length")
_DELAY = ".ztd"
_COMPLEX_SUFFIXES = (".int", ".slc", ".amp")
_MAX_HEADER_BYTES, _MAX_SIDE = 2**20, 10**7
_MAX_STEP_DEGREES = 0.5
_BASELINES = ("p_baseline_top_hdr", "p_baseline_bottom_hdr")
_LOOKS = tuple(f"look_ref{corner}" for corner in range(1, 5))


def is_image(path: Path) -> bool:
    """Whether a header with a size lies beside a file that is no delay."""
    if path.suffix == _DELAY or not _header_path(path).is_file():
        return False
    keys = _keys(path)
    return all(key in keys for key in _SIZE_KEYS)


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the phase from its header."""
    return _grid(files.phase, _keys(files.phase))


def read(files: PairFiles) -> RawPhase:
    """Read an interferogram, or unwrapped phase by its name, with facts from its header."""
    path, keys = files.phase, _keys(files.phase)
    grid, layout = _grid(path, keys), _layout(path, keys)
    is_complex = layout.dtype.kind == "c"
    warnings = ["no georeference; pixel spacing unknown, 1 m assumed"] if grid.pixel_spacing_m == (1.0, 1.0) else []
    return RawPhase(
        _rows(path, layout, files),
        grid,
        kind="wrapped" if is_complex else "unwrapped" if ".unw" in path.name else "unknown",
        source=_source("phase", path, layout),
        nodata_rule="z==0" if is_complex else "0",
        facts=_facts(keys) | _product_facts(path),
        warnings=[f"{path.name}: {warning}" for warning in warnings],
    )


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read ``.unw``: radians, NaN where 0."""
    keys = _keys(path)
    layout = _layout(path, keys)
    if layout.dtype.kind == "c":
        raise InputError(f"{path}: found complex numbers, expected unwrapped phase; name the .unw file.")
    rows, source = _rows(path, layout, files), _source("unwrapped", path, layout)
    return RawPhase(rows, _grid(path, keys), "unwrapped", source, nodata_rule="0")


def read_coherence(path: Path, grid: Grid, dates: tuple[date, date]) -> tuple[Rows, dict[str, Any]]:
    """Read ``.cor``, whose second band is the coherence, or a file of that alone; NaN where 0."""
    keys = _keys(path)
    own, layout = _grid(path, keys), _layout(path, keys)
    if own.shape != grid.shape or layout.dtype.kind == "c":
        raise InputError(
            f"{path}: found {layout.dtype.name} of {own.height}x{own.width} px, expected coherence of "
            f"{grid.height}x{grid.width} px like the phase; name the .cor file that belongs to it."
        )
    rows = raw_binary.band_rows(path, layout, layout.bands)
    return rows.through(raw_binary.radians), _source("coherence", path, layout)


def open_heights(path: Path) -> tuple[Rows, Grid]:
    """Open a raster of heights: 2-byte integers (``.dem``), or the last band of real numbers; NaN where 0."""
    keys = _keys(path)
    layout = _layout(path, keys)
    if path.stat().st_size == 2 * layout.width * layout.lines:
        layout = Layout(layout.width, layout.lines, 1, np.dtype("<i2"), "BSQ", layout.header)
    return raw_binary.band_rows(path, layout, layout.bands).through(raw_binary.radians), _grid(path, keys)


def _rows(path: Path, layout: Layout, files: PairFiles) -> Rows:
    """Last band as radians; of two bands the first is amplitude."""
    allowed = bool(files.options.get("allow_truncated"))
    return raw_binary.band_rows(path, layout, layout.bands, allowed).through(raw_binary.radians)


def _source(role: str, path: Path, layout: Layout) -> dict[str, Any]:
    """Entry of the metadata."""
    return source_entry(role, path, layout.dtype.str, "little")


def _header_path(path: Path) -> Path:
    """Return the name of an image's header."""
    return path.with_name(f"{path.name}.rsc")


def _keys(path: Path) -> dict[str, str]:
    """Read the header: a key in lower case and its value, apart by blanks.

    Raises
    ------
    InputError
        If there is none.
    """
    header = _header_path(path)
    if not header.is_file():
        raise InputError(f"{header}: no such file; expected the header of {path.name}; put it beside that file.")
    with header.open("rb") as stream:
        text = stream.read(_MAX_HEADER_BYTES).decode("latin-1")
    return key_values("\n".join(" ".join(line.split()).replace(" ", "=", 1) for line in text.splitlines()), "=")


def _layout(path: Path, keys: dict[str, str]) -> Layout:
    """One band of complex numbers, amplitude and phase by turns of lines, or one band of real numbers, by the size."""
    width, lines = _size(path, keys)
    is_single = path.is_file() and path.stat().st_size == 4 * width * lines
    is_complex = path.suffix in _COMPLEX_SUFFIXES and not is_single
    bands = 1 if is_single or is_complex else 2
    return Layout(width, lines, bands, np.dtype("<c8" if is_complex else "<f4"), "BIL", _header_path(path))


def _size(path: Path, keys: dict[str, str]) -> tuple[int, int]:
    """Columns and rows."""
    found = whole_numbers(*(keys.get(key) for key in _SIZE_KEYS))
    if found is None or max(found) > _MAX_SIDE:
        said = " and ".join(repr(keys.get(key)) for key in _SIZE_KEYS)
        raise InputError(
            f"{_header_path(path)}: found {said} for WIDTH and FILE_LENGTH, expected two positive whole numbers; copy "
            "the header again."
        )
    return found[0], found[1]


def _grid(path: Path, keys: dict[str, str]) -> Grid:
    """Map grid where the header places it in degrees, else radar geometry; like GDAL, the first is an edge."""
    width, lines = _size(path, keys)
    left, step_x, top, step_y = (finite_number(keys.get(key)) for key in ("x_first", "x_step", "y_first", "y_step"))
    if left is None or top is None or not step_x or not step_y:
        across, along = (finite_number(keys.get(key)) for key in ("range_pixel_size", "azimuth_pixel_size"))
        return Grid(width, lines, None, None, (abs(across or 1.0), abs(along or 1.0)))
    if not (0 < step_x < _MAX_STEP_DEGREES and -_MAX_STEP_DEGREES < step_y < 0):
        raise InputError(
            f"{_header_path(path)}: found steps {step_x:g}, {step_y:g}, expected degrees, columns east and rows south; "
            "export the pair as GeoTIFF."
        )
    return Grid.from_map(width, lines, Affine(step_x, 0, left, 0, step_y, top), "EPSG:4326")


def _product_facts(path: Path) -> dict[str, Any]:
    """Tell by the name what the file holds; the programs begin the names of what they filtered with ``filt_``."""
    return {"product": path.suffix[1:]} | ({"filtered": True} if path.name.startswith("filt_") else {})


def _facts(keys: dict[str, str]) -> dict[str, Any]:
    """Wavelength, heading, looks, time, baseline, and the incidence of the mean look angle of the corners."""
    facts: dict[str, Any] = {}
    if (seconds := finite_number(keys.get("center_line_utc"))) is not None:
        facts["utc_seconds"] = seconds
    ends = [finite_number(keys.get(key)) for key in _BASELINES]
    told = [metres for metres in ends if metres is not None]
    if told:
        facts["bperp_m"] = sum(told) / len(told)
    if (wavelength := finite_number(keys.get("wavelength"))) and wavelength > 0:
        facts["wavelength_m"] = wavelength
    if (heading := finite_number(keys.get("heading_deg"))) is not None:
        facts["heading_deg"] = signed_degrees(heading)
    if looks := whole_numbers(keys.get("rlooks"), keys.get("alooks")):
        facts["looks"] = looks
    angles = [finite_number(keys.get(key)) for key in _LOOKS]
    height, earth = (finite_number(keys.get(key)) or 0.0 for key in ("height", "earth_radius"))
    known = [angle for angle in angles if angle is not None]
    if len(known) == len(_LOOKS) and height > 0 < earth:
        sine = (earth + height) / earth * math.sin(math.radians(sum(known) / len(known)))
        facts |= {"incidence_deg": math.degrees(math.asin(sine))} if abs(sine) < 1 else {}
    return facts

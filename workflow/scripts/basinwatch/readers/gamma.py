"""GAMMA binaries: headerless rows of big-endian float or complex float numbers, 0 = no data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.readers import checks, gamma_facts, gamma_headers, gamma_map, gamma_width, raw_binary
from basinwatch.readers.gamma_headers import Header
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.readers.raw_binary import Layout
from basinwatch.rows import Rows

COMPLEX_SUFFIXES = (
    ".int",
    ".flt",
    ".diff",
    ".diff0",
    ".diff1",
    ".diff_int",
    ".adf",
    ".filt",
    ".sm",
    ".diff_sm",
    ".fdiff",
)
REAL_SUFFIXES = (".unw", ".cc", ".cor", ".corr", ".ccw", ".smcc")
_UNWRAPPED = re.compile(r"[._]unw$")
_REAL = re.compile(r"[._](unw|cc|coh)$")
_FILTERED = re.compile(r"(?:^|[._-])(?:adf|f?filt|fdiff|sm)(?=[._\d-]|$)", re.IGNORECASE)
_COMPLEX_BYTES, _REAL_BYTES = 8, 4


def fits_a_header(path: Path) -> bool:
    """Whether some parameter file near a binary states exactly its size."""
    size = path.stat().st_size
    sizes = {h.width * h.lines for h in gamma_headers.candidates(path, (), None)}
    return size > 0 and bool(sizes & {size / _COMPLEX_BYTES, size / _REAL_BYTES})


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the phase from its header and file size alone."""
    checks.reject_unreadable(files.phase)
    return gamma_map.grid_of(_layout(files.phase, files)[0], files.options.get("crs"))


def read(files: PairFiles) -> RawPhase:
    """Read complex or real phase with its header and radar facts."""
    checks.reject_unreadable(files.phase)
    header, item_bytes = _layout(files.phase, files)
    grid = gamma_map.grid_of(header, files.options.get("crs"))
    rows, source, warnings = _open_binary("phase", files.phase, grid, item_bytes, header.path)
    if files.options.get("width_px"):
        warnings = [*warnings, f"{files.phase.name}: size from width_px; pixel spacing unknown, 1 m assumed"]
    is_complex = item_bytes == _COMPLEX_BYTES
    unwrapped = _UNWRAPPED.search(files.phase.name) is not None
    dates = (files.date1, files.date2)
    return RawPhase(
        rows,
        grid,
        kind="wrapped" if is_complex else "unwrapped" if unwrapped else "unknown",
        source=source,
        nodata_rule="z==0" if is_complex else "0",
        facts=gamma_facts.radar_facts(files.phase, dates, header)
        | gamma_facts.look_vector_facts(files.phase, grid)
        | {"header": header.summary(), "product": files.phase.suffix[1:]}
        | ({"filtered": True} if _FILTERED.search(files.phase.name) else {}),
        warnings=warnings,
    )


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read an unwrapped ``.unw``: radians, NaN where 0."""
    checks.reject_unreadable(path)
    header, item_bytes = _layout(path, files)
    if item_bytes != _REAL_BYTES:
        raise InputError(f"{path}: found complex numbers, expected unwrapped phase; name the .unw file.")
    grid = gamma_map.grid_of(header, files.options.get("crs"))
    rows, source, warnings = _open_binary("unwrapped", path, grid, item_bytes, header.path)
    return RawPhase(rows, grid, "unwrapped", source, nodata_rule="0", warnings=warnings)


def read_real(role: str, path: Path, grid: Grid, allow_truncated: bool) -> tuple[Rows, dict[str, Any], list[str]]:
    """Read a real raster that must have the size of `grid` (coherence beside its phase); NaN where 0."""
    checks.reject_unreadable(path)
    size, expected = path.stat().st_size, grid.width * grid.height * _REAL_BYTES
    if size != expected:
        row_bytes = grid.width * _REAL_BYTES
        if size > expected or size % row_bytes:
            raise InputError(
                f"{path}: found {size} bytes, expected {expected} for {grid.height}x{grid.width} float numbers like "
                "the phase; name the file that belongs to it (E02)."
            )
        _require_permission(path, size // row_bytes, grid.height, allow_truncated)
    return _open_binary(role, path, grid, _REAL_BYTES, path)


def _layout(path: Path, files: PairFiles) -> tuple[Header, int]:
    """Find the header whose size fits the file, and bytes per pixel (E02, E03).

    The width the user names wins. Of headers only exact fits count; if there is none, the likeliest header of which the
    file has whole rows tells that it is truncated.
    """
    size, item_sizes = path.stat().st_size, _item_sizes(path)
    if width := files.options.get("width_px"):
        return _as_named(path, int(width), item_sizes)
    headers = list(gamma_headers.candidates(path, (files.date1, files.date2), files.header))
    for header in headers:
        for item_bytes in item_sizes:
            if size == header.width * header.lines * item_bytes:
                return header, item_bytes
    for header in headers:
        for item_bytes in item_sizes:
            if size % item_bytes == 0 and (fitting := gamma_headers.multilooked(header, path, size // item_bytes)):
                return fitting, item_bytes
    for header in headers:
        row_bytes = header.width * item_sizes[0]
        if row_bytes and size % row_bytes == 0 and size < row_bytes * header.lines:
            rows = size // row_bytes
            _require_permission(path, rows, header.lines, bool(files.options.get("allow_truncated")), header)
            return header, item_sizes[0]
    raise _no_fit(path, size, item_sizes[0], headers)


def _as_named(path: Path, width: int, item_sizes: tuple[int, ...]) -> tuple[Header, int]:
    """Header of an image of a width that the user names, and bytes per pixel (E02)."""
    size = path.stat().st_size
    item_bytes = next((item for item in item_sizes if size and size % (width * item) == 0), None)
    if item_bytes is None:
        raise InputError(
            f"{path}: found {size} bytes, expected whole rows of {width} pixels of {item_sizes[0]} bytes, as width_px "
            "says; correct width_px (E02)."
        )
    return gamma_headers.without_spacing(path, width, size // (width * item_bytes)), item_bytes


def _item_sizes(path: Path) -> tuple[int, ...]:
    """Bytes per pixel a file name allows, likeliest first."""
    if path.suffix in REAL_SUFFIXES or _REAL.search(path.name):
        return (_REAL_BYTES,)
    return (_COMPLEX_BYTES, _REAL_BYTES)


def _require_permission(path: Path, rows: int, lines: int, allowed: bool, header: Header | None = None) -> None:
    """E03: a file that ends early is used only when the user says so."""
    if not allowed:
        source = f" of {header.path.name}" if header else ""
        raise InputError(
            f"{path}: found {rows} of the {lines} lines{source}; the file is truncated or belongs to another header; "
            "copy it again, or set allow_truncated to take the missing lines as no data (E03)."
        )


def _no_fit(path: Path, size: int, item_bytes: int, headers: list[Header]) -> InputError:
    """Say which sizes were tried and which are possible."""
    if not headers:
        return InputError(
            f"{path}: no GAMMA header found in its folder or the two above, expected a .off, .diff_par, .dem_par or "
            "mli.par; put it there, name it under header, or set width_px (E02)."
        )
    tried = ", ".join(f"{h.path.name}: {h.width}x{h.lines}" for h in headers[:4])
    if size % item_bytes:
        cause = f"no whole number of {item_bytes}-byte pixels, so the file is damaged; copy it again (E02)."
    else:
        fits = checks.possible_sizes(size // item_bytes)
        width = _likely_width(path, item_bytes)
        best = f" (rows are most alike at a width of {width})" if width else ""
        cause = f"which would fit {fits}{best}; name the header that belongs to the file (E02)."
    return InputError(f"{path}: expected the size a header tells ({tried}), found {size} bytes, {cause}")


def _likely_width(path: Path, item_bytes: int) -> int | None:
    """Width that the numbers suggest, if they are numbers."""
    try:
        return gamma_width.likely_width(path, _dtype(path, item_bytes)[0])
    except InputError:
        return None


def _dtype(path: Path, item_bytes: int) -> tuple[np.dtype[Any], list[str]]:
    """Type of a binary's numbers with its byte order, and warnings of :func:`checks.byte_order`."""
    order, warnings = checks.byte_order(path, gamma_headers.sample_words(path))
    return np.dtype(f"{order}{'c' if item_bytes == _COMPLEX_BYTES else 'f'}{item_bytes}"), warnings


def _open_binary(
    role: str, path: Path, grid: Grid, item_bytes: int, header: Path
) -> tuple[Rows, dict[str, Any], list[str]]:
    """Rows of phase or a real quantity; missing rows and zeros are NaN."""
    dtype, warnings = _dtype(path, item_bytes)
    present = path.stat().st_size // (grid.width * item_bytes)
    layout = Layout(grid.width, grid.height, 1, dtype, "BSQ", header)
    rows = raw_binary.stored_rows(path, layout, 1, present).through(raw_binary.radians)
    if role != "coherence" and (better := gamma_width.better_width(path, dtype, grid.width)):
        said = f"rows are more than twice as alike at a width of {better} as at {grid.width}; a sheared picture? (E15)"
        warnings = [*warnings, f"{path.name}: {said}"]
    if present < grid.height:
        warnings = [*warnings, f"{path.name}: truncated, {grid.height - present} lines missing (E03)"]
    return rows, source_entry(role, path, dtype.str, "big" if dtype.str[0] == ">" else "little"), warnings

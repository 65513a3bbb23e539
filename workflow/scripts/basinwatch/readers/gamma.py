"""GAMMA binaries: headerless rows of big-endian float or complex float numbers, 0 = no data."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.readers import checks, gamma_headers
from basinwatch.readers.gamma_headers import Header
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry

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
UNWRAPPED_SUFFIX = ".unw"
_ROWS_PER_BLOCK = 512
_SAMPLE_BLOCKS, _SAMPLE_WORDS = 64, 3072
_COMPLEX_BYTES, _REAL_BYTES = 8, 4

_log = logging.getLogger(__name__)


def fits_a_header(path: Path) -> bool:
    """Whether some parameter file near a binary states exactly its size."""
    size = path.stat().st_size
    sizes = {h.width * h.lines for h in gamma_headers.candidates(path, (), None)}
    return size > 0 and bool(sizes & {size / _COMPLEX_BYTES, size / _REAL_BYTES})


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the phase from its header and file size alone."""
    checks.reject_unreadable(files.phase)
    return gamma_headers.grid_of(_layout(files.phase, files)[0])


def read(files: PairFiles) -> RawPhase:
    """Read complex or real phase with its header and radar facts."""
    checks.reject_unreadable(files.phase)
    header, item_bytes = _layout(files.phase, files)
    grid = gamma_headers.grid_of(header)
    values, source, warnings = _read_binary("phase", files.phase, grid, item_bytes)
    is_complex = item_bytes == _COMPLEX_BYTES
    unwrapped = files.phase.suffix == UNWRAPPED_SUFFIX
    dates = (files.date1, files.date2)
    return RawPhase(
        values,
        grid,
        kind="wrapped" if is_complex else "unwrapped" if unwrapped else "unknown",
        source=source,
        nodata_rule="z==0" if is_complex else "0",
        facts=gamma_headers.radar_facts(files.phase, dates, header) | {"header": header.summary()},
        warnings=warnings,
    )


def read_unwrapped(path: Path, files: PairFiles) -> tuple[NDArray[np.float32], Grid]:
    """Read an unwrapped ``.unw``: radians, NaN where 0."""
    checks.reject_unreadable(path)
    header, item_bytes = _layout(path, files)
    if item_bytes != _REAL_BYTES:
        raise InputError(f"{path}: found complex numbers, expected unwrapped phase; name the .unw file.")
    grid = gamma_headers.grid_of(header)
    values, _, warnings = _read_binary("unwrapped", path, grid, item_bytes)
    for warning in warnings:
        _log.warning(warning)
    return values, grid


def read_real(
    role: str, path: Path, grid: Grid, allow_truncated: bool
) -> tuple[NDArray[np.float32], dict[str, Any], list[str]]:
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
    return _read_binary(role, path, grid, _REAL_BYTES)


def _layout(path: Path, files: PairFiles) -> tuple[Header, int]:
    """Find the header whose size fits the file, and bytes per pixel (E02, E03).

    Only exact fits count; if there is none, the likeliest header of which the file has whole rows
    tells that it is truncated.
    """
    size, item_sizes = path.stat().st_size, _item_sizes(path)
    headers = list(gamma_headers.candidates(path, (files.date1, files.date2), files.header))
    for header in headers:
        for item_bytes in item_sizes:
            if size == header.width * header.lines * item_bytes:
                return header, item_bytes
    for header in headers:
        row_bytes = header.width * item_sizes[0]
        if row_bytes and size % row_bytes == 0 and size < row_bytes * header.lines:
            rows = size // row_bytes
            _require_permission(path, rows, header.lines, bool(files.options.get("allow_truncated")), header)
            return header, item_sizes[0]
    raise _no_fit(path, size, item_sizes[0], headers)


def _item_sizes(path: Path) -> tuple[int, ...]:
    """Bytes per pixel a file name allows, likeliest first."""
    if path.suffix in REAL_SUFFIXES:
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
            "mli.par; put it there or name it under header (E02)."
        )
    tried = ", ".join(f"{h.path.name}: {h.width}x{h.lines}" for h in headers[:4])
    if size % item_bytes:
        cause = f"no whole number of {item_bytes}-byte pixels, so the file is damaged; copy it again (E02)."
    else:
        fits = checks.possible_sizes(size // item_bytes)
        cause = f"which would fit {fits}; name the header that belongs to the file (E02)."
    return InputError(f"{path}: expected the size a header tells ({tried}), found {size} bytes, {cause}")


def _read_binary(
    role: str, path: Path, grid: Grid, item_bytes: int
) -> tuple[NDArray[np.float32], dict[str, Any], list[str]]:
    """Read phase or a real quantity by blocks of rows; missing rows and zeros are NaN."""
    order, warnings = checks.byte_order(path, _sample_words(path))
    dtype = np.dtype(f"{order}{'c' if item_bytes == _COMPLEX_BYTES else 'f'}{item_bytes}")
    values = np.full(grid.shape, np.nan, np.float32)
    rows = path.stat().st_size // (grid.width * item_bytes)
    for top in range(0, rows, _ROWS_PER_BLOCK):
        count = min(_ROWS_PER_BLOCK, rows - top)
        block = np.fromfile(path, dtype, count * grid.width, offset=top * grid.width * item_bytes)
        values[top : top + count] = _numbers(block.astype(dtype.newbyteorder("="))).reshape(count, grid.width)
    if rows < grid.height:
        warnings = [*warnings, f"{path.name}: truncated, {grid.height - rows} lines missing (E03)"]
    return values, source_entry(role, path, dtype.str, "big" if order == ">" else "little"), warnings


def _numbers(block: NDArray[Any]) -> NDArray[np.float32]:
    """Angle of complex numbers, or real numbers as they are; NaN where 0 or not finite."""
    values = np.angle(block) if np.iscomplexobj(block) else block
    return np.where((block != 0) & np.isfinite(block), values, np.nan).astype(np.float32)


def _sample_words(path: Path) -> NDArray[np.uint32]:
    """Non-zero 4-byte words from blocks spread over the file."""
    words = path.stat().st_size // 4
    starts = np.unique(np.linspace(0, max(0, words - _SAMPLE_WORDS), _SAMPLE_BLOCKS).astype(int))
    blocks = [np.fromfile(path, np.uint32, _SAMPLE_WORDS, offset=4 * int(start)) for start in starts]
    sample = np.concatenate(blocks)
    return sample[sample != 0]

"""Headerless rasters of one or more bands, laid out as a header elsewhere says."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.readers import checks
from basinwatch.rows import Rows


@dataclass(frozen=True)
class Layout:
    """Where the numbers of a raster stand.

    Parameters
    ----------
    width, lines, bands
        Size in pixels and number of bands.
    dtype
        Type of a number, byte order included.
    scheme
        ``BIP``, ``BIL`` or ``BSQ``: bands interleaved by pixel, by line or not at all.
    header
        File that says so.
    """

    width: int
    lines: int
    bands: int
    dtype: np.dtype[Any]
    scheme: str
    header: Path

    @property
    def row_bytes(self) -> int:
        """Bytes of one line of all bands."""
        return self.width * self.bands * self.dtype.itemsize


def band_rows(path: Path, layout: Layout, band: int, allow_truncated: bool = False) -> Rows:
    """Rows of one band (counted from 1) in native byte order; missing lines are 0.

    Raises
    ------
    InputError
        If the file has not the size the layout asks for.
    """
    return stored_rows(path, layout, band, _present_rows(path, layout, allow_truncated))


def stored_rows(path: Path, layout: Layout, band: int, present: int) -> Rows:
    """Like :func:`band_rows` for a file that is known to hold so many lines."""

    def read(first: int, last: int) -> NDArray[Any]:
        count = max(0, min(last, present) - first)
        block = _block(path, layout, band, first, count).astype(layout.dtype.newbyteorder("="))
        return block if count == last - first else np.pad(block, ((0, last - first - count), (0, 0)))

    return Rows(layout.lines, layout.width, lambda: nullcontext(read))


def _block(path: Path, layout: Layout, band: int, first: int, count: int) -> NDArray[Any]:
    """Rows of a band as stored."""
    apart = layout.scheme == "BSQ"
    bands, begin = (1, (band - 1) * layout.lines) if apart else (layout.bands, 0)
    row_numbers = layout.width * bands
    start = (begin + first) * row_numbers * layout.dtype.itemsize
    block = np.fromfile(path, layout.dtype, count * row_numbers, offset=start)
    if layout.scheme == "BIP":
        return block.reshape(count, layout.width, bands)[..., band - 1]
    return block.reshape(count, bands, layout.width)[:, 0 if apart else band - 1]


def _present_rows(path: Path, layout: Layout, allow_truncated: bool) -> int:
    """Lines a file holds (E02, E03); fewer than declared only where allowed, and half of them at least."""
    checks.reject_unreadable(path)
    size, expected = path.stat().st_size, layout.lines * layout.row_bytes
    said = f"{layout.lines}x{layout.width} px in {layout.bands} band(s) of {layout.dtype.name} ({layout.header.name})"
    if size == expected:
        return layout.lines
    rows = size // layout.row_bytes
    whole = size == rows * layout.row_bytes and (layout.bands == 1 or layout.scheme != "BSQ")
    if not whole or rows > layout.lines or rows < layout.lines / 2:
        raise InputError(
            f"{path}: found {size} bytes, expected {expected} for {said}; the file is damaged or the header belongs to "
            "another one; copy both again (E02)."
        )
    if not allow_truncated:
        raise InputError(
            f"{path}: found {rows} of the lines of {said}; the file is truncated; copy it again, or set "
            "allow_truncated to take the missing lines as no data (E03)."
        )
    return rows


def radians(values: NDArray[Any]) -> NDArray[np.float32]:
    """Angle of complex numbers, or real numbers as they are; NaN where 0 or not finite."""
    with np.errstate(over="ignore", invalid="ignore"):  # of damaged numbers
        numbers = np.angle(values) if np.iscomplexobj(values) else values
        return np.where((values != 0) & np.isfinite(values), numbers, np.nan).astype(np.float32)

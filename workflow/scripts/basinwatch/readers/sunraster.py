"""SUN raster pictures (``.ras``): 8 and 24 or 32 bits, read plain or run-length encoded, written plain.

Widely installed decoders either cannot open them or get run-length encoding wrong for odd widths.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.provenance import atomic_path

MAGIC = b"\x59\xa6\x6a\x95"
_HEADER_BYTES = 32
_STANDARD, _RUN_LENGTH, _RGB_ORDER, _EQUAL_RGB_MAP = 1, 2, 3, 1
_ESCAPE = 0x80
_MAX_RUN = 256  # of one run, which takes three bytes
_MAX_PALETTE = 256


@dataclass(frozen=True)
class _Header:
    """Size in pixels, bits per pixel, kind of encoding, and kind and bytes of the palette."""

    width: int
    height: int
    depth: int
    kind: int
    map_kind: int
    map_bytes: int

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, which is padded to 16 bits."""
        return (self.width * self.depth + 15) // 16 * 2

    @property
    def pixel_bytes(self) -> int:
        """Bytes of all rows."""
        return self.row_bytes * self.height


def read_size(path: Path) -> tuple[int, int]:
    """Return (height, width) from the header; errors are those of :func:`read`."""
    header = _read_header(path)
    return header.height, header.width


def read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Read a SUN raster.

    Returns
    -------
    pixels, palette
        uint8 (y, x) indices and a (n, 3) palette (None for grey), or (y, x, 3) colours and None.

    Raises
    ------
    InputError
        If the file is no SUN raster, ends early, or has an unusual depth or palette.
    """
    header = _read_header(path)
    content = path.read_bytes()
    palette = None
    if header.map_kind == _EQUAL_RGB_MAP and header.map_bytes:
        palette = np.frombuffer(content, np.uint8, header.map_bytes, _HEADER_BYTES).reshape(3, -1).T
    encoded = memoryview(content)[_HEADER_BYTES + header.map_bytes :]
    pixels = _expand_runs(encoded.tobytes(), header.pixel_bytes) if header.kind == _RUN_LENGTH else encoded
    if len(pixels) < header.pixel_bytes:
        raise _truncated(path, header, len(pixels))
    rows = np.frombuffer(pixels, np.uint8, header.pixel_bytes).reshape(header.height, header.row_bytes)
    channels = header.depth // 8
    rows = rows[:, : header.width * channels]
    if channels == 1:
        return rows, palette
    colors = rows.reshape(header.height, header.width, channels)[..., channels - 3 :]
    return (colors if header.kind == _RGB_ORDER else colors[..., ::-1]), None


def write(path: Path, pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None) -> None:
    """Write a SUN raster of the standard type.

    Parameters
    ----------
    pixels
        uint8 (y, x) indices into `palette`, or (y, x, 3) colours.
    palette
        uint8 (n, 3); None for colours.
    """
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else 3
    rows = (pixels if channels == 1 else pixels[..., ::-1]).reshape(height, width * channels)
    padded = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).tobytes()
    colors = b"" if palette is None else palette.T.tobytes()
    map_kind = _EQUAL_RGB_MAP if colors else 0
    fields = (width, height, 8 * channels, len(padded), _STANDARD, map_kind, len(colors))
    with atomic_path(path) as part:
        part.write_bytes(MAGIC + struct.pack(">7I", *fields) + colors + padded)


def _read_header(path: Path) -> _Header:
    """Read and check the header against the size of the file, before memory is asked for."""
    with path.open("rb") as stream:
        content = stream.read(_HEADER_BYTES)
    if len(content) < _HEADER_BYTES or content[:4] != MAGIC:
        raise InputError(f"{path}: no SUN raster header found; expected one in a .ras file; check the file.")
    _, width, height, depth, _, kind, map_kind, map_bytes = struct.unpack(">8I", content)
    header = _Header(width, height, depth, kind, map_kind, map_bytes)
    if depth not in (8, 24, 32):
        raise InputError(f"{path}: found {depth} bits per pixel, expected 8, 24 or 32; save the picture in colour.")
    if not width or not height:
        raise InputError(f"{path}: found {height}x{width} px, expected at least one; save the picture again.")
    if map_kind == _EQUAL_RGB_MAP and (map_bytes % 3 or map_bytes > 3 * _MAX_PALETTE):
        raise InputError(
            f"{path}: found a palette of {map_bytes} bytes, expected three for each of up to {_MAX_PALETTE} colours; "
            "save the picture again."
        )
    present = path.stat().st_size - _HEADER_BYTES - map_bytes
    if present < 0 or header.pixel_bytes > (present * _MAX_RUN // 3 if kind == _RUN_LENGTH else present):
        raise _truncated(path, header, max(present, 0))
    return header


def _truncated(path: Path, header: _Header, found: int) -> InputError:
    """Say that a file ends before its last row."""
    return InputError(
        f"{path}: found {found} bytes of pixels, expected {header.pixel_bytes} for {header.height}x{header.width} at "
        f"{header.depth} bits; the file is truncated; copy it again (E02)."
    )


def _expand_runs(encoded: bytes, length: int) -> bytes:
    """Undo run-length encoding up to a length: 0x80 n v stands for n + 1 times v, and 0x80 0 for 0x80 itself."""
    expanded, position = bytearray(), 0
    while len(expanded) < length:
        escape = encoded.find(_ESCAPE, position)
        if escape < 0:
            expanded += encoded[position : position + length - len(expanded)]
            break
        expanded += encoded[position:escape]
        if escape + 1 == len(encoded):
            break
        count = encoded[escape + 1]
        expanded += encoded[escape + 2 : escape + 3] * (count + 1) if count else b"\x80"
        position = escape + (3 if count else 2)
    return bytes(expanded)

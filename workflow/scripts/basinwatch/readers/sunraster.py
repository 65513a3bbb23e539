"""SUN raster pictures (``.ras``): 8 and 24 or 32 bits, plain or run-length encoded.

Widely installed decoders either cannot open them or get run-length encoding wrong for odd widths.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError

MAGIC = b"\x59\xa6\x6a\x95"
_HEADER_BYTES = 32
_RUN_LENGTH, _RGB_ORDER, _EQUAL_RGB_MAP = 2, 3, 1
_ESCAPE = 0x80


def read_size(path: Path) -> tuple[int, int]:
    """Return (height, width) from the header."""
    with path.open("rb") as stream:
        width, height = _header(path, stream.read(_HEADER_BYTES))[:2]
    return height, width


def read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Read a SUN raster.

    Returns
    -------
    pixels, palette
        uint8 (y, x) indices and a (n, 3) palette (None for grey), or (y, x, 3) colours and None.

    Raises
    ------
    InputError
        If the file is no SUN raster, ends early or has an unusual depth.
    """
    content = path.read_bytes()
    width, height, depth, kind, map_kind, map_bytes = _header(path, content)
    palette = None
    if map_kind == _EQUAL_RGB_MAP and map_bytes:
        palette = np.frombuffer(content, np.uint8, map_bytes, _HEADER_BYTES).reshape(3, -1).T
    row_bytes = (width * depth + 15) // 16 * 2  # rows are padded to 16 bits
    encoded = content[_HEADER_BYTES + map_bytes :]
    pixels = _expand_runs(encoded) if kind == _RUN_LENGTH else encoded
    if len(pixels) < row_bytes * height:
        raise InputError(
            f"{path}: found {len(pixels)} bytes of pixels, expected {row_bytes * height} for {height}x{width} at "
            f"{depth} bits; the file is truncated; copy it again."
        )
    rows = np.frombuffer(pixels, np.uint8, row_bytes * height).reshape(height, row_bytes)
    channels = depth // 8
    rows = rows[:, : width * channels]
    if channels == 1:
        return rows, palette
    colors = rows.reshape(height, width, channels)[..., channels - 3 :]
    return (colors if kind == _RGB_ORDER else colors[..., ::-1]), None


def _header(path: Path, content: bytes) -> tuple[int, int, int, int, int, int]:
    """Width, height, depth, type, map type and map length."""
    if len(content) < _HEADER_BYTES or content[:4] != MAGIC:
        raise InputError(f"{path}: no SUN raster header found; expected one in a .ras file; check the file.")
    _, width, height, depth, _, kind, map_kind, map_bytes = struct.unpack(">8I", content[:_HEADER_BYTES])
    if depth not in (8, 24, 32):
        raise InputError(f"{path}: found {depth} bits per pixel, expected 8, 24 or 32; save the picture in colour.")
    return width, height, depth, kind, map_kind, map_bytes


def _expand_runs(encoded: bytes) -> bytes:
    """Undo run-length encoding: 0x80 n v stands for n + 1 times v, and 0x80 0 for 0x80 itself."""
    parts: list[bytes] = []
    position = 0
    while (escape := encoded.find(_ESCAPE, position)) >= 0 and escape + 1 < len(encoded):
        parts.append(encoded[position:escape])
        count = encoded[escape + 1]
        parts.append(encoded[escape + 2 : escape + 3] * (count + 1) if count else b"\x80")
        position = escape + (3 if count else 2)
    return b"".join(parts) + encoded[position:]

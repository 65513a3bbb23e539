"""Sizes that only a damaged or hostile header declares, refused before memory is asked for them."""

from __future__ import annotations

from pathlib import Path

from basinwatch.errors import InputError

_FREE_PIXELS = 2**24
_MAX_PIXELS_PER_BYTE = 1000  # deflate packs no more bytes into one


def require_room(path: Path, pixels: int) -> None:
    """E02: refuse a raster with more pixels than a file can hold however well it is compressed.

    Parameters
    ----------
    path
        The file, which a sparse or compressed raster may exceed.
    pixels
        What its header declares.

    Raises
    ------
    InputError
        Beyond 17 million pixels, if there are more than 1000 for each byte of the file.
    """
    size = path.stat().st_size
    if pixels > _FREE_PIXELS + _MAX_PIXELS_PER_BYTE * size:
        raise InputError(
            f"{path}: found {size} bytes for {pixels} pixels, expected more however well they are compressed; the file "
            "is damaged; copy it again (E02)."
        )

"""Headers of classic netCDF, walked before the C library sees them: it crashes on counts that a file cannot hold.

The layout is that of the netCDF classic format specification (CDF-1, CDF-2 and CDF-5).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from basinwatch.errors import InputError

_DIMENSION, _VARIABLE, _ATTRIBUTE = 10, 11, 12
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
# Bytes of a count and of a file offset, by the version in the magic number.
_VERSIONS = {1: (4, 4), 2: (4, 8), 5: (8, 8)}


@dataclass(frozen=True)
class _Reader:
    """A header being walked: numbers that the file cannot hold end the walk with a ValueError."""

    stream: BinaryIO
    size: int
    count_bytes: int
    offset_bytes: int

    def number(self, length: int) -> int:
        """Next big-endian number."""
        content = self.stream.read(length)
        if len(content) < length:
            raise ValueError("it ends in its header")
        return int.from_bytes(content, "big")

    def count(self) -> int:
        """Next number of things, of which each takes a byte at least."""
        found = self.number(self.count_bytes)
        if found > self.size:
            raise ValueError(f"{found} things in {self.size} bytes")
        return found

    def skip(self, length: int) -> None:
        """Pass over bytes and their padding to four."""
        self.stream.seek(-(-length // 4) * 4, 1)
        if self.stream.tell() > self.size:
            raise ValueError("it ends in its header")

    def elements(self, tag: int) -> range:
        """Begin a list; it may be absent."""
        found, count = self.number(4), self.count()
        if found not in (0, tag) or (found == 0 and count):
            raise ValueError(f"tag {found} in place of {tag}")
        return range(count)


def require_sound(path: Path) -> None:
    """Check the header of a classic netCDF file; others pass.

    Raises
    ------
    InputError
        If it ends early, or declares what the file cannot hold.
    """
    with path.open("rb") as stream:
        magic = stream.read(4)
        if magic[:3] != b"CDF" or magic[3] not in _VERSIONS:
            return
        try:
            _walk(_Reader(stream, path.stat().st_size, *_VERSIONS[magic[3]]))
        except ValueError as error:
            raise InputError(f"{path}: found a damaged netCDF header ({error}); copy the file again.") from None


def _walk(header: _Reader) -> None:
    """Pass over all of a header."""
    header.number(header.count_bytes)  # of records, which may be unknown
    dimensions = header.elements(_DIMENSION)
    for _ in dimensions:
        header.skip(header.count())
        header.number(header.count_bytes)  # its length
    _attributes(header)
    for _ in header.elements(_VARIABLE):
        header.skip(header.count())
        for _ in range(header.count()):
            if header.number(header.count_bytes) >= len(dimensions):
                raise ValueError("a variable of a dimension that is not there")
        _attributes(header)
        _value_bytes(header)
        header.number(header.count_bytes)  # its size, which readers compute themselves
        if header.number(header.offset_bytes) > header.size:
            raise ValueError("a variable beyond its end")


def _attributes(header: _Reader) -> None:
    """Pass over a list of attributes."""
    for _ in header.elements(_ATTRIBUTE):
        header.skip(header.count())
        bytes_each = _value_bytes(header)
        header.skip(header.count() * bytes_each)


def _value_bytes(header: _Reader) -> int:
    """Bytes of a value of the type that comes next."""
    kind = header.number(4)
    if kind not in _VALUE_BYTES:
        raise ValueError(f"type {kind}")
    return _VALUE_BYTES[kind]

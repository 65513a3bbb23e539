"""Zip archives that are read where they lie: nothing is unpacked, and no member is taken on trust."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from basinwatch.errors import InputError

_MAGIC = b"PK\x03\x04"
_MAX_MEMBERS = 10_000
_MAX_BYTES = 32 * 2**30
_MAX_RATIO, _FREE_BYTES = 300, 64 * 2**20
_MAX_TEXT_BYTES = 2**20


def is_zip(path: Path) -> bool:
    """Whether a file starts like a zip archive."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(4) == _MAGIC


def members(path: Path) -> list[str]:
    """Names of an archive's files.

    Raises
    ------
    InputError
        If it is damaged, or a member points out of it, is encrypted or swells beyond measure.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{path}: cannot be read as a zip archive ({error}); download it again.") from None
    if len(entries) > _MAX_MEMBERS:
        raise InputError(
            f"{path}: found {len(entries)} members, expected a product of some twenty; unpack it yourself."
        )
    for entry in entries:
        _check(path, entry)
    return [entry.filename for entry in entries if not entry.is_dir()]


def _check(path: Path, entry: zipfile.ZipInfo) -> None:
    """Refuse members that an honest product does not have."""
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or entry.flag_bits & 1:
        raise InputError(f"{path}: found the member '{entry.filename}', expected plain files inside the archive.")
    swollen = entry.file_size > _FREE_BYTES and entry.file_size > _MAX_RATIO * max(entry.compress_size, 1)
    if swollen or entry.file_size > _MAX_BYTES:
        raise InputError(
            f"{path}: member '{entry.filename}' swells from {entry.compress_size} to {entry.file_size} bytes, expected "
            f"at most {_MAX_RATIO} times; unpack it yourself if you trust it."
        )


def gdal_name(path: Path, member: str) -> str:
    """Name by which GDAL reads a member in place."""
    return f"/vsizip/{{{path.absolute()}}}/{member}"


def read_text(path: Path, member: str) -> str:
    """Read the beginning of a text member.

    Raises
    ------
    InputError
        If the member is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            return stream.read(_MAX_TEXT_BYTES).decode("latin-1")
    except (zipfile.BadZipFile, OSError, EOFError, KeyError, NotImplementedError, zlib.error) as error:
        raise InputError(f"{path}: member '{member}' cannot be read ({error}); download it again.") from None

"""What every product carries: versions, hashes, and a file that is whole or not there."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

from basinwatch import __version__
from basinwatch.errors import InputError

_PACKAGES = ("numpy", "scipy", "rasterio", "geopandas", "torch", "snakemake")


def software() -> str:
    """Name and version that go into every product."""
    return f"basinwatch {__version__}"


def package_versions() -> dict[str, str]:
    """Versions of the packages results depend on; one that this job's environment lacks took no part."""
    versions = {"basinwatch": __version__, "python": sys.version.split()[0]}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_hash(value: Any) -> str:
    """SHA-256 of a JSON-serialisable value, independent of key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name in the same folder; rename it to `path` when the block succeeds.

    A job that is killed leaves at most a ``.part`` file behind, never a half-written product.
    The suffix stays last because drivers choose the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    part.unlink(missing_ok=True)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically, keys in the given order, one trailing newline."""
    with atomic_path(path) as part:
        part.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that :func:`write_json` wrote."""
    fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return fields


def log_to(path: str | Path) -> None:
    """Send this job's log records and its last error to the rule's log file.

    An :class:`InputError`, a file that cannot be used and lack of memory are written as one sentence; anything else
    with its traceback.
    """
    logging.basicConfig(filename=path, filemode="w", level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    logging.captureWarnings(True)

    def record(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sentence = _sentence(error)
        if sentence is not None:
            log_failure(sentence)
        else:
            logging.error("unexpected %s", kind.__name__, exc_info=(kind, error, trace))

    sys.excepthook = record


def log_failure(sentence: str) -> None:
    """Write to the rule's log what did not come about and why; the list of what failed takes it from there."""
    logging.getLogger("error").error("%s", sentence)


def _sentence(error: BaseException) -> str | None:
    """Say in one sentence what a user can mend; None for a fault of the program."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, MemoryError):
        return (
            f"The memory ran out ({error}); give the job more (`--set-resources RULE:mem_mb=…` and a larger machine)."
        )
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"{error.filename}: {error.strerror}; expected a file that is there, may be read or written and finds room "
            "on its disk; mend that and run again."
        )
    return None

"""What can be wrong with an input file, one small function per mistake.

The codes E01… number the checks in the documentation of the ingest stage.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.phase import wrap
from basinwatch.readers.survey import SAMPLE_PIXELS, Survey

MAX_OUTLIER_SHARE = 1e-3
MAX_ZERO_SHARE = 1e-3
_MAX_FILL_PIXELS = 100
_MIN_VALID_SHARE = 0.05
_TEXT_STARTS = (b"<!doctype", b"<html", b"<?xml")
_PLAUSIBLE_MAGNITUDE = (1e-12, 1e12)


def reject_unreadable(path: Path) -> None:
    """E01: missing or empty file, or a web page saved in place of data."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a raster; check the name in the pair table.")
    try:
        with path.open("rb") as stream:
            start = stream.read(64).lstrip().lower()
    except OSError as error:
        raise InputError(
            f"{path}: found a file that cannot be read ({error.strerror}); check it and its rights."
        ) from None
    if not start:
        raise InputError(f"{path}: the file is empty, expected a raster; the download failed, fetch it again (E01).")
    if start.startswith(_TEXT_STARTS):
        raise InputError(f"{path}: found HTML or XML, expected a raster; the download failed, fetch it again (E01).")


def require_two_dates(path: Path, date1: date, date2: date) -> None:
    """E12: a pair needs two different dates."""
    if date1 == date2:
        raise InputError(f"{path}: both dates are {date1}, expected two different ones; correct the pair table (E12).")


def possible_sizes(pixels: int, limit: int = 5) -> str:
    """Sizes (width x lines) a file of so many pixels can have, squarest first (help for E02)."""
    widths = np.arange(200, min(60_000, max(pixels, 200)) + 1)
    widths = widths[pixels % widths == 0]
    lines = pixels // widths
    plausible = (widths <= 8 * lines) & (lines <= 8 * widths)
    widths, lines = widths[plausible], lines[plausible]
    squarest = np.argsort(np.abs(np.log(widths / lines)), kind="stable")[:limit]
    return ", ".join(f"{w}x{n}" for w, n in zip(widths[squarest], lines[squarest], strict=True)) or "no plausible size"


def order_score(words: NDArray[Any], order: str) -> float:
    """Share of non-zero 4-byte words that are plausible float numbers in a byte order (``>`` or ``<``)."""
    values = np.abs(words.view(f"{order}f4"))
    values = values[(values != 0) & ~np.isnan(values)]
    low, high = _PLAUSIBLE_MAGNITUDE
    return float(((values > low) & (values < high)).mean()) if values.size else 0.0


def byte_order(path: Path, words: NDArray[Any]) -> tuple[str, list[str]]:
    """E04, E05: find the byte order of float data; big unless little is clearly right.

    Parameters
    ----------
    words
        A sample of the file as 4-byte words; without a non-zero one the order cannot be told.

    Returns
    -------
    order, warnings
        ``>`` (big) or ``<`` (little).

    Raises
    ------
    InputError
        If the numbers are implausible in both orders.
    """
    if not words.any():
        return ">", []
    big, little = order_score(words, ">"), order_score(words, "<")
    if big >= 0.99:  # a constant can be plausible both ways
        return ">", []
    if little >= 0.99 and little - big >= 0.3:
        return "<", [f"{path.name}: little-endian instead of GAMMA's big-endian; read as little-endian (E05)"]
    raise InputError(
        f"{path}: {big:.0%} of the numbers are plausible as big-endian and {little:.0%} as little-endian floats, "
        "expected at least 99 % in one order; the file is not float or complex float data, check its type (E04)."
    )


def phase_kind(path: Path, found: Survey, kind: str) -> tuple[str, list[str]]:
    """E06, E07: decide by their range whether real numbers are wrapped phase.

    Parameters
    ----------
    kind
        ``auto``, ``wrapped`` or ``unwrapped`` as the user said.

    Returns
    -------
    kind, warnings
        ``wrapped``, ``unwrapped`` or ``0_2pi``.

    Raises
    ------
    InputError
        If the range is not that of wrapped phase and the user did not say ``unwrapped``.
    """
    if kind == "unwrapped":
        return "unwrapped", _metres_warning(path, found, kind)
    if found.beyond <= MAX_OUTLIER_SHARE * found.finite:
        return "wrapped", _metres_warning(path, found, kind)
    if found.low >= 0 and found.high <= 2 * np.pi + 1e-3:
        return "0_2pi", [f"{path.name}: values between 0 and 2π taken as phase and wrapped to ±π"]
    raise InputError(
        f"{path}: values from {found.low:.4g} to {found.high:.4g}, expected wrapped phase within ±π; "
        f"{_suspicion(found)} (E06)."
    )


def _suspicion(found: Survey) -> str:
    """Name what numbers beyond ±π may be."""
    if -180.5 <= found.low < -90 and 90 < found.high <= 180.5:
        return "these look like degrees, convert them to radians"
    if found.low >= 0 and 100 < found.high <= 255 and found.is_whole:
        return "these look like grey levels 0-255 of a picture, give the numeric phase"
    return "these look like unwrapped phase, set kind: unwrapped if they are"


def _metres_warning(path: Path, found: Survey, kind: str) -> list[str]:
    """E07: tiny numbers are more likely metres than phase."""
    largest = max(-found.low, found.high)
    if largest >= 0.5 or float(np.std(found.sample)) >= 0.05:
        return []
    said = f"all values within ±{largest:.2g}"
    if kind == "auto":
        raise InputError(
            f"{path}: {said}, expected phase in radians; is this displacement in metres? set kind: wrapped if it is "
            "phase (E07)."
        )
    return [f"{path.name}: {said}; displacement in metres? (E07)"]


def coherence_unit(path: Path, found: Survey, dtype: str) -> tuple[float, list[str]]:
    """E08: number that stands for a coherence of 1, whether stored as 0…1, as whole numbers 0…255 or as bytes.

    Returns
    -------
    unit, warnings
        A warning if 0…255 may be percent.

    Raises
    ------
    InputError
        If the values are neither.
    """
    if found.is_whole and found.low >= 0 and (dtype == "uint8" or 1.001 < found.high <= 255):
        return 255.0, _percent_warning(path, found)
    if found.finite and (found.low < 0 or found.high > 1.001):
        raise InputError(
            f"{path}: coherence from {found.low:.4g} to {found.high:.4g}, expected 0 to 1 or whole numbers 0 to 255; "
            "are phase and coherence swapped, or is it of another data type? (E08)."
        )
    return 1.0, []


def _percent_warning(path: Path, found: Survey) -> list[str]:
    """E08: whole numbers of which none exceeds 100 may be percent."""
    if not 1 < found.high <= 100:
        return []
    return [f"{path.name}: coherence up to {found.high:g} taken as whole numbers 0-255; percent? store it as 0-1 (E08)"]


def valid_share(path: Path, share: float) -> list[str]:
    """E09: hardly any valid pixel.

    Raises
    ------
    InputError
        If there is none at all.
    """
    if share == 0:
        raise InputError(
            f"{path}: no valid pixel, only zeros or no-data; expected phase; check or drop the pair (E09)."
        )
    if share >= _MIN_VALID_SHARE:
        return []
    return [f"{path.name}: only {share:.2%} of the pixels are valid; wrong file or wrong no-data value? (E09)"]


def zeros_are_nodata(path: Path, found: Survey) -> list[str]:
    """E10: exact zeros too many to be chance; returns a warning if they are to be taken as no data."""
    share = found.zeros / max(found.pixels, 1)
    if share <= MAX_ZERO_SHARE:
        return []
    return [f"{path.name}: {share:.2%} of the pixels are exactly 0 and no no-data value is declared; left out (E10)"]


def fills_are_nodata(path: Path, found: Survey) -> list[str]:
    """E11: many pixels exactly -π are a fill value of some older products."""
    if found.fills <= _MAX_FILL_PIXELS:
        return []
    return [f"{path.name}: {found.fills} pixels are exactly -π, a fill value; left out (E11)"]


def noise(path: Path, phase: NDArray[np.float32]) -> list[str]:
    """E22: neighbours differ like pure noise, as they do when width or byte order is wrong.

    The difference of two uniform random phases has median π/2; 5 % below is already noise.
    """
    rows = phase[:: max(1, phase.size // SAMPLE_PIXELS)]
    steps = np.abs(wrap(np.diff(rows, axis=1)))
    steps = steps[np.isfinite(steps)]
    if not steps.size or np.median(steps) < 0.95 * np.pi / 2:
        return []
    return [f"{path.name}: phase differs by {np.median(steps):.2f} rad between neighbours; noise or wrong width? (E22)"]

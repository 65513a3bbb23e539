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

WRAPPED_LIMIT_RAD = np.pi + 1e-3
MAX_OUTLIER_SHARE = 1e-3
MAX_ZERO_SHARE = 1e-3
GAMMA_FILL = np.float32(-np.pi)
_MAX_FILL_PIXELS = 100
_MIN_VALID_SHARE = 0.05
_TEXT_STARTS = (b"<!doctype", b"<html", b"<?xml")
_PLAUSIBLE_MAGNITUDE = (1e-12, 1e12)
_SAMPLE_PIXELS = 1_000_000


def reject_unreadable(path: Path) -> None:
    """E01: missing or empty file, or a web page saved in place of data."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a raster; check the name in the pair table.")
    with path.open("rb") as stream:
        start = stream.read(64).lstrip().lower()
    if not start:
        raise InputError(f"{path}: the file is empty, expected a raster; the download failed, fetch it again.")
    if start.startswith(_TEXT_STARTS):
        raise InputError(f"{path}: found HTML or XML text, expected a raster; the download failed, fetch it again.")


def require_two_dates(path: Path, date1: date, date2: date) -> None:
    """E12: a pair needs two different dates."""
    if date1 == date2:
        raise InputError(f"{path}: both dates are {date1}, expected two different ones; correct the pair table.")


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


def phase_kind(path: Path, values: NDArray[np.float32], kind: str) -> tuple[str, list[str]]:
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
        return "unwrapped", []
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    outliers = np.count_nonzero(values > WRAPPED_LIMIT_RAD) + np.count_nonzero(values < -WRAPPED_LIMIT_RAD)
    if outliers <= MAX_OUTLIER_SHARE * np.count_nonzero(np.isfinite(values)):
        return "wrapped", _metres_warning(path, values, kind, max(-low, high))
    if low >= 0 and high <= 2 * np.pi + 1e-3:
        return "0_2pi", [f"{path.name}: values between 0 and 2π taken as phase and wrapped to ±π"]
    raise InputError(
        f"{path}: values from {low:.4g} to {high:.4g}, expected wrapped phase within ±π; "
        f"{_suspicion(values, low, high)} (E06)."
    )


def _suspicion(values: NDArray[np.float32], low: float, high: float) -> str:
    """Name what numbers beyond ±π may be."""
    if -180.5 <= low < -90 and 90 < high <= 180.5:
        return "these look like degrees, convert them to radians"
    if low >= 0 and 100 < high <= 255 and _all_whole(values):
        return "these look like grey levels 0-255 of a picture, give the numeric phase"
    return "these look like unwrapped phase, set kind: unwrapped if they are"


def _metres_warning(path: Path, values: NDArray[np.float32], kind: str, largest: float) -> list[str]:
    """E07: tiny numbers are more likely metres than phase."""
    if largest >= 0.5 or float(np.std(sample(values))) >= 0.05:
        return []
    found = f"all values within ±{largest:.2g}"
    if kind == "auto":
        raise InputError(
            f"{path}: {found}, expected phase in radians; is this displacement in metres? set kind: wrapped if it is "
            "phase (E07)."
        )
    return [f"{path.name}: {found}; displacement in metres? (E07)"]


def coherence_share(path: Path, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """E08: bring coherence to 0…1 (in place if it can), whether stored so or as integers 0…255; NaN stays.

    Raises
    ------
    InputError
        If the values are neither.
    """
    low, high = float(np.fmin.reduce(values, axis=None)), float(np.fmax.reduce(values, axis=None))
    if low >= 0 and 1.001 < high <= 255 and _all_whole(values):
        return values / np.float32(255)
    if low < 0 or high > 1.001:
        raise InputError(
            f"{path}: coherence from {low:.4g} to {high:.4g}, expected 0 to 1 or whole numbers 0 to 255; are phase and "
            "coherence swapped, or is it of another data type? (E08)."
        )
    return np.minimum(values, 1, out=values)


def _all_whole(values: NDArray[np.float32]) -> bool:
    """Whether every finite number is whole."""
    return bool(np.all(values[np.isfinite(values)] % 1 == 0))


def valid_share(path: Path, values: NDArray[np.float32]) -> list[str]:
    """E09: hardly any valid pixel.

    Raises
    ------
    InputError
        If there is none at all.
    """
    share = float(np.isfinite(values).mean())
    if share == 0:
        raise InputError(
            f"{path}: no valid pixel, only zeros or no-data; expected phase; check or drop the pair (E09)."
        )
    if share >= _MIN_VALID_SHARE:
        return []
    return [f"{path.name}: only {share:.2%} of the pixels are valid; wrong file or wrong no-data value? (E09)"]


def zeros_are_nodata(path: Path, values: NDArray[np.float32]) -> list[str]:
    """E10: exact zeros too many to be chance; returns a warning if they are to be taken as no data."""
    share = float(np.mean(values == 0))
    if share <= MAX_ZERO_SHARE:
        return []
    return [f"{path.name}: {share:.2%} of the pixels are exactly 0 and no no-data value is declared; left out (E10)"]


def fills_are_nodata(path: Path, values: NDArray[np.float32]) -> list[str]:
    """E11: many pixels exactly -π are a fill value of some older products."""
    count = int(np.count_nonzero(values == GAMMA_FILL))
    if count <= _MAX_FILL_PIXELS:
        return []
    return [f"{path.name}: {count} pixels are exactly -π, a fill value; left out (E11)"]


def noise(path: Path, phase: NDArray[np.float32]) -> list[str]:
    """E22: neighbours differ like pure noise, as they do when width or byte order is wrong.

    The difference of two uniform random phases has median π/2; 5 % below is already noise.
    """
    rows = phase[:: max(1, phase.size // _SAMPLE_PIXELS)]
    steps = np.abs(wrap(np.diff(rows, axis=1)))
    steps = steps[np.isfinite(steps)]
    if not steps.size or np.median(steps) < 0.95 * np.pi / 2:
        return []
    return [f"{path.name}: phase differs by {np.median(steps):.2f} rad between neighbours; noise or wrong width? (E22)"]


def sample(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Up to a million finite values spread over a raster."""
    spread = values.ravel()[:: max(1, values.size // _SAMPLE_PIXELS)]
    return spread[np.isfinite(spread)]

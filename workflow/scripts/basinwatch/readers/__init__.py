"""Read the interferograms of several producers into the one interchange form.

A reader turns files into :class:`~basinwatch.readers.pair.RawPhase`; what is common to all (no-data,
range, coherence, order of dates, metadata) happens here, once.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import Interferogram, earlier_first
from basinwatch.phase import SENTINEL1_WAVELENGTH_M, wrap
from basinwatch.readers import checks, color_raster, gamma, geotiff, licsar
from basinwatch.readers.pair import PairFiles, RawPhase

__all__ = ["FORMATS", "PairFiles", "read_grid", "read_interferogram", "read_unwrapped", "sniff"]

FORMATS = ("auto", "gamma", "licsar", "geotiff", "color_raster")
_READERS: dict[str, ModuleType] = {
    "gamma": gamma, "licsar": licsar, "geotiff": geotiff, "color_raster": color_raster
}  # fmt: skip
_FOREIGN_SIDECARS = (".xml", ".rsc", ".hdr")


def sniff(path: Path) -> str:
    """Tell which reader a phase file needs, by its first bytes, then its name and headers beside it.

    Raises
    ------
    InputError
        If no reader fits; the message lists what was looked for.
    """
    checks.reject_unreadable(path)
    if color_raster.is_picture(path):
        return "color_raster"
    if geotiff.is_tiff(path):
        return "licsar" if licsar.is_name(path) else "geotiff"
    foreign = [s for s in _FOREIGN_SIDECARS if path.with_name(path.name + s).is_file()]
    known_suffix = path.suffix in gamma.COMPLEX_SUFFIXES + gamma.REAL_SUFFIXES
    if not foreign and (known_suffix or gamma.fits_a_header(path)):
        return "gamma"
    found = f"a binary with {path.name}{foreign[0]} of another processor" if foreign else "an unknown kind of file"
    raise InputError(
        f"{path}: found {found}; looked for a SUN, BMP or PNG picture, a TIFF, a GAMMA file extension and a GAMMA "
        "header of its size; set format, or export the pair as GeoTIFF."
    )


def read_grid(files: PairFiles, format: str = "auto") -> Grid:
    """Return the grid of a pair's phase from headers alone."""
    grid: Grid = _reader(files.phase, format).read_grid(files)
    return grid


def read_interferogram(files: PairFiles, format: str = "auto") -> Interferogram:
    """Read and check a pair: earlier date first, wrapped radians, positive away from the satellite.

    Parameters
    ----------
    files
        Phase, coherence and header of the pair, and options.
    format
        One of :data:`FORMATS`.

    Raises
    ------
    InputError
        If a file is missing, damaged or is not what it is said to be.
    """
    checks.require_two_dates(files.phase, files.date1, files.date2)
    name = sniff(files.phase) if format == "auto" else format
    raw: RawPhase = _reader(files.phase, name).read(files)
    coherence, coherence_source, notes = _coherence(files, raw.grid)
    warnings = [*raw.warnings, *notes]
    nodata_rule = _mask(files.phase, raw, coherence, warnings)
    warnings += checks.valid_share(files.phase, raw.values)
    phase, rewrapped = _wrapped(files, raw, warnings)
    warnings += checks.noise(files.phase, phase)
    metadata = _metadata(name, files, raw, warnings) | {
        "nodata_rule": nodata_rule,
        "rewrapped": rewrapped,
        "sources": [raw.source] + ([coherence_source] if coherence_source else []),
        "warnings": warnings,
    }
    return _signed(Interferogram(phase, coherence, raw.grid, files.date1, files.date2, metadata), files)


def read_unwrapped(path: Path, files: PairFiles, format: str = "auto") -> tuple[NDArray[np.float32], Grid]:
    """Read unwrapped phase of a pair in radians, NaN where there is none, with the sign of the earlier date first.

    Parameters
    ----------
    path
        The unwrapped file; `files` tells dates, header and options.
    format
        One of :data:`FORMATS`; ``auto`` looks at `path`, not at the wrapped file.
    """
    checks.require_two_dates(path, files.date1, files.date2)
    values, grid = _reader(path, format).read_unwrapped(path, files)
    checks.valid_share(path, values)
    return (-values if _is_flipped(files) else values), grid


def _reader(path: Path, format: str) -> ModuleType:
    """Return the module that reads a format."""
    if format not in FORMATS:
        raise InputError(f"format: found {format!r}, expected one of {', '.join(FORMATS)}; correct the stack's format.")
    return _READERS[sniff(path) if format == "auto" else format]


def _coherence(files: PairFiles, grid: Grid) -> tuple[NDArray[np.float32] | None, dict[str, Any] | None, list[str]]:
    """Coherence in 0…1 with NaN, its source entry and warnings; a GeoTIFF or a GAMMA binary."""
    path = files.coherence
    if path is None:
        return None, None, ["coherence missing"]
    checks.reject_unreadable(path)
    if geotiff.is_tiff(path):
        values, source = geotiff.read_coherence(path, grid)
        warnings: list[str] = []
    else:
        allowed = bool(files.options.get("allow_truncated"))
        values, source, warnings = gamma.read_real("coherence", path, grid, allowed)
    values = checks.coherence_share(path, values)
    values[values == 0] = np.nan
    return values, source, warnings


def _mask(path: Path, raw: RawPhase, coherence: NDArray[np.float32] | None, warnings: list[str]) -> str:
    """Set invalid phase to NaN in place and say by which rules.

    Zero phase without a declared no-data value is left out only if nothing else tells valid pixels.
    """
    values, rules = raw.values, [raw.nodata_rule] if raw.nodata_rule else []
    if raw.kind != "wrapped" and (found := checks.fills_are_nodata(path, values)):
        values[values == checks.GAMMA_FILL] = np.nan
        warnings += found
        rules.append("-pi")
    if coherence is not None:
        values[np.isnan(coherence)] = np.nan
        rules.append("coherence==0")
    elif raw.nodata_rule is None and (found := checks.zeros_are_nodata(path, values)):
        values[values == 0] = np.nan
        warnings += found
        rules.append("0")
    return ", ".join(rules) or "nan"


def _wrapped(files: PairFiles, raw: RawPhase, warnings: list[str]) -> tuple[NDArray[np.float32], bool]:
    """Phase within ±π and whether it had been unwrapped."""
    if raw.kind == "wrapped":
        return raw.values, False
    asked = str(files.options.get("kind", "auto"))
    said = raw.kind if asked == "auto" and raw.kind == "unwrapped" else asked
    kind, notes = checks.phase_kind(files.phase, raw.values, said)
    warnings += notes
    return wrap(raw.values).astype(np.float32), kind == "unwrapped"


def _metadata(name: str, files: PairFiles, raw: RawPhase, warnings: list[str]) -> dict[str, Any]:
    """Collect facts of the producer, null when unknown; the wavelength has a default and then a warning."""
    facts = {key: raw.facts.get(key) for key in ("heading_deg", "incidence_deg", "looks", "header", "colour")}
    wavelength = files.options.get("wavelength_m") or raw.facts.get("wavelength_m")
    if wavelength is None:
        wavelength = SENTINEL1_WAVELENGTH_M
        warnings.append(f"wavelength not found, Sentinel-1's {SENTINEL1_WAVELENGTH_M} m assumed")
    return {"processor": name, "wavelength_m": float(wavelength), "pass": _pass(facts["heading_deg"])} | facts


def _pass(heading_deg: float | None) -> str | None:
    """Ascending when the satellite heads north, else descending."""
    if heading_deg is None:
        return None
    return "ascending" if abs((heading_deg + 180) % 360 - 180) < 90 else "descending"


def _explicit_sign(files: PairFiles) -> int | None:
    """Return the sign the user sets, or None for the order of dates to decide."""
    sign = files.options.get("sign", "auto")
    if sign not in ("auto", 1, -1):
        raise InputError(f"sign: found {sign!r}, expected auto, 1 or -1; correct the stack's sign.")
    return None if sign == "auto" else int(sign)


def _is_flipped(files: PairFiles) -> bool:
    """Whether stored phase must change sign to be that of earlier · conj(later)."""
    sign = _explicit_sign(files)
    return files.date1 > files.date2 if sign is None else sign < 0


def _signed(interferogram: Interferogram, files: PairFiles) -> Interferogram:
    """Put the earlier date first, conjugating when the stored sign asks for it."""
    earlier, later = sorted((files.date1, files.date2))
    # earlier_first conjugates exactly when the dates it is given are reversed
    first, second = (later, earlier) if _is_flipped(files) else (earlier, later)
    named = Interferogram(
        interferogram.phase, interferogram.coherence, interferogram.grid, first, second, interferogram.metadata
    )
    return earlier_first(named)

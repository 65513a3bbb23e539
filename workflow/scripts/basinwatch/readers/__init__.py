"""Read the interferograms of several producers into the one interchange form.

A reader turns files into :class:`~basinwatch.readers.pair.RawPhase`; what is common to all (no-data,
range, coherence, order of dates, metadata) happens here, once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import Interferogram, earlier_first
from basinwatch.phase import SENTINEL1_WAVELENGTH_M, wrap
from basinwatch.readers import (
    aria,
    checks,
    color_raster,
    dolphin,
    gamma,
    geotiff,
    gmtsar,
    hyp3,
    isce,
    licsar,
    netcdf,
    opera,
    snap,
)
from basinwatch.readers.pair import PairFiles, RawPhase

__all__ = ["FORMATS", "PairFiles", "read_grid", "read_interferogram", "read_unwrapped", "sniff"]

_READERS: dict[str, ModuleType] = {
    "gamma": gamma, "licsar": licsar, "geotiff": geotiff, "color_raster": color_raster, "hyp3": hyp3, "isce": isce,
    "snap": snap, "gmtsar": gmtsar, "dolphin": dolphin, "opera": opera, "aria": aria,
}  # fmt: skip
FORMATS = ("auto", *_READERS)
# What tells itself apart without looking at the numbers; each reads its coherence too.
_PRODUCTS: dict[str, Callable[[Path], bool]] = {
    "snap": snap.is_product,
    "hyp3": hyp3.is_archive,
    "isce": isce.is_image,
    "aria": aria.is_product,
    "opera": opera.is_product,
    "gmtsar": gmtsar.is_grid,
}
_WITH_COHERENCE = ("snap", "hyp3", "aria", "opera")
_FOREIGN_SIDECARS = (".xml", ".rsc", ".hdr")


def sniff(path: Path) -> str:
    """Tell which reader a phase file needs, by its first bytes, then its name and headers beside it.

    Raises
    ------
    InputError
        If no reader fits; the message lists what was looked for.
    """
    product = _product(path)
    if product is not None:
        return product
    checks.reject_unreadable(path)
    if color_raster.is_picture(path):
        return "color_raster"
    if dolphin.is_name(path):
        return "dolphin"
    if geotiff.is_tiff(path):
        return "licsar" if licsar.is_name(path) else "hyp3" if hyp3.is_name(path) else "geotiff"
    foreign = [s for s in _FOREIGN_SIDECARS if path.with_name(path.name + s).is_file()]
    known_suffix = path.suffix in gamma.COMPLEX_SUFFIXES + gamma.REAL_SUFFIXES
    if not foreign and (known_suffix or gamma.fits_a_header(path)):
        return "gamma"
    raise InputError(
        f"{path}: found {_what_else(path, foreign)}; looked for a SUN, BMP or PNG picture, a TIFF, a zip of HyP3, a "
        "product of SNAP, ISCE2, GMTSAR, OPERA or ARIA, a GAMMA file extension and a GAMMA header of its size; set "
        "format, or export the pair as GeoTIFF."
    )


def _product(path: Path) -> str | None:
    """Tell the producer of a file by its structure or a header of its own."""
    return next((name for name, is_own in _PRODUCTS.items() if is_own(path)), None)


def _what_else(path: Path, foreign: list[str]) -> str:
    """Describe a file no reader takes."""
    if foreign:
        return f"a binary with {path.name}{foreign[0]} of another processor"
    if netcdf.is_netcdf(path):
        return f"netCDF or HDF5 with {', '.join(netcdf.variables(path)[:6]) or 'no raster'}"
    return "an unknown kind of file"


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
    """Coherence in 0…1 with NaN, its source entry and warnings; from the phase's own file where none is named."""
    path = files.coherence or files.phase
    product = _product(path)
    if files.coherence is None and product not in _WITH_COHERENCE:
        return None, None, ["coherence missing"]
    if product is not None:
        return _product_coherence(_READERS[product], path, files, grid)
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


def _product_coherence(
    reader: ModuleType, path: Path, files: PairFiles, grid: Grid
) -> tuple[NDArray[np.float32] | None, dict[str, Any] | None, list[str]]:
    """Coherence of a product as :func:`_coherence`; missing is an error only where the user names the file."""
    found = reader.read_coherence(path, grid, (files.date1, files.date2))
    if found is None and files.coherence is not None:
        raise InputError(f"{path}: found no coherence in this product, expected some; remove the stack's coherence.")
    if found is None:
        return None, None, ["coherence missing"]
    values = checks.coherence_share(path, found[0])
    values[values == 0] = np.nan
    return values, found[1], []


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
    direction = raw.facts.get("pass") or _pass(facts["heading_deg"])
    return {"processor": name, "wavelength_m": float(wavelength), "pass": direction} | facts


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

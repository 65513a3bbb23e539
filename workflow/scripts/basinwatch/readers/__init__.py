"""Read the interferograms of several producers into the one interchange form.

A reader turns files into :class:`~basinwatch.readers.pair.RawPhase`; what is common to all (no-data,
range, coherence, order of dates, metadata) happens here, once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.interferogram import Interferogram, PairRows, Tally
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
    lookup_table,
    netcdf,
    opera,
    plain_netcdf,
    plausibility,
    roi_pac,
    snap,
)
from basinwatch.readers.lookup_table import LookupTable
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.readers.survey import GAMMA_FILL, Survey, survey
from basinwatch.rows import Rows, joined

__all__ = [
    "FORMATS", "PairFiles", "open_interferogram", "read_grid", "read_interferogram", "read_unwrapped", "sniff",
]  # fmt: skip

_READERS: dict[str, ModuleType] = {
    "gamma": gamma, "licsar": licsar, "geotiff": geotiff, "color_raster": color_raster, "hyp3": hyp3, "isce": isce,
    "snap": snap, "gmtsar": gmtsar, "dolphin": dolphin, "opera": opera, "aria": aria, "roi_pac": roi_pac,
    "netcdf": plain_netcdf,
}  # fmt: skip
FORMATS = ("auto", *_READERS)
# What tells itself apart without looking at the numbers; each reads its coherence too.
_PRODUCTS: dict[str, Callable[[Path], bool]] = {
    "snap": snap.is_product,
    "hyp3": hyp3.is_archive,
    "isce": isce.is_image,
    "roi_pac": roi_pac.is_image,
    "aria": aria.is_product,
    "opera": opera.is_product,
    "gmtsar": gmtsar.is_grid,
    "netcdf": plain_netcdf.is_raster,
}
_WITH_COHERENCE = ("snap", "hyp3", "aria", "opera", "netcdf")
_FOREIGN_SIDECARS = (".xml", ".rsc", ".hdr")
_FACTS = (
    "product", "filtered", "utc_seconds", "rel_orbit", "heading_deg", "incidence_deg", "look_side", "bperp_m", "looks",
    "header", "colour",
)  # fmt: skip

_log = logging.getLogger(__name__)


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
    if geotiff.has_envi_header(path):
        return "geotiff"
    if geotiff.is_tiff(path):
        return "licsar" if licsar.is_name(path) else "hyp3" if hyp3.is_name(path) else "geotiff"
    foreign = [s for s in _FOREIGN_SIDECARS if path.with_name(path.name + s).is_file()]
    known_suffix = path.suffix in gamma.COMPLEX_SUFFIXES + gamma.REAL_SUFFIXES
    if not foreign and (known_suffix or gamma.fits_a_header(path)):
        return "gamma"
    raise InputError(
        f"{path}: found {_what_else(path, foreign)}; looked for a picture, a TIFF, netCDF, a zip of HyP3, a product of "
        "SNAP, ISCE2, ROI_PAC, GMTSAR, OPERA or ARIA, an ENVI header, a GAMMA file extension and a GAMMA header of its "
        "size; set format, or export the pair as GeoTIFF."
    )


def _product(path: Path) -> str | None:
    """Tell the producer of a file by its structure or a header of its own."""
    return next((name for name, is_own in _PRODUCTS.items() if is_own(path)), None)


def _what_else(path: Path, foreign: list[str]) -> str:
    """Describe a file no reader takes."""
    if foreign:
        return f"a binary with {path.name}{foreign[0]} of another processor"
    if netcdf.is_netcdf(path):
        return "netCDF or HDF5 without a raster"
    return "an unknown kind of file"


def read_grid(files: PairFiles, format: str = "auto") -> Grid:
    """Return the grid of a pair from headers alone: that of its phase, or of the map it is brought onto."""
    files, _ = _with_numbers(files, format)
    grid: Grid = _reader(files.phase, format).read_grid(files)
    table = _table(files, files.phase, grid)
    return table.grid if table else grid


def _with_numbers(files: PairFiles, format: str) -> tuple[PairFiles, list[str]]:
    """Files with the numbers that lie beside a picture in its place, for they hold more, and a sentence about it."""
    beside = files.phase.with_suffix("")
    if format != "auto" or not beside.is_file() or sniff(files.phase) != "color_raster":
        return files, []
    numeric = replace(files, phase=beside)
    try:
        _reader(beside, format).read_grid(numeric)
    except InputError:
        return files, []
    return numeric, [f"{files.phase.name}: the numbers in {beside.name} beside this picture are read in its place"]


def read_interferogram(files: PairFiles, format: str = "auto") -> Interferogram:
    """Read a pair whole; parameters and errors are those of :func:`open_interferogram`."""
    return open_interferogram(files, format).whole()


def open_interferogram(files: PairFiles, format: str = "auto") -> PairRows:
    """Open and check a pair: earlier date first, wrapped radians, positive away from the satellite.

    Real numbers are read once to judge them by their range; all are read when they are wanted.

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
    files, said = _with_numbers(files, format)
    name = sniff(files.phase) if format == "auto" else format
    raw: RawPhase = _reader(files.phase, name).read(files)
    coherence, coherence_source, notes = _coherence(files, raw.grid)
    warnings = [*said, *raw.warnings, *notes]
    phase, nodata_rule, rewrapped = _wrapped(files, raw, coherence, warnings)
    metadata = _metadata(name, files, raw, warnings) | {
        "nodata_rule": nodata_rule,
        "rewrapped": rewrapped,
        "sources": [raw.source] + ([coherence_source] if coherence_source else []),
        "warnings": warnings,
    }
    earlier, later = sorted((files.date1, files.date2))

    def doubts(tally: Tally) -> list[str]:
        share = checks.valid_share(files.phase, tally.valid_share)
        return share + checks.noise(files.phase, tally.sampled_rows)

    pair = _on_map(PairRows(phase, coherence, raw.grid, earlier, later, metadata, doubts), files)
    return pair.conjugated() if _is_flipped(files, raw) else pair


def _table(files: PairFiles, raster: Path, grid: Grid) -> LookupTable | None:
    """Look-up table that brings a raster of a pair onto a map; None where it is to stay on its own grid."""
    if files.lookup_table is None:
        return None
    return lookup_table.open_table(files.lookup_table, raster, grid, files.options.get("crs"))


def _on_map(pair: PairRows, files: PairFiles) -> PairRows:
    """Bring a pair onto the map of its look-up table, where it has one."""
    table = _table(files, files.phase, pair.grid)
    if table is None or files.lookup_table is None:
        return pair
    coherence = None if pair.coherence is None else lookup_table.on_map(pair.coherence, table, "number")
    phase = lookup_table.on_map(pair.phase, table, "phase")
    sources = [*pair.metadata["sources"], source_entry("lookup_table", files.lookup_table, table.dtype)]
    metadata = pair.metadata | {"sources": sources}
    return replace(pair, phase=phase, coherence=coherence, grid=table.grid, metadata=metadata)


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
    raw: RawPhase = _reader(path, format).read_unwrapped(path, files)
    for warning in raw.warnings:
        _log.warning(warning)
    table = _table(files, path, raw.grid)
    values = (lookup_table.on_map(raw.rows, table, "number") if table else raw.rows).whole()
    for warning in checks.valid_share(path, float(np.isfinite(values).mean())):
        _log.warning(warning)
    return (-values if _is_flipped(files, raw) else values), table.grid if table else raw.grid


def _reader(path: Path, format: str) -> ModuleType:
    """Return the module that reads a format."""
    if format not in FORMATS:
        raise InputError(f"format: found {format!r}, expected one of {', '.join(FORMATS)}; correct the stack's format.")
    return _READERS[sniff(path) if format == "auto" else format]


def _coherence(files: PairFiles, grid: Grid) -> tuple[Rows | None, dict[str, Any] | None, list[str]]:
    """Coherence in 0…1 with NaN, its source entry and warnings; from the phase's own file where none is named.

    Missing in a product is an error only where the user names the file.
    """
    path = files.coherence or files.phase
    product = _product(path)
    if files.coherence is None and product not in _WITH_COHERENCE:
        return None, None, ["coherence missing"]
    warnings: list[str] = []
    if product is not None:
        found = _READERS[product].read_coherence(path, grid, (files.date1, files.date2))
        if found is None and files.coherence is not None:
            raise InputError(
                f"{path}: found no coherence in this product, expected some; remove the stack's coherence."
            )
        if found is None:
            return None, None, ["coherence missing"]
        rows, source = found
    else:
        rows, source, warnings = _plain_coherence(path, files, grid)
    unit, notes = checks.coherence_unit(path, survey(rows), source["dtype"])
    return rows.through(lambda block: _share(block, unit)), source, warnings + notes


def _plain_coherence(path: Path, files: PairFiles, grid: Grid) -> tuple[Rows, dict[str, Any], list[str]]:
    """Coherence of a GeoTIFF, a netCDF or a GAMMA binary as stored, its source entry and warnings."""
    checks.reject_unreadable(path)
    if geotiff.is_tiff(path) or geotiff.has_envi_header(path):
        return *geotiff.read_coherence(path, grid), []
    return gamma.read_real("coherence", path, grid, bool(files.options.get("allow_truncated")))


def _share(values: NDArray[np.float32], unit: float) -> NDArray[np.float32]:
    """Coherence in 0…1, NaN where 0."""
    shares = np.minimum(values / np.float32(unit), 1)
    shares[shares == 0] = np.nan
    return shares


def _wrapped(files: PairFiles, raw: RawPhase, coherence: Rows | None, warnings: list[str]) -> tuple[Rows, str, bool]:
    """Phase within ±π, NaN where it is invalid, by which rules, and whether it had been unwrapped.

    Zero phase without a declared no-data value is left out only if nothing else tells valid pixels.
    """
    rows = raw.rows if coherence is None else joined(_where_known, raw.rows, coherence)
    rules = [raw.nodata_rule] if raw.nodata_rule else []
    known = ["coherence==0"] if coherence is not None else []
    if raw.kind == "wrapped":
        return rows, ", ".join(rules + known) or "nan", False
    found = survey(rows)
    if notes := checks.fills_are_nodata(files.phase, found):
        rows, found = rows.through(lambda block: _without(block, GAMMA_FILL)), found.without(GAMMA_FILL)
        warnings += notes
        rules.append("-pi")
    if coherence is None and raw.nodata_rule is None and (notes := checks.zeros_are_nodata(files.phase, found)):
        rows, found = rows.through(geotiff.without_zeros), found.without(0)
        warnings += notes
        rules.append("0")
    kind = _kind(files, raw, found, warnings)
    return rows.through(_wrap), ", ".join(rules + known) or "nan", kind == "unwrapped"


def _where_known(phase: NDArray[np.float32], coherence: NDArray[np.float32]) -> NDArray[np.float32]:
    """Phase where there is coherence."""
    return np.where(np.isnan(coherence), np.float32(np.nan), phase)


def _without(values: NDArray[np.float32], value: np.float32) -> NDArray[np.float32]:
    """NaN in place of a value."""
    return np.where(values == value, np.float32(np.nan), values)


def _wrap(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Radians within ±π."""
    return wrap(values).astype(np.float32)


def _kind(files: PairFiles, raw: RawPhase, found: Survey, warnings: list[str]) -> str:
    """Tell what real numbers are, as the user, the producer or their range says."""
    if not found.finite:
        checks.valid_share(files.phase, 0.0)
    asked = str(files.options.get("kind", "auto"))
    said = raw.kind if asked == "auto" and raw.kind == "unwrapped" else asked
    kind, notes = checks.phase_kind(files.phase, found, said)
    warnings += notes
    return kind


def _metadata(name: str, files: PairFiles, raw: RawPhase, warnings: list[str]) -> dict[str, Any]:
    """Collect facts of the producer, null when unknown; the wavelength has a default and then a warning."""
    facts = {key: raw.facts.get(key) for key in _FACTS if not _is_unknown(raw.facts.get(key))}
    facts = dict.fromkeys(_FACTS) | facts
    warnings += plausibility.span(files.phase, abs((files.date2 - files.date1).days), raw.facts.get("sensor"))
    warnings += plausibility.incidence(files.phase, facts["incidence_deg"])
    if facts["bperp_m"] is not None and _is_later_first(files, raw):
        facts["bperp_m"] = -facts["bperp_m"]
    wavelength = _wavelength(files, raw, warnings)
    direction = raw.facts.get("pass") or _pass(facts["heading_deg"])
    return {"processor": name, "wavelength_m": wavelength, "pass": direction} | facts


def _is_unknown(fact: Any) -> bool:
    """Whether a fact is a number that says nothing, as angles outside a scene are."""
    return isinstance(fact, float) and not np.isfinite(fact)


def _wavelength(files: PairFiles, raw: RawPhase, warnings: list[str]) -> float:
    """Wavelength in metres: the user's, the producer's where it can be one, or Sentinel-1's."""
    asked, told = files.options.get("wavelength_m"), raw.facts.get("wavelength_m")
    known = float(asked or told or 0)
    if known:
        warnings += plausibility.wavelength(files.phase, known, raw.facts.get("sensor"))
    if asked or plausibility.is_radar_wavelength(known):
        return known
    warnings.append(f"wavelength not found, Sentinel-1's {SENTINEL1_WAVELENGTH_M} m assumed")
    return SENTINEL1_WAVELENGTH_M


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


def _is_flipped(files: PairFiles, raw: RawPhase) -> bool:
    """Whether stored phase must change sign to be that of earlier · conj(later).

    The user's word counts, then the order of the dates as the producer names them, then that of the file's name.
    """
    sign = _explicit_sign(files)
    return _is_later_first(files, raw) if sign is None else sign < 0


def _is_later_first(files: PairFiles, raw: RawPhase) -> bool:
    """Whether the later date comes first, as the producer names them or else the file's name."""
    first, second = raw.dates or (files.date1, files.date2)
    return first > second

"""ASF HyP3 products of GAMMA and of ISCE2 bursts: GeoTIFFs in a folder or in the zip as downloaded, 0 = no data."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.phase import SENTINEL1_WAVELENGTH_M
from basinwatch.readers import archive, geotiff
from basinwatch.readers.acquisition import relative_orbit
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.readers.parameters import finite_number, key_values, whole_numbers
from basinwatch.readers.radar_geometry import incidence_deg, signed_degrees
from basinwatch.rows import Rows

_GAMMA = r"S1[A-D]{2}(?:_\d{8}T\d{6}){2}_(?:VV|HH)[PRO]\d{3,4}_INT\d{2}_G_[uw][ec][123F]_[0-9A-F]{4}"
_BURST = r"S1_\d{6}_IW[123](?:_\d{8}){2}_(?:VV|HH)_INT\d{2}_[0-9A-F]{4}"
_BURSTS = (
    r"S1_\d{3}_\d{6}s1n\d{2}-\d{6}s2n\d{2}-\d{6}s3n\d{2}_IW(?:_\d{8}){2}_(?:VV|HH)_INT\d{2}_[0-9A-F]{4}"
)  # fmt: skip
_NAME = re.compile(f"{_GAMMA}|{_BURST}|{_BURSTS}")
_TRACK = re.compile(r"S1_(\d{3})_\d{6}s1n")
_PHASE, _UNWRAPPED, _COHERENCE = "wrapped_phase", "unw_phase", "corr"
_UNFILTERED = ("no", "none", "n/a")


def is_name(path: Path) -> bool:
    """Whether a file is called like a phase of a HyP3 product, cut by the user or not."""
    return product_name(path) is not None and (_PHASE in path.name or _UNWRAPPED in path.name)


def is_archive(path: Path) -> bool:
    """Whether a file is a zip archive with such a phase."""
    return archive.is_zip(path) and _member(path, _PHASE, _UNWRAPPED) is not None


def product_name(path: Path) -> str | None:
    """Name of the product a file belongs to."""
    found = _NAME.search(path.name)
    return found[0] if found else None


def parameter_file(path: Path) -> Path:
    """Return where the parameters of a GeoTIFF's product stand."""
    return path.with_name(f"{product_name(path)}.txt")


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the phase without reading pixels."""
    path = files.phase
    return geotiff.read_band_grid(path, _layer(path, _PHASE, _UNWRAPPED))


def read(files: PairFiles) -> RawPhase:
    """Read the wrapped phase, or the unwrapped where it was not ordered; every exact 0 is no data."""
    path = files.phase
    name = _layer(path, _PHASE, _UNWRAPPED)
    raw = geotiff.read(files, name)
    rows = raw.rows.through(geotiff.without_zeros)
    wrapped = _PHASE in PurePosixPath(name or path.name).name
    facts = _facts(_parameters(path)) | {"product": _PHASE if wrapped else _UNWRAPPED}
    facts |= {"wavelength_m": SENTINEL1_WAVELENGTH_M, "sensor": "S1"}  # HyP3 processes Sentinel-1 alone
    if track := _TRACK.search(name or path.name):
        facts["rel_orbit"] = int(track[1])
    return replace(raw, rows=rows, kind="unknown" if wrapped else "unwrapped", nodata_rule="0", facts=facts)


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read ``_unw_phase.tif``: radians, NaN where 0."""
    band = geotiff.read_band(path, _layer(path, _UNWRAPPED))
    source = source_entry("unwrapped", path, band.dtype)
    return RawPhase(band.rows.through(geotiff.without_zeros), band.grid, "unwrapped", source, nodata_rule="0")


def read_coherence(path: Path, grid: Grid, dates: tuple[date, date]) -> tuple[Rows, dict[str, Any]] | None:
    """Read ``_corr.tif`` of an archive; None if it has none."""
    member = _member(path, _COHERENCE)
    return geotiff.read_coherence(path, grid, archive.gdal_name(path, member)) if member else None


def _layer(path: Path, *kinds: str) -> str | None:
    """GDAL's name of a layer inside an archive; None where the file is the layer itself."""
    if not archive.is_zip(path):
        return None
    member = _member(path, *kinds)
    if member is None:
        raise InputError(f"{path}: found no {kinds[0]}.tif, expected one in a HyP3 product; order it with the job.")
    return archive.gdal_name(path, member)


def _member(path: Path, *kinds: str) -> str | None:
    """First GeoTIFF of a product that is of one of the kinds, in their order."""
    names = [name for name in archive.members(path) if _NAME.search(PurePosixPath(name).name)]
    return next((n for kind in kinds for n in names if re.search(rf"_{kind}(?:_clip\w*)?\.tif$", n)), None)


def _parameters(path: Path) -> dict[str, str]:
    """Parameters of the product; their spelling varies between products in blanks and capitals."""
    if archive.is_zip(path):
        names = [n for n in archive.members(path) if _NAME.fullmatch(PurePosixPath(n).stem) and n.endswith(".txt")]
        text = archive.read_text(path, names[0]) if names else ""
    else:
        header = parameter_file(path)
        text = header.read_text(encoding="latin-1") if header.is_file() else ""
    return key_values(text, ":")


def _facts(parameters: dict[str, str]) -> dict[str, Any]:
    """Heading, incidence at the centre, looks, pass, orbit, time of day, filter and perpendicular baseline."""
    facts: dict[str, Any] = {}
    for fact, key in (("bperp_m", "baseline"), ("utc_seconds", "utctime")):
        if (number := finite_number(parameters.get(key))) is not None:
            facts[fact] = number
    satellite = parameters.get("referencegranule", "")[:3]
    if orbit := whole_numbers(parameters.get("referenceorbitnumber")):
        facts["rel_orbit"] = relative_orbit(satellite, orbit[0])
    if phase_filter := parameters.get("insarphasefilter"):
        facts["filtered"] = phase_filter.lower() not in _UNFILTERED
    if (heading := finite_number(parameters.get("heading"))) is not None:
        facts["heading_deg"] = signed_degrees(heading)
    keys = ("slantrangecenter", "spacecraftheight", "earthradiusatnadir")
    slant_range, height, earth = (finite_number(parameters.get(key)) or 0.0 for key in keys)
    if (incidence := incidence_deg(slant_range, earth + height, earth)) is not None:
        facts["incidence_deg"] = incidence
    if looks := whole_numbers(parameters.get("rangelooks"), parameters.get("azimuthlooks")):
        facts["looks"] = looks
    if parameters.get("referencepassdirection", "").lower() in ("ascending", "descending"):
        facts["pass"] = parameters["referencepassdirection"].lower()
    return facts

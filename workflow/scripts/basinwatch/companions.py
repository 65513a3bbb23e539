"""Headers and numbers that a reader opens beside the phase file, found by name alone.

Pure and light (standard library only): the workflow calls it while it builds the job graph, so that a
pair is read again when one of them changes. Only what belongs to this pair is listed; headers that a
reader ranks among others of the folder (GAMMA's image and map parameters) are named by `header`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_SIDECARS = (".xml", ".rsc", ".hdr")
# Beside a picture may lie the numbers it was painted from.
_PICTURES = (".ras", ".bmp", ".png", ".jpg")
_FRAME_METADATA = "metadata/metadata.txt"
_HYP3_NAME = re.compile(r"S1[\w-]*?_INT\d{2}_(?:G_\w{3}_)?[0-9A-F]{4}(?=_)")
_PAIR = re.compile(r"(?<!\d)(\d{8}|\d{6})[-_](\d{8}|\d{6})(?!\d)")
BASELINE_TABLES = ("base_perp", "base.perp", "bperp.par", ".bperp")
BASELINE_VECTORS = (".base", "base.par")
# ISCE2 keeps latitude and longitude of the pixels in two files.
LATITUDE_LONGITUDE = re.compile(r"(?<![A-Za-z])l(?:at|on)(?=\.)")
_MAP_HEADERS = ("dem_par", "dem.par")
_GAMMA_HEADERS = (".off", ".diff_par", *BASELINE_TABLES, *BASELINE_VECTORS)
_FRAME_LEVELS = 3


@dataclass(frozen=True)
class FolderFiles:
    """Names of a folder's files, and GAMMA's parameters and baselines among them by the pair they are named after."""

    names: frozenset[str]
    parameters: Mapping[str, tuple[str, ...]]


def files_in(folder: Path) -> FolderFiles:
    """Read a folder; one that does not exist has no files."""
    if not folder.is_dir():
        return FolderFiles(frozenset(), {})
    with os.scandir(folder) as entries:
        names = frozenset(entry.name for entry in entries if entry.is_file())
    parameters: dict[str, tuple[str, ...]] = {}
    for name in sorted(name for name in names if name.endswith(_GAMMA_HEADERS)):
        for match in _PAIR.finditer(name):
            parameters[match[0]] = (*parameters.get(match[0], ()), name)
    return FolderFiles(names, parameters)


def companions(phase: Path, files_in: Callable[[Path], FolderFiles] = files_in) -> list[Path]:
    """List files beside a phase file that its reader opens and that are there, sorted.

    Parameters
    ----------
    phase
        The file the stack's pattern names.
    files_in
        Reads a folder; one that remembers spares a look at the folder per pair.
    """
    beside = files_in(phase.parent)
    names = {phase.name + suffix for suffix in _SIDECARS} | {phase.with_suffix(".hdr").name}
    names |= _of_hyp3(phase) | _of_gamma(phase, beside)
    if phase.suffix.lower() in _PICTURES:
        names |= {phase.stem, f"{phase.name}.aux.xml"}
    if phase.suffix == ".grd":
        names |= {name for name in beside.names if name.endswith(".PRM")} | {"baseline.txt"}
    found = {phase.with_name(name) for name in names & beside.names}
    return sorted(found | {path for path in _of_dimap(phase) | _of_licsar(phase, files_in) if path.is_file()})


def table_companions(table: Path, files_in: Callable[[Path], FolderFiles] = files_in) -> list[Path]:
    """List headers beside a look-up table, and the other half of one in two files, sorted; arguments as above."""
    beside = files_in(table.parent)
    names = {name for name in beside.names if name.lower().endswith(_MAP_HEADERS)}
    if match := LATITUDE_LONGITUDE.search(table.name):
        both = {f"{table.name[: match.start()]}{word}{table.name[match.end() :]}" for word in ("lat", "lon")}
        names = {f"{name}{suffix}" for name in both for suffix in ("", ".xml")}
    return sorted(table.with_name(name) for name in (names & beside.names) - {table.name})


def _of_dimap(phase: Path) -> set[Path]:
    """Bands and their headers of a SNAP product."""
    if phase.suffix.lower() != ".dim":
        return set()
    folder = phase.with_suffix(".data")
    return {*folder.glob("*.img"), *folder.glob("*.hdr")}


def _of_hyp3(phase: Path) -> set[str]:
    """Parameters of a HyP3 product."""
    found = _HYP3_NAME.search(phase.name)
    return {f"{found[0]}.txt"} if found and phase.suffix == ".tif" else set()


def _of_gamma(phase: Path, beside: FolderFiles) -> set[str]:
    """Interferogram parameters and baselines named after the same pair, in the same folder."""
    found = _PAIR.search(phase.name)
    if found is None or phase.suffix.lower() in (".tif", ".png", ".grd", ".zip", ".nc"):
        return set()
    return set(beside.parameters.get(found[0], ()))


def _of_licsar(phase: Path, files_in: Callable[[Path], FolderFiles]) -> set[Path]:
    """Metadata of a LiCSAR frame, which all its pairs share."""
    if ".geo." not in phase.name:
        return set()
    places = [folder / _FRAME_METADATA for folder in list(phase.parents)[:_FRAME_LEVELS]]
    return set([place for place in places if place.name in files_in(place.parent).names][:1])

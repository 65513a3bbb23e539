"""Headers and numbers that a reader opens beside the phase file, found by name alone.

Pure and light (standard library only): the workflow calls it while it builds the job graph, so that a
pair is read again when one of them changes. Only what belongs to this pair is listed; headers that a
reader ranks among others of the folder (GAMMA's image and map parameters) are named by `header`.
"""

from __future__ import annotations

import re
from glob import escape
from pathlib import Path

_SIDECARS = (".xml", ".rsc", ".hdr")
_FRAME_METADATA = "metadata/metadata.txt"
_HYP3_NAME = re.compile(r"S1[\w-]*?_INT\d{2}_(?:G_\w{3}_)?[0-9A-F]{4}(?=_)")
_PAIR = re.compile(r"(?<!\d)(\d{8}|\d{6})[-_](\d{8}|\d{6})(?!\d)")
_GAMMA_HEADERS = (".off", ".diff_par")
_FRAME_LEVELS = 3


def companions(phase: Path) -> list[Path]:
    """List files beside a phase file that its reader opens and that are there, sorted.

    Parameters
    ----------
    phase
        The file the stack's pattern names.
    """
    names = {phase.with_name(phase.name + suffix) for suffix in _SIDECARS}
    names |= _of_dimap(phase) | _of_hyp3(phase) | _of_gamma(phase) | _of_licsar(phase)
    if phase.suffix == ".grd":
        names |= set(phase.parent.glob("*.PRM"))
    return sorted(path for path in names if path.is_file())


def _of_dimap(phase: Path) -> set[Path]:
    """Bands and their headers of a SNAP product."""
    if phase.suffix.lower() != ".dim":
        return set()
    folder = phase.with_suffix(".data")
    return {*folder.glob("*.img"), *folder.glob("*.hdr")}


def _of_hyp3(phase: Path) -> set[Path]:
    """Parameters of a HyP3 product."""
    found = _HYP3_NAME.search(phase.name)
    return {phase.with_name(f"{found[0]}.txt")} if found and phase.suffix == ".tif" else set()


def _of_gamma(phase: Path) -> set[Path]:
    """Interferogram parameters named after the same pair, in the same folder."""
    found = _PAIR.search(phase.name)
    if found is None or phase.suffix.lower() in (".tif", ".png", ".grd", ".zip", ".nc"):
        return set()
    return {p for p in phase.parent.glob(f"*{escape(found[0])}*") if p.name.endswith(_GAMMA_HEADERS)}


def _of_licsar(phase: Path) -> set[Path]:
    """Metadata of a LiCSAR frame, which all its pairs share."""
    if ".geo." not in phase.name:
        return set()
    folders = list(phase.parents)[:_FRAME_LEVELS]
    return {next((f / _FRAME_METADATA for f in folders if (f / _FRAME_METADATA).is_file()), phase)} - {phase}

"""What the workflow sees in the first pair of a stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from pyproj import CRS

from basinwatch.errors import InputError
from basinwatch.inspection.proposal import Proposal
from basinwatch.interferogram import Interferogram, metadata_of
from basinwatch.readers import PairFiles, read_interferogram

# Any two: an undated file can be looked at, but is no pair.
NO_DATES = date(2000, 1, 1), date(2000, 1, 13)

_UNWRAPPED = "set kind: unwrapped"


@dataclass(frozen=True)
class Sight:
    """A pair as it was read, whether the coherence that was proposed for it fits, and settings that it needs."""

    interferogram: Interferogram
    is_dated: bool
    has_coherence: bool
    warnings: list[str]
    settings: Mapping[str, str]

    def rows(self) -> list[tuple[str, str]]:
        """Facts as labels and texts."""
        fields = metadata_of(self.interferogram)
        pair = self.interferogram
        span = f"{pair.date1} to {pair.date2}, {pair.days} days" if self.is_dated else "none in the name"
        return [
            ("producer", str(fields["processor"])),
            ("dates", span),
            ("size", f"{pair.grid.width} x {pair.grid.height} px"),
            ("geometry", _geometry(fields)),
            ("phase", _phase(fields)),
            ("sign", _sign(fields) if self.is_dated else "unknown without dates"),
            ("no data", f"{1 - fields['valid_fraction']:.1%} of the pixels (rule: {fields['nodata_rule']})"),
            ("coherence", _coherence(fields)),
            ("wavelength", f"{1000 * fields['wavelength_m']:.2f} mm"),
            ("incidence", _degrees(fields["incidence_deg"])),
            ("heading", f"{_degrees(fields['heading_deg'])}, pass {fields['pass'] or 'unknown'}"),
            ("baseline", _metres(fields["bperp_m"])),
            ("looks", " x ".join(map(str, fields["looks"])) if fields["looks"] else "unknown"),
        ]


def look_at(proposal: Proposal) -> Sight:
    """Read the first pair of a proposed stack.

    Coherence that does not fit the phase is left out, and a warning says why.

    Raises
    ------
    InputError
        If the phase cannot be used.
    """
    if proposal.is_unwrapped:
        return _look_at(proposal, {"kind": "unwrapped"})
    try:
        return _look_at(proposal, {})
    except InputError as error:
        # numbers beyond one cycle under a name that does not say so
        if _UNWRAPPED not in str(error):
            raise
        return _look_at(proposal, {"kind": "unwrapped"})


def _look_at(proposal: Proposal, options: Mapping[str, str]) -> Sight:
    """Read the first pair with settings."""
    group = proposal.phase
    days = (group.names[group.first].first, group.names[group.first].second) if group else NO_DATES
    path = proposal.coherence.paths.get(group.first) if group and proposal.coherence else None
    dropped = []
    if path is not None:
        try:
            pair = read_interferogram(PairFiles(*days, proposal.file, path, options=options))
        except InputError as error:
            path, dropped = None, [f"coherence left out: {error}"]
    if path is None:
        pair = read_interferogram(PairFiles(*days, proposal.file, options=options))
    doubles = (
        [f"both {one} and {other} hold one pair; narrow the pattern" for one, other in group.doubles] if group else []
    )
    warnings = [*pair.metadata["warnings"], *dropped, *doubles]
    return Sight(pair, group is not None, path is not None, warnings, options)


def _geometry(fields: dict[str, Any]) -> str:
    """Coordinates and pixel spacing."""
    across, along = (f"{spacing:.4g}" for spacing in fields["pixel_spacing_m"])
    if fields["geometry"] == "radar":
        return f"radar (no map coordinates), pixels of {across} x {along} m"
    crs = CRS.from_wkt(fields["crs_wkt"])
    code = crs.to_epsg()
    west, north = fields["transform"][2], fields["transform"][5]
    place = f"EPSG:{code}" if code else crs.name
    return f"map, {place}, upper left corner {west:.6g}, {north:.6g}, pixels of {across} x {along} m"


def _phase(fields: dict[str, Any]) -> str:
    """Whether the phase came wrapped."""
    return "unwrapped by the producer, wrapped again" if fields["rewrapped"] else "wrapped"


def _sign(fields: dict[str, Any]) -> str:
    """Order of the dates and what was done about it."""
    done = "conjugated, the later date came first" if fields["conjugated"] else "as stored, the earlier date first"
    return f"positive away from the satellite ({done})"


def _coherence(fields: dict[str, Any]) -> str:
    """Mean coherence."""
    mean = fields["mean_coherence"]
    return "none" if mean is None or not np.isfinite(mean) else f"mean {mean:.2f}"


def _metres(length: float | None) -> str:
    """Perpendicular baseline for people."""
    return "unknown" if length is None else f"{length:.0f} m perpendicular"


def _degrees(angle: float | None) -> str:
    """Angle for people."""
    return "unknown" if angle is None else f"{angle:.1f} degrees"

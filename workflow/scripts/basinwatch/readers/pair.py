"""What goes into a reader and what comes out of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from basinwatch.grid import Grid
from basinwatch.rows import Rows


@dataclass(frozen=True)
class PairFiles:
    """The files of one pair as the user names them.

    Parameters
    ----------
    date1, date2
        Acquisitions in the order of the file's name; if the later comes first the phase is conjugated.
    phase
        Wrapped, complex or unwrapped phase, or a colour picture of it.
    coherence
        Coherence on the same pixels; None if there is none.
    header
        GAMMA ``.dem_par``, ``.off``, ``.diff_par`` or ``mli.par`` of the phase; None to search for it.
    options
        ``kind`` (auto, wrapped, unwrapped), ``width_px`` (of a binary without a header), ``wavelength_m``,
        ``allow_truncated``, ``crs`` (of a map whose header does not tell it), ``bands`` (numbers of those to read of a
        GeoTIFF of several), ``variable`` (of a netCDF file), ``sign`` (auto, or ±1: what to multiply the stored phase
        with to make it positive away from the satellite) and ``color`` (``wheel``, ``zero`` as a share of the cycle,
        ``direction`` ±1, ``brightness``: modulated or constant).
    lookup_table
        What brings radar geometry onto a map, GAMMA's, ISCE2's or GMTSAR's; None leaves it there.
    """

    date1: date
    date2: date
    phase: Path
    coherence: Path | None = None
    header: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    lookup_table: Path | None = None

    @classmethod
    def of(cls, paths: Mapping[str, str], dates: Sequence[str], options: Mapping[str, Any]) -> PairFiles:
        """Build from paths by role (``phase``, and others named like the parameters) and two ISO dates."""
        roles = ("coherence", "header", "lookup_table")
        coherence, header, table = (Path(paths[role]) if paths.get(role) else None for role in roles)
        first, second = (date.fromisoformat(day) for day in dates)
        return cls(first, second, Path(paths["phase"]), coherence, header, options, table)


@dataclass(frozen=True)
class RawPhase:
    """Phase as the producer stored it, before anything is decided about range and sign.

    Parameters
    ----------
    rows
        float32 radians, NaN where the producer's own rule says no data.
    kind
        ``wrapped`` when it cannot be otherwise, ``unwrapped`` when the name says so, else ``unknown``.
    source
        Entry of ``sources`` in the metadata.
    nodata_rule
        How no-data pixels were told; None if the producer has no rule.
    facts
        Metadata the producer gives: product, filtered, utc_seconds, rel_orbit, wavelength_m, heading_deg, pass,
        look_side, incidence_deg, bperp_m (of the second date to the first), looks, header, colour.
    warnings
        One sentence each.
    dates
        Reference and secondary date as the producer names them beside the numbers; None where only the file's
        name tells them.
    """

    rows: Rows
    grid: Grid
    kind: Literal["wrapped", "unwrapped", "unknown"]
    source: dict[str, Any]
    nodata_rule: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    dates: tuple[date, date] | None = None


def source_entry(role: str, path: Path, dtype: str, endian: str | None = None) -> dict[str, Any]:
    """Describe an input file for the metadata: name only, and no time stamps, which differ between copies."""
    return {"role": role, "name": path.name, "bytes": path.stat().st_size, "dtype": dtype, "endian": endian}

"""What goes into a reader and what comes out of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from basinwatch.grid import Grid


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
        ``kind`` (auto, wrapped, unwrapped), ``wavelength_m``, ``allow_truncated``, ``sign`` (auto, or
        ±1: what to multiply the stored phase with to make it positive away from the satellite) and
        ``color`` (``wheel``, ``zero`` as a share of the cycle, ``direction`` ±1, ``brightness``: modulated or
        constant).
    """

    date1: date
    date2: date
    phase: Path
    coherence: Path | None = None
    header: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: Mapping[str, str], dates: Sequence[str], options: Mapping[str, Any]) -> PairFiles:
        """Build from paths by role (``phase``, and where there are any ``coherence``, ``header``) and two ISO dates."""
        coherence, header = (Path(paths[role]) if paths.get(role) else None for role in ("coherence", "header"))
        first, second = (date.fromisoformat(day) for day in dates)
        return cls(first, second, Path(paths["phase"]), coherence, header, options)


@dataclass(frozen=True)
class RawPhase:
    """Phase as the producer stored it, before anything is decided about range and sign.

    Parameters
    ----------
    values
        float32 (y, x) radians, NaN where the producer's own rule says no data.
    kind
        ``wrapped`` when it cannot be otherwise, ``unwrapped`` when the name says so, else ``unknown``.
    source
        Entry of ``sources`` in the metadata.
    nodata_rule
        How no-data pixels were told; None if the producer has no rule.
    facts
        Metadata the producer gives: wavelength_m, heading_deg, pass, incidence_deg, looks, header, colour.
    warnings
        One sentence each.
    """

    values: NDArray[np.float32]
    grid: Grid
    kind: Literal["wrapped", "unwrapped", "unknown"]
    source: dict[str, Any]
    nodata_rule: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def source_entry(role: str, path: Path, dtype: str, endian: str | None = None) -> dict[str, Any]:
    """Describe an input file for the metadata: name only, and no time stamps, which differ between copies."""
    return {"role": role, "name": path.name, "bytes": path.stat().st_size, "dtype": dtype, "endian": endian}

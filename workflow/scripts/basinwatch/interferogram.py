"""The one interchange format: a wrapped interferogram as phase, coherence and metadata.

``phase.tif`` holds float32 radians in [-π, π], NaN where invalid, phase = arg(earlier · conj(later)),
positive = motion away from the satellite. ``coherence.tif`` is uint8 (see
:func:`basinwatch.rasters.encode_share`), all 0 when the producer gave none. ``meta.json`` says where
both came from; it is written last and so marks the pair as complete.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.phase import wrap
from basinwatch.provenance import software, write_json
from basinwatch.rasters import SHARE_TAGS, encode_share, write_raster

PHASE_MAX_ERROR_RAD = 1e-3
SCHEMA = 1


@dataclass(frozen=True)
class Interferogram:
    """A wrapped interferogram in memory.

    Parameters
    ----------
    phase
        float32 (y, x), radians in [-π, π], NaN where invalid, positive away from the satellite.
    coherence
        float32 (y, x) in 0…1, NaN where invalid; None when the producer gives none.
    grid
        Where the pixels lie.
    date1, date2
        Earlier and later acquisition.
    metadata
        Further fields of ``meta.json`` (producer, wavelength_m, sources, warnings, …).
    """

    phase: NDArray[np.float32]
    coherence: NDArray[np.float32] | None
    grid: Grid
    date1: date
    date2: date
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def pair(self) -> str:
        """Name of the pair, ``YYYYMMDD_YYYYMMDD``."""
        return f"{self.date1:%Y%m%d}_{self.date2:%Y%m%d}"

    @property
    def days(self) -> int:
        """Temporal baseline in days."""
        return (self.date2 - self.date1).days


def earlier_first(interferogram: Interferogram) -> Interferogram:
    """Put the earlier date first; swapping dates conjugates the phase."""
    if interferogram.date1 < interferogram.date2:
        return interferogram
    flipped = wrap(-interferogram.phase).astype(np.float32)
    metadata = interferogram.metadata | {"conjugated": True}
    first, second = interferogram.date2, interferogram.date1
    return replace(interferogram, phase=flipped, metadata=metadata, date1=first, date2=second)


def crop_to(interferogram: Interferogram, grid: Grid, source: str) -> Interferogram:
    """Cut or pad (with NaN) an interferogram to the stack's grid by whole pixels.

    Raises
    ------
    InputError
        If CRS, pixel size or pixel lattice differ, so that only resampling could help.
    """
    own = interferogram.grid
    if own == grid:
        return interferogram
    coherence = interferogram.coherence
    return replace(
        interferogram,
        phase=place(interferogram.phase, own, grid, source),
        coherence=None if coherence is None else place(coherence, own, grid, source),
        grid=grid,
    )


def place(values: NDArray[np.float32], own: Grid, grid: Grid, source: str) -> NDArray[np.float32]:
    """Cut or pad (with NaN) a raster on its `own` grid to another `grid` by whole pixels.

    Raises
    ------
    InputError
        As :func:`crop_to`; the sentence begins with `source`.
    """
    if not grid.aligned_with(own):
        raise InputError(
            f"{source}: grid of {own.height}x{own.width} px ({_placement(own)}) does not fit its stack's grid of "
            f"{grid.height}x{grid.width} px ({_placement(grid)}); "
            "expected the same coordinate system and pixel lattice; resample the pair or put it into its own stack."
        )
    column, row = (round(v) for v in grid.offset_of(own))
    return _paste(values, grid.shape, row, column)


def _placement(grid: Grid) -> str:
    """Describe origin and step of a grid in a few words."""
    return (
        f"origin {grid.transform[2]:.6g}, {grid.transform[5]:.6g}, step {grid.transform[0]:.6g}"
        if grid.transform
        else "radar geometry"
    )


def _paste(values: NDArray[np.float32], shape: tuple[int, int], row: int, column: int) -> NDArray[np.float32]:
    """Copy `values`, whose origin lies at (row, column) of the target, into a NaN array of `shape`."""
    target = np.full(shape, np.nan, np.float32)
    top, left = max(row, 0), max(column, 0)
    bottom, right = min(row + values.shape[0], shape[0]), min(column + values.shape[1], shape[1])
    if bottom > top and right > left:
        target[top:bottom, left:right] = values[top - row : bottom - row, left - column : right - column]
    return target


def metadata_of(interferogram: Interferogram) -> dict[str, Any]:
    """Return the content of ``meta.json`` (schema 1); unknown values are null, never invented."""
    grid = interferogram.grid
    fields: dict[str, Any] = {
        "schema": SCHEMA,
        "pair": interferogram.pair,
        "date1": interferogram.date1.isoformat(),
        "date2": interferogram.date2.isoformat(),
        "temporal_baseline_days": interferogram.days,
        "kind": "wrapped",
        "sign": "away_positive",
        "conjugated": False,
        "rewrapped": False,
        "geometry": grid.geometry,
        "valid_fraction": round(float(np.isfinite(interferogram.phase).mean()), 6),
        "coherence_present": interferogram.coherence is not None,
        "mean_coherence": _mean(interferogram.coherence),
        "warnings": [],
    }
    return fields | interferogram.metadata | grid.to_dict() | {"software": software()}


def _mean(values: NDArray[np.float32] | None) -> float | None:
    """Return the mean of the finite values, or None without any."""
    if values is None or not np.isfinite(values).any():
        return None
    return round(float(np.nanmean(values, dtype=np.float64)), 4)


def write_interferogram(interferogram: Interferogram, phase: Path, coherence: Path, meta: Path) -> None:
    """Write the three files of a pair, metadata last."""
    fields = metadata_of(interferogram)
    tags = {
        "DATE1": fields["date1"],
        "DATE2": fields["date2"],
        "SIGN": fields["sign"],
        "GEOMETRY": fields["geometry"],
        "WAVELENGTH_M": str(fields.get("wavelength_m")),
        "PROCESSOR": str(fields.get("processor")),
    }
    write_raster(
        phase, np.clip(interferogram.phase, -np.pi, np.pi), interferogram.grid,
        bands=["wrapped_phase"], units="radians", tags=tags, lerc_error=PHASE_MAX_ERROR_RAD,
    )  # fmt: skip
    known = interferogram.coherence
    values = np.full(interferogram.grid.shape, np.nan, np.float32) if known is None else known
    write_raster(coherence, encode_share(values), interferogram.grid, bands=["coherence"], tags=tags | SHARE_TAGS)
    write_json(meta, fields)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read a pair's ``meta.json``."""
    fields: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return fields

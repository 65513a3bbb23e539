"""The one interchange format: a wrapped interferogram as phase, coherence and metadata.

``phase.tif`` holds float32 radians in [-π, π], NaN where invalid, phase = arg(earlier · conj(later)),
positive = motion away from the satellite. ``coherence.tif`` is uint8 (see
:func:`basinwatch.rasters.encode_share`), all 0 when the producer gave none. ``meta.json`` says where
both came from; it is written last and so marks the pair as complete.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.grid import Grid
from basinwatch.phase import wrap
from basinwatch.placing import placed
from basinwatch.provenance import software, write_json
from basinwatch.raster_rows import bounded_cache
from basinwatch.rasters import SHARE_TAGS, create_raster, encode_share
from basinwatch.rows import Rows

PHASE_MAX_ERROR_RAD = 9.9e-4  # with the rounding of what comes in still less than 1e-3
SCHEMA = 1
_SAMPLED_PIXELS = 1_000_000


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

    def in_rows(self) -> PairRows:
        """Return the same as rows."""
        coherence = None if self.coherence is None else Rows.of(self.coherence)
        return PairRows(Rows.of(self.phase), coherence, self.grid, self.date1, self.date2, self.metadata)


class Tally:
    """Counts that are complete when every pixel of a pair was seen.

    Parameters
    ----------
    shape
        Rows and columns of the pair.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._pixels, self._valid, self._zeros = shape[0] * shape[1], 0, 0
        self._step = max(1, self._pixels // _SAMPLED_PIXELS)
        self._coherence_sum, self._coherence_count = 0.0, 0
        self._sampled: list[NDArray[np.float32]] = []

    def add(self, top: int, phase: NDArray[np.float32], coherence: NDArray[np.float32] | None) -> None:
        """Count the rows from `top` on."""
        self._valid += int(np.count_nonzero(np.isfinite(phase)))
        self._zeros += int(np.count_nonzero(phase == 0))
        self._sampled.append(phase[-top % self._step :: self._step].copy())
        if coherence is not None:
            self._coherence_sum += float(np.nansum(coherence, dtype=np.float64))
            self._coherence_count += int(np.count_nonzero(np.isfinite(coherence)))

    @property
    def valid_share(self) -> float:
        """Share of pixels with phase."""
        return self._valid / self._pixels

    @property
    def zero_share(self) -> float:
        """Share of pixels whose phase is exactly 0."""
        return self._zeros / self._pixels

    @property
    def mean_coherence(self) -> float | None:
        """Mean where it is known; None where it is known nowhere."""
        return self._coherence_sum / self._coherence_count if self._coherence_count else None

    @property
    def sampled_rows(self) -> NDArray[np.float32]:
        """About a million pixels of phase in whole rows (n, x) spread over the pair."""
        return np.concatenate(self._sampled)


def no_doubts(tally: Tally) -> list[str]:
    """Find nothing to warn of."""
    return []


@dataclass(frozen=True)
class PairRows:
    """A wrapped interferogram whose numbers are read when they are wanted.

    Parameters
    ----------
    phase, coherence, grid, date1, date2, metadata
        As in :class:`Interferogram`, the numbers as rows.
    doubts
        Warnings that only the numbers tell; it is asked when all of them were seen, and may refuse the pair.
    """

    phase: Rows
    coherence: Rows | None
    grid: Grid
    date1: date
    date2: date
    metadata: dict[str, Any]
    doubts: Callable[[Tally], list[str]] = no_doubts

    def blocks(self) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32] | None]]:
        """First row, phase and coherence of blocks of rows, from top to bottom."""
        coherence = repeat((0, None)) if self.coherence is None else self.coherence.blocks()
        for (top, phase), (_, known) in zip(self.phase.blocks(), coherence, strict=False):
            yield top, phase, known

    def whole(self) -> Interferogram:
        """Read all numbers."""
        phase = np.empty(self.grid.shape, np.float32)
        coherence = None if self.coherence is None else np.empty(self.grid.shape, np.float32)
        tally = Tally(self.grid.shape)
        for top, block, known in self.blocks():
            phase[top : top + len(block)] = block
            if coherence is not None and known is not None:
                coherence[top : top + len(block)] = known
            tally.add(top, block, known)
        metadata = _judged(self, tally)
        return Interferogram(phase, coherence, self.grid, self.date1, self.date2, metadata)

    def conjugated(self) -> PairRows:
        """Change the sign of the phase, and say so."""
        metadata = self.metadata | {"conjugated": True}
        return replace(self, phase=self.phase.through(_opposite), metadata=metadata)


def _opposite(phase: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return wrapped phase of the other sign."""
    return wrap(-phase).astype(np.float32)


def _judged(pair: PairRows, tally: Tally) -> dict[str, Any]:
    """Metadata with the warnings that the numbers gave rise to."""
    return pair.metadata | {"warnings": [*pair.metadata.get("warnings", []), *pair.doubts(tally)]}


def onto(pair: PairRows, grid: Grid, source: str) -> PairRows:
    """Place a pair on the stack's grid, as :func:`basinwatch.placing.placed` does; errors are those of it."""
    phase, warnings = placed(pair.phase, pair.grid, grid, "phase", source)
    coherence = None if pair.coherence is None else placed(pair.coherence, pair.grid, grid, "number", source)[0]
    metadata = pair.metadata | {"warnings": [*pair.metadata.get("warnings", []), *warnings]}
    return replace(pair, phase=phase, coherence=coherence, grid=grid, metadata=metadata)


def place(values: NDArray[np.float32], own: Grid, grid: Grid, source: str) -> NDArray[np.float32]:
    """Place an array of numbers that are no angles on another grid; errors as in :func:`onto`."""
    return placed(Rows.of(values), own, grid, "number", source)[0].whole()


def metadata_of(interferogram: Interferogram) -> dict[str, Any]:
    """Return the content of ``meta.json`` (schema 1); unknown values are null, never invented."""
    tally = Tally(interferogram.grid.shape)
    tally.add(0, interferogram.phase, interferogram.coherence)
    return _fields(interferogram.in_rows(), tally)


def _fields(pair: PairRows, tally: Tally) -> dict[str, Any]:
    """Content of ``meta.json``."""
    mean = tally.mean_coherence
    fields: dict[str, Any] = {
        "schema": SCHEMA,
        "pair": f"{pair.date1:%Y%m%d}_{pair.date2:%Y%m%d}",
        "date1": pair.date1.isoformat(),
        "date2": pair.date2.isoformat(),
        "temporal_baseline_days": (pair.date2 - pair.date1).days,
        "kind": "wrapped",
        "sign": "away_positive",
        "conjugated": False,
        "rewrapped": False,
        "geometry": pair.grid.geometry,
        "valid_fraction": round(tally.valid_share, 6),
        "phase_zero_fraction": round(tally.zero_share, 6),
        "coherence_present": pair.coherence is not None,
        "mean_coherence": None if mean is None else round(mean, 4),
        "warnings": [],
    }
    return fields | _judged(pair, tally) | pair.grid.to_dict() | {"software": software()}


def write_interferogram(
    pair: Interferogram | PairRows, phase: Path, coherence: Path, meta: Path, lossless: bool = False
) -> dict[str, Any]:
    """Write the three files of a pair block by block, metadata last; return the metadata.

    Parameters
    ----------
    lossless
        Keep every bit of the phase, which takes more than twice the space, instead of 1e-3 rad.

    Raises
    ------
    InputError
        If the numbers are no interferogram; nothing is written then.
    """
    rows = pair.in_rows() if isinstance(pair, Interferogram) else pair
    tally, tags = Tally(rows.grid.shape), _tags(rows)
    with (
        bounded_cache(),
        create_raster(
            phase, rows.grid, "float32",
            bands=["wrapped_phase"], units="radians", tags=tags, lerc_error=None if lossless else PHASE_MAX_ERROR_RAD,
        ) as angles,
        create_raster(coherence, rows.grid, "uint8", bands=["coherence"], tags=tags | SHARE_TAGS) as shares,
    ):  # fmt: skip
        for top, block, known in rows.blocks():
            tally.add(top, block, known)
            window = Window(0, top, rows.grid.width, len(block))
            angles.write(np.clip(block, -np.pi, np.pi), 1, window=window)
            codes = np.zeros(block.shape, np.uint8) if known is None else encode_share(known)
            shares.write(codes, 1, window=window)
        fields = _fields(rows, tally)
    write_json(meta, fields)
    return fields


def _tags(pair: PairRows) -> dict[str, str]:
    """Tags of both rasters."""
    return {
        "DATE1": pair.date1.isoformat(),
        "DATE2": pair.date2.isoformat(),
        "SIGN": "away_positive",
        "GEOMETRY": pair.grid.geometry,
        "SCHEMA": str(SCHEMA),
        "WAVELENGTH_M": str(pair.metadata.get("wavelength_m")),
        "PROCESSOR": str(pair.metadata.get("processor")),
    }


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read a pair's ``meta.json``."""
    fields: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return fields

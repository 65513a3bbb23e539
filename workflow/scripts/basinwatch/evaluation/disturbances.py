"""The ground of simulated tiles seen under worse or other conditions, one of them changed at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.datasets.tiles import LabelledTile
from basinwatch.phase import wrap
from basinwatch.simulation.drawing import Component
from basinwatch.simulation.fields import smooth_field
from basinwatch.simulation.geometry import Spacing
from basinwatch.simulation.randomness import generator
from basinwatch.simulation.rendering import height_sensitivity, render, shape_of
from basinwatch.simulation.sources import NO_SOURCES, Sources

Record = Mapping[str, Any]
Phase = NDArray[np.float32]

# Yu et al. (2022) form pairs up to this baseline.
_BASELINE_M, _POSTING_M = 200.0, 90.0
# Sentinel-1 in the middle of its swath, where an azimuth pixel is nearly four times a range pixel.
_AZIMUTH_M, _RANGE_M = 13.9, 3.7
# Block of a component's counter that no field of the simulator uses.
_BLOCK = 2001


def _noisy(phase: Phase, record: Record, variance: float) -> Phase:
    """Phase of exp(jφ) with circular complex Gaussian noise of this variance."""
    rng = generator(record["seed"], record["tile_id"], Component.SPECKLE, _BLOCK)
    noise = rng.standard_normal((2, *phase.shape)) * math.sqrt(variance / 2)
    return np.arctan2(np.sin(phase) + noise[0], np.cos(phase) + noise[1])


def _misled(phase: Phase, record: Record, error_m: float) -> Phase:
    """Add what an elevation model with errors of this standard deviation leaves."""
    rng = generator(record["seed"], record["tile_id"], Component.TERRAIN, _BLOCK)
    field = smooth_field(rng, shape_of(record), _POSTING_M, Spacing(*record["spacing_m"]))
    return wrap(phase + np.float32(error_m * height_sensitivity({**record, "baseline_m": _BASELINE_M})) * field)


def _shifted(phase: Phase, record: Record, offset_deg: float) -> Phase:
    """Add a constant."""
    return wrap(phase + np.float32(math.radians(offset_deg)))


def _mirrored(phase: Phase, record: Record, sign: float) -> Phase:
    """Multiply by the sign."""
    return np.float32(sign) * phase


def _looked(record: Record, looks: float) -> Record:
    """One look in azimuth and this many in range."""
    return {**record, "spacing_m": [_AZIMUTH_M, _RANGE_M * looks], "noise": {**record["noise"], "looks": looks}}


def _resized(record: Record, pixel_m: float) -> Record:
    """Square pixels of this size."""
    return {**record, "spacing_m": [pixel_m, pixel_m]}


def _coherent(record: Record, level: float) -> Record:
    """One coherence everywhere but where the ground moves."""
    uniform = {"mean": level, "spread": 0.0, "cover_share": 0.0, "water_share": 0.0}
    return {**record, "coherence": {**record["coherence"], **uniform}}


@dataclass(frozen=True)
class Family:
    """One kind of disturbance.

    Parameters
    ----------
    levels
        How strong it is.
    title
        What it is, with the unit of the levels.
    phase
        Changes the phase of a tile, so that its labels stay what they were.
    record
        Changes the parameters that the tile is rendered from.
    labels_at
        Level whose labels count at all levels; None takes those of each.
    """

    levels: tuple[float, ...]
    title: str
    phase: Callable[[Phase, Record, float], Phase] | None = None
    record: Callable[[Record, float], Record] | None = None
    labels_at: float | None = None


FAMILIES = {
    "none": Family((0.0,), "As it is"),
    "complex_noise": Family((0.001, 0.01, 0.1), "Complex noise (variance)", phase=_noisy),
    "height_error": Family((2.0, 5.0, 10.0, 20.0), "Height error (m) at a baseline of 200 m", phase=_misled),
    "offset": Family((45.0, 90.0, 135.0, 180.0), "Constant phase (degrees)", phase=_shifted),
    "sign": Family((-1.0,), "Reversed sign", phase=_mirrored),
    "multilook": Family((5.0, 4.0, 3.0, 2.0), "Looks in range, one in azimuth", record=_looked),
    "pixel_size": Family((14.0, 20.0, 28.0, 40.0), "Pixel size (m)", record=_resized),
    "coherence": Family(
        (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9), "True coherence", record=_coherent, labels_at=0.9
    ),
}


def disturbed_tiles(
    records: Sequence[Record], family: str, level: float, sources: Sources = NO_SOURCES
) -> Iterator[LabelledTile]:
    """Render tiles under one disturbance.

    Parameters
    ----------
    records
        Parameters of the tiles as :func:`basinwatch.simulation.drawing.draw` gives them.
    family, level
        A key of :data:`FAMILIES`, and how strong.
    sources
        What the records were drawn with.
    """
    kind = FAMILIES[family]
    for record in records:
        changed = kind.record(record, level) if kind.record else record
        tile = render(changed, sources)
        if kind.record and kind.labels_at is not None:
            tile = replace(tile, labels=render(kind.record(record, kind.labels_at), sources).labels)
        yield replace(tile, phase=kind.phase(tile.phase, record, level)) if kind.phase else tile

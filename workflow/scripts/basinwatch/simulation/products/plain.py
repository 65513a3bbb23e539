"""A simulated stack as plain GeoTIFF: radians and shares, NaN = no data, dates in the name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from basinwatch.phase import SENTINEL1_WAVELENGTH_M
from basinwatch.rasters import write_raster
from basinwatch.simulation.stack import Pair, SimulatedStack


def write_pair(stack: SimulatedStack, pair: Pair, files: Mapping[str, str]) -> None:
    """Write one observed pair.

    Parameters
    ----------
    files
        Path by role: ``phase`` and ``unwrapped`` in radians, ``coherence`` in 0…1.

    Raises
    ------
    InputError
        If a date lies before the mines' history.
    """
    observed = stack.observe(pair)
    layers = {
        "phase": (np.angle(observed.interferogram), "rad"),
        "coherence": (observed.coherence, "1"),
        "unwrapped": (observed.unwrapped(), "rad"),
    }
    tags = {
        "WAVELENGTH_M": f"{SENTINEL1_WAVELENGTH_M}",
        "INCIDENCE_DEGREES": f"{stack.track.incidence_deg}",
        "HEADING_DEGREES": f"{stack.track.heading_deg}",
    }
    for role, (values, units) in layers.items():
        write_raster(files[role], values, stack.grid, bands=[role], units=units, tags=tags)

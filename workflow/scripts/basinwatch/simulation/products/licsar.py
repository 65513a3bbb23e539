"""A simulated stack laid out as a COMET LiCSAR frame: geographic GeoTIFF, 0 = no data and not declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.grid import Grid
from basinwatch.provenance import atomic_path
from basinwatch.rasters import new_raster
from basinwatch.simulation.geometry import SLANT_RANGE_M
from basinwatch.simulation.stack import Pair, SimulatedStack


def write_frame(stack: SimulatedStack, files: Mapping[str, str]) -> None:
    """Write what all pairs share.

    Parameters
    ----------
    files
        Path by role: ``facts`` (``metadata.txt``), ``heights`` in metres, and ``east``, ``north``, ``up``, the parts of
        the unit vector from the ground to the satellite.
    """
    track, heights = stack.track, stack.ground.heights_m
    hours, minutes = divmod(round(track.hour_utc * 60), 60)
    facts = {
        "master": f"{stack.first_date:%Y%m%d}",
        "center_time": f"{hours}:{minutes:02d}:00.000000",
        "heading": f"{track.heading_deg:.6f}",
        "avg_incidence_angle": f"{track.incidence_deg:.4f}",
        "azimuth_resolution": "14.0",
        "range_resolution": "2.3",
        "centre_range_m": f"{SLANT_RANGE_M:.4f}",
        "avg_height": f"{heights.mean():.6f}",
        "applied_DEM": "simulated",
    }
    with atomic_path(files["facts"]) as part:
        part.write_text("".join(f"{key}={value}\n" for key, value in facts.items()), encoding="ascii")
    _write_raster(files["heights"], heights, stack.grid)
    for role, value in zip(("east", "north", "up"), track.line, strict=True):
        _write_raster(files[role], np.full(stack.grid.shape, value, np.float32), stack.grid)


def write_pair(stack: SimulatedStack, pair: Pair, files: Mapping[str, str]) -> None:
    """Write one observed pair.

    Parameters
    ----------
    files
        Path by role: ``phase`` and ``unwrapped`` in radians, ``coherence`` as bytes of 1/255.

    Raises
    ------
    InputError
        If a date lies before the mines' history.
    """
    observed = stack.observe(pair)
    _write_raster(files["phase"], np.angle(observed.interferogram), stack.grid)
    _write_raster(files["coherence"], np.rint(observed.coherence * 255).astype(np.uint8), stack.grid)
    _write_raster(files["unwrapped"], np.nan_to_num(observed.unwrapped()), stack.grid)


def _write_raster(path: str, values: NDArray[Any], grid: Grid) -> None:
    profile = {"driver": "GTiff", "width": grid.width, "height": grid.height, "count": 1, "dtype": values.dtype,
               "crs": grid.crs_wkt, "transform": grid.affine, "compress": "deflate"}  # fmt: skip
    with new_raster(path, profile) as target:
        target.write(values, 1)

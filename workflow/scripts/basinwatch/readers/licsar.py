"""COMET LiCSAR frames: geocoded GeoTIFF, 0 = no data, radar facts in ``metadata/metadata.txt``."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.grid import Grid
from basinwatch.phase import SENTINEL1_WAVELENGTH_M
from basinwatch.readers import geotiff
from basinwatch.readers.pair import PairFiles, RawPhase

_NAME = re.compile(r"\.geo\.(diff_pha|diff_unfiltered_pha|unw)\.tif$")
_FACTS = {"heading": "heading_deg", "avg_incidence_angle": "incidence_deg"}

read_grid = geotiff.read_grid


def is_name(path: Path) -> bool:
    """Whether a file is called like a LiCSAR phase product."""
    return _NAME.search(path.name) is not None


def read(files: PairFiles) -> RawPhase:
    """Read wrapped or unwrapped phase; every exact 0 is no data, whether declared or not."""
    raw = geotiff.read(files)
    raw.values[raw.values == 0] = np.nan
    return replace(
        raw,
        kind="unwrapped" if files.phase.name.endswith(".unw.tif") else raw.kind,
        nodata_rule="0",
        # The frames do not say so, but LiCSAR processes Sentinel-1 alone.
        facts=raw.facts | _frame_facts(files.phase) | {"wavelength_m": SENTINEL1_WAVELENGTH_M},
    )


def read_unwrapped(path: Path, files: PairFiles) -> tuple[NDArray[np.float32], Grid]:
    """Read ``.geo.unw.tif``: radians, NaN where 0."""
    values, grid = geotiff.read_unwrapped(path, files)
    values[values == 0] = np.nan
    return values, grid


def _frame_facts(phase: Path) -> dict[str, Any]:
    """Heading and incidence from the frame's metadata, which lies beside the folder of all pairs."""
    for folder in list(phase.absolute().parents)[:3]:
        path = folder / "metadata" / "metadata.txt"
        if path.is_file():
            lines = path.read_text(encoding="latin-1").splitlines()
            fields = dict(line.split("=", 1) for line in lines if "=" in line)
            return {fact: float(fields[key]) for key, fact in _FACTS.items() if key in fields}
    return {}

"""COMET LiCSAR frames: geocoded GeoTIFF, 0 = no data, radar facts in ``metadata/metadata.txt``."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from rasterio.windows import Window

from basinwatch.phase import SENTINEL1_WAVELENGTH_M
from basinwatch.rasters import open_raster
from basinwatch.readers import geotiff
from basinwatch.readers.pair import PairFiles, RawPhase
from basinwatch.readers.parameters import finite_number, key_values
from basinwatch.readers.radar_geometry import signed_degrees

_NAME = re.compile(r"\.geo\.(diff_pha|diff_unfiltered_pha|unw)\.tif$")
_FACTS = {"heading": "heading_deg", "avg_incidence_angle": "incidence_deg"}
_LEVELS = 3
_UNIT_TOLERANCE = 0.01

read_grid = geotiff.read_grid


def is_name(path: Path) -> bool:
    """Whether a file is called like a LiCSAR phase product."""
    return _NAME.search(path.name) is not None


def read(files: PairFiles) -> RawPhase:
    """Read wrapped or unwrapped phase; every exact 0 is no data, whether declared or not."""
    raw = geotiff.read(files)
    return replace(
        raw,
        rows=raw.rows.through(geotiff.without_zeros),
        kind="unwrapped" if files.phase.name.endswith(".unw.tif") else raw.kind,
        nodata_rule="0",
        # The frames do not say so, but LiCSAR processes Sentinel-1 alone.
        facts=raw.facts | _frame_facts(files.phase) | {"wavelength_m": SENTINEL1_WAVELENGTH_M},
    )


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read ``.geo.unw.tif``: radians, NaN where 0."""
    raw = geotiff.read_unwrapped(path, files)
    return replace(raw, rows=raw.rows.through(geotiff.without_zeros), nodata_rule="0", warnings=[])


def _frame_facts(phase: Path) -> dict[str, Any]:
    """Heading and incidence from the frame's metadata beside the folder of all pairs, or from its look vectors."""
    for folder in list(phase.absolute().parents)[:_LEVELS]:
        metadata = folder / "metadata"
        if metadata.is_dir():
            path = metadata / "metadata.txt"
            fields = key_values(path.read_text(encoding="latin-1"), "=") if path.is_file() else {}
            told = {fact: finite_number(fields.get(key)) for key, fact in _FACTS.items()}
            return _look_facts(metadata) | {fact: number for fact, number in told.items() if number is not None}
    return {}


def _look_facts(metadata: Path) -> dict[str, Any]:
    """Heading and incidence at the centre, from the unit vectors from the ground to the satellite.

    The radar looks to the right, so the satellite flies 90 degrees clockwise of the direction it is seen in.
    """
    paths = [sorted(metadata.glob(f"*.geo.{part}.tif"))[:1] for part in "ENU"]
    if not all(paths):
        return {}
    east, north, up = (_middle(path) for (path,) in paths)
    if not 0 < up < 1 or abs(math.hypot(east, north, up) - 1) > _UNIT_TOLERANCE:
        return {}
    return {
        "incidence_deg": math.degrees(math.acos(up)),
        "heading_deg": signed_degrees(math.degrees(math.atan2(east, north)) + 90),
    }


def _middle(path: Path) -> float:
    """Return the number at the centre of a raster."""
    with open_raster(path, "GTiff") as source:
        window = Window(source.width // 2, source.height // 2, 1, 1)
        return float(source.read(1, window=window)[0, 0])

"""COMET LiCSAR frames: geocoded GeoTIFF, 0 = no data, radar facts in ``metadata/metadata.txt``."""

from __future__ import annotations

import logging
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from rasterio.windows import Window

from basinwatch.errors import InputError
from basinwatch.phase import SENTINEL1_WAVELENGTH_M
from basinwatch.rasters import open_raster
from basinwatch.readers import geotiff
from basinwatch.readers.acquisition import seconds_of_day
from basinwatch.readers.pair import PairFiles, RawPhase
from basinwatch.readers.parameters import finite_number, key_values
from basinwatch.readers.radar_geometry import signed_degrees
from basinwatch.sbas.baselines import read_baselines

_NAME = re.compile(r"\.geo\.(diff_pha|diff_unfiltered_pha|unw)\.tif$")
_FACTS = {"heading": "heading_deg", "avg_incidence_angle": "incidence_deg"}
_FILTERED = {"diff_pha": True, "diff_unfiltered_pha": False}
_FRAME = re.compile(r"(\d{3})[AD]_\d{5}_\d{6}")
_LEVELS = 3
_UNIT_TOLERANCE = 0.01

_log = logging.getLogger(__name__)

read_grid = geotiff.read_grid


def is_name(path: Path) -> bool:
    """Whether a file is called like a LiCSAR phase product."""
    return _NAME.search(path.name) is not None


def read(files: PairFiles) -> RawPhase:
    """Read wrapped or unwrapped phase; every exact 0 is no data, whether declared or not."""
    raw, found = geotiff.read(files), _NAME.search(files.phase.name)
    product = found[1] if found else None
    told = {"product": product, "filtered": _FILTERED.get(product or "")}
    return replace(
        raw,
        rows=raw.rows.through(geotiff.without_zeros),
        kind="unwrapped" if product == "unw" else raw.kind,
        nodata_rule="0",
        # The frames do not say so, but LiCSAR processes Sentinel-1 alone.
        facts=raw.facts | _frame_facts(files) | told | {"wavelength_m": SENTINEL1_WAVELENGTH_M, "sensor": "S1"},
    )


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read ``.geo.unw.tif``: radians, NaN where 0."""
    raw = geotiff.read_unwrapped(path, files)
    return replace(raw, rows=raw.rows.through(geotiff.without_zeros), nodata_rule="0", warnings=[])


def _frame_facts(files: PairFiles) -> dict[str, Any]:
    """Angles, time of day, track and baseline from the frame's metadata beside the folder of all pairs.

    Without ``metadata.txt`` the angles are those of its look vectors.
    """
    for folder in list(files.phase.absolute().parents)[:_LEVELS]:
        metadata = folder / "metadata"
        if metadata.is_dir():
            path = metadata / "metadata.txt"
            fields = key_values(path.read_text(encoding="latin-1"), "=") if path.is_file() else {}
            told: dict[str, Any] = {fact: finite_number(fields.get(key)) for key, fact in _FACTS.items()}
            told["utc_seconds"] = seconds_of_day(fields.get("center_time"))
            told["bperp_m"] = _baseline_m(metadata / "baselines", files)
            frame = _FRAME.fullmatch(folder.name)
            told["rel_orbit"] = int(frame[1]) if frame else None
            return _look_facts(metadata) | {fact: number for fact, number in told.items() if number is not None}
    return {}


def _baseline_m(table: Path, files: PairFiles) -> float | None:
    """Perpendicular baseline of the second date to the first; None where the frame's table does not tell it."""
    try:
        found = read_baselines(table) if table.is_file() else {}
    except (InputError, UnicodeDecodeError) as error:
        _log.warning("%s: perpendicular baselines stay unknown (%s)", table, error)
        return None
    return found[files.date2] - found[files.date1] if {files.date1, files.date2} <= set(found) else None


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

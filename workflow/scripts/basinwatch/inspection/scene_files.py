"""Files that describe a stack's scene as a whole, found by name and proposed only where they can be used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.placing import placed
from basinwatch.readers.layers import Layer, open_layer
from basinwatch.readers.lookup_table import open_table
from basinwatch.sbas.baselines import read_baselines

_BASELINES = re.compile(r"^(baselines?|bperp|base_calc)(\.\w+)?$|\.base_calc$", re.IGNORECASE)
_HEIGHTS = re.compile(
    r"(^|[._-])(dem|hgt|dem_seg|heights?)(\.(tif|rdr|geo|dem))*$|^z\.rdr(\.geo)?$|^[NS]\d{2}[EW]\d{3}.*\.hgt$",
    re.IGNORECASE,
)
_INCIDENCE = re.compile(r"(^|[._-])(inc_map|inc|lv_theta|incidence)(\.tif)?$|\.geo\.U\.tif$|^los\.rdr(\.geo)?$")
_TABLE = re.compile(
    r"(\.|_)(lt|lut|lt_fine|map_to_rdc|MAP2RDC|UTM_TO_RDC|utm_to_rdc|eqa_to_rdc)$|^lat\.rdr$|^trans\.dat$"
)
# Where ISCE2 and GMTSAR leave what all pairs share, in one of the folders above a pair's.
_SHARED_PLACES = (
    *(f"{folder}{name}.rdr" for folder in ("geom_reference/", "") for name in ("lat", "hgt", "z", "los")),
    "trans.dat", "topo/trans.dat",
)  # fmt: skip
_FOLDERS_UP = 4
_MAX_TRIED = 8


def scene_files(paths: Iterable[Path], phase: Path, grid: Grid, days: Iterable[date]) -> dict[str, str]:
    """Choose baselines, heights, incidence angles and a look-up table for a stack.

    Parameters
    ----------
    paths
        Files that lie around.
    phase, grid
        Phase of the stack's first pair, and its grid; rasters must overlap it.
    days
        Acquisitions that baselines must cover.

    Returns
    -------
    Path by key of a stack's configuration.
    """
    near = {folder / place for folder in list(phase.parents)[:_FOLDERS_UP] for place in _SHARED_PLACES}
    listed, wanted = sorted({*paths, *(path for path in near if path.is_file())}), set(days)
    table = _first(listed, _TABLE, lambda path: _brings(path, phase, grid))
    map_grid = open_table(table, phase, grid).grid if table else grid
    found = {
        "lookup_table": table,
        "heights": _first(listed, _HEIGHTS, lambda path: _covers(path, "heights", map_grid, table)),
        "incidence": _first(listed, _INCIDENCE, lambda path: _covers(path, "incidence", map_grid, table)),
        "baselines": _first(listed, _BASELINES, lambda path: wanted <= set(read_baselines(path))),
    }
    return {key: str(path) for key, path in found.items() if path is not None}


def _first(paths: Iterable[Path], name: re.Pattern[str], is_fit: Callable[[Path], bool]) -> Path | None:
    """First file of a name that fits."""
    named = [path for path in paths if name.search(path.name)][:_MAX_TRIED]
    return next((path for path in named if _can(is_fit, path)), None)


def _can(is_fit: Callable[[Path], bool], path: Path) -> bool:
    """Whether a file fits; one that cannot be read does not."""
    try:
        return is_fit(path)
    except (InputError, UnicodeDecodeError):
        return False


def _covers(path: Path, layer: Layer, grid: Grid, table: Path | None) -> bool:
    """Whether a raster can be brought onto the grid."""
    rows, own = open_layer(path, layer, table=table)
    placed(rows, own, grid, "number", str(path))
    return True


def _brings(path: Path, phase: Path, grid: Grid) -> bool:
    """Whether a table brings radar geometry onto a map."""
    return grid.geometry == "radar" and open_table(path, phase, grid).grid.geometry == "map"

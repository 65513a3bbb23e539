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
from basinwatch.readers.lookup_table import map_grid
from basinwatch.sbas.baselines import read_baselines

_BASELINES = re.compile(r"^(baselines?|bperp|base_calc)(\.\w+)?$|\.base_calc$", re.IGNORECASE)
_HEIGHTS = re.compile(
    r"(^|[._-])(dem|hgt|dem_seg|heights?)(\.(tif|rdr|geo|dem))*$|^[NS]\d{2}[EW]\d{3}.*\.hgt$", re.IGNORECASE
)
_INCIDENCE = re.compile(r"(^|[._-])(inc_map|inc|lv_theta|incidence)(\.tif)?$|\.geo\.U\.tif$|^los\.rdr(\.geo)?$")
_TABLE = re.compile(r"(\.|_)(lt|lut|lt_fine|map_to_rdc|MAP2RDC|UTM_TO_RDC|utm_to_rdc|eqa_to_rdc)$")
_MAX_TRIED = 8


def scene_files(paths: Iterable[Path], grid: Grid, days: Iterable[date]) -> dict[str, str]:
    """Choose baselines, heights, incidence angles and a look-up table for a stack.

    Parameters
    ----------
    paths
        Files that lie around.
    grid
        The stack's; rasters must overlap it.
    days
        Acquisitions that baselines must cover.

    Returns
    -------
    Path by key of a stack's configuration.
    """
    listed, wanted = sorted(paths), set(days)
    choices: dict[str, tuple[re.Pattern[str], Callable[[Path], bool]]] = {
        "lookup_table": (_TABLE, lambda path: _brings(path, grid)),
        "heights": (_HEIGHTS, lambda path: _covers(path, "heights", grid)),
        "incidence": (_INCIDENCE, lambda path: _covers(path, "incidence", grid)),
        "baselines": (_BASELINES, lambda path: wanted <= set(read_baselines(path))),
    }
    found = {}
    for key, (name, is_fit) in choices.items():
        named = [path for path in listed if name.search(path.name)][:_MAX_TRIED]
        first = next((path for path in named if _can(is_fit, path)), None)
        if first is not None:
            found[key] = str(first)
    return found


def _can(is_fit: Callable[[Path], bool], path: Path) -> bool:
    """Whether a file fits; one that cannot be read does not."""
    try:
        return is_fit(path)
    except (InputError, UnicodeDecodeError):
        return False


def _covers(path: Path, layer: Layer, grid: Grid) -> bool:
    """Whether a raster can be brought onto the grid."""
    rows, own = open_layer(path, layer)
    placed(rows, own, grid, "number", str(path))
    return True


def _brings(path: Path, grid: Grid) -> bool:
    """Whether a table brings radar geometry onto a map."""
    return grid.geometry == "radar" and map_grid(path).geometry == "map"

"""Coloured phase pictures (PNG, BMP, TIFF, SUN raster), read back into radians."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch import phase_color
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.phase import wrap
from basinwatch.rasters import grid_of, open_raster
from basinwatch.readers import checks, geotiff, sunraster
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry

MAGICS = (sunraster.MAGIC, b"BM", b"\x89PNG")
MAX_COLOR_DISTANCE = 0.06
MAX_FOREIGN_SHARE = 0.05
_DEFAULTS: dict[str, Any] = {"wheel": "rmg", "zero": 0.0, "direction": 1, "brightness": "modulated"}


def is_picture(path: Path) -> bool:
    """Whether a file is a picture format, or a TIFF with a palette or colour channels."""
    with path.open("rb") as stream:
        start = stream.read(4)
    if start.startswith(MAGICS):
        return True
    if start not in geotiff.TIFF_MAGICS:
        return False
    with open_raster(path) as source:
        bytes_only = set(source.dtypes) == {"uint8"}
        return bytes_only and (source.count >= 3 or source.colorinterp[0].name == "palette")


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the picture from its own georeference or the header the user names."""
    checks.reject_unreadable(files.phase)
    return geotiff.place(files, _own_grid(files.phase))[0]


def read(files: PairFiles) -> RawPhase:
    """Read a picture's phase; black pixels and colours off the wheel are NaN."""
    checks.reject_unreadable(files.phase)
    if "unw" in files.phase.stem.lower():
        raise InputError(
            f"{files.phase}: the name says unwrapped phase, whose colours repeat over several cycles; expected a "
            "picture of wrapped phase; give the wrapped picture or the numeric file."
        )
    colors, palette = _pixels(files.phase)
    options = _DEFAULTS | dict(files.options.get("color") or {})
    values, quality = _phase(files.phase, colors, palette, options)
    values = wrap(values - np.float32(2 * np.pi * options["zero"])) * np.float32(options["direction"])
    grid, facts, warnings = geotiff.place(files, _own_grid(files.phase))
    return RawPhase(
        values.astype(np.float32),
        grid,
        kind="wrapped",
        source=source_entry("phase", files.phase, "uint8"),
        nodata_rule="black",
        facts=facts | {"colour": options | quality},
        warnings=[*warnings, f"{files.phase.name}: phase read from colours"],
    )


def read_unwrapped(path: Path, files: PairFiles) -> tuple[NDArray[np.float32], Grid]:
    """Refuse: colours repeat, so a picture cannot hold unwrapped phase."""
    raise InputError(f"{path}: found a picture, expected unwrapped phase in radians; name the numeric file.")


def _own_grid(path: Path) -> Grid:
    """Size and, where the format carries one, georeference of a picture."""
    with path.open("rb") as stream:
        is_sun = stream.read(4) == sunraster.MAGIC
    if is_sun:
        height, width = sunraster.read_size(path)
        return Grid(width, height, None, None, (1.0, 1.0))
    with open_raster(path) as source:
        return grid_of(source)


def _pixels(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Colours (y, x, 3), or indices (y, x) and their palette (n, 3)."""
    with path.open("rb") as stream:
        is_sun = stream.read(4) == sunraster.MAGIC
    if is_sun:
        return _require_color(path, *sunraster.read(path))
    with open_raster(path) as source:
        if set(source.dtypes) != {"uint8"}:
            raise InputError(f"{path}: found {source.dtypes[0]} pixels, expected an 8-bit picture; save it as PNG.")
        if source.count >= 3:
            return np.moveaxis(source.read([1, 2, 3]), 0, -1), None
        palette = None
        if source.colorinterp[0].name == "palette":
            entries = source.colormap(1)
            palette = np.array([entries[i][:3] for i in range(len(entries))], np.uint8)
        return _require_color(path, source.read(1), palette)


def _require_color(
    path: Path, pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Refuse grey pictures, whose phase folds or has a seam nobody can place."""
    if pixels.ndim == 2 and palette is None:
        raise InputError(f"{path}: found a grey picture, expected colours; give the coloured or the numeric phase.")
    return pixels, palette


def _phase(
    path: Path, colors: NDArray[np.uint8], palette: NDArray[np.uint8] | None, options: dict[str, Any]
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Invert the wheel: by palette index if it is the known palette, else by colour."""
    if palette is not None and options["wheel"] == "rmg" and phase_color.is_palette(palette):
        return phase_color.from_palette(colors), {"depth": 8, "levels": 16, "max_error_rad": round(np.pi / 16, 3)}
    rgb = _look_up(path, colors, palette) if palette is not None else colors
    if options["wheel"] == "rmg":
        values, distance = phase_color.from_rgb(rgb)
    else:
        table = phase_color.color_table(str(options["wheel"]))
        values, distance = phase_color.from_table(rgb, table, modulated=options["brightness"] == "modulated")
    _require_wheel(path, values, distance, options["wheel"])
    known = distance[np.isfinite(values)]
    median = round(float(np.median(known)), 4) if known.size else None
    values[distance > MAX_COLOR_DISTANCE] = np.nan
    return values, {"depth": 24 if palette is None else 8, "median_distance": median}


def _look_up(path: Path, indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours of palette indices."""
    if indices.max(initial=0) >= len(palette):
        raise InputError(f"{path}: index {indices.max()} is beyond its {len(palette)} palette colours; save it again.")
    return palette[indices]


def _require_wheel(path: Path, values: NDArray[np.float32], distance: NDArray[np.float32], wheel: str) -> None:
    """E21: too many pixels whose colour is not on the wheel."""
    painted = np.isfinite(values)
    foreign = float(np.mean(distance[painted] > MAX_COLOR_DISTANCE)) if painted.any() else 0.0
    if foreign > MAX_FOREIGN_SHARE:
        raise InputError(
            f"{path}: {foreign:.0%} of the pixels are off the colour wheel '{wheel}', expected at most "
            f"{MAX_FOREIGN_SHARE:.0%}; set color.wheel to the map it was painted with, or use a picture without "
            "noise (E21)."
        )

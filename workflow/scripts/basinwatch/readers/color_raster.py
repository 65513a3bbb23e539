"""Coloured phase pictures (PNG, BMP, JPEG, TIFF, SUN raster), read back into radians."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch import color_tables, phase_color
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.phase import wrap
from basinwatch.rasters import open_raster
from basinwatch.readers import checks, geotiff, sunraster
from basinwatch.readers.north_up import orientation
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.rows import Rows

_DRIVERS = {b"BM": "BMP", b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG"}
# Decoders fill in what is missing of these without a word.
_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}
_TAIL_BYTES = 64
MAGICS = (sunraster.MAGIC, *_DRIVERS)
MAX_COLOR_DISTANCE = 0.06
MAX_FOREIGN_SHARE = 0.05
_DENSE_RAD_PX = 2 * np.pi / 6
_MAX_DENSE_SHARE = 0.01
_RUN_PX, _SAMPLE_ROWS = 8, 500
DEFAULTS: dict[str, Any] = {"wheel": "rmg", "zero": 0.0, "direction": 1, "brightness": "modulated"}


def is_picture(path: Path) -> bool:
    """Whether a file is a picture format, or a TIFF with a palette or colour channels."""
    with path.open("rb") as stream:
        start = stream.read(4)
    if start.startswith(MAGICS):
        return True
    if start not in geotiff.TIFF_MAGICS:
        return False
    with open_raster(path, _driver(path)) as source:
        bytes_only = set(source.dtypes) == {"uint8"}
        return bytes_only and (source.count >= 3 or source.colorinterp[0].name == "palette")


def _driver(path: Path) -> str:
    """GDAL's driver of a picture by its first bytes."""
    with path.open("rb") as stream:
        start = stream.read(4)
    return next((driver for magic, driver in _DRIVERS.items() if start.startswith(magic)), geotiff.driver_of(path))


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the picture from its own georeference or the header the user names."""
    checks.reject_unreadable(files.phase)
    return geotiff.place(files, _own_place(files.phase)[0])[0]


def read(files: PairFiles) -> RawPhase:
    """Read a picture's phase; black pixels and colours off the wheel are NaN."""
    checks.reject_unreadable(files.phase)
    if "unw" in files.phase.stem.lower():
        raise InputError(
            f"{files.phase}: the name says unwrapped phase, whose colours repeat over several cycles; expected a "
            "picture of wrapped phase; give the wrapped picture or the numeric file."
        )
    options = DEFAULTS | dict(files.options.get("color") or {})
    values, quality = invert(files.phase, options)
    own, notes = _own_place(files.phase)
    grid, facts, warnings = geotiff.place(files, own)
    return RawPhase(
        Rows.of(values),
        grid,
        kind="wrapped",
        source=source_entry("phase", files.phase, "uint8"),
        nodata_rule="black",
        facts=facts | {"colour": options | quality},
        warnings=[*notes, *warnings, *_loss(files.phase), *_dense_fringes(files.phase, values)],
    )


def invert(path: Path, options: Mapping[str, Any]) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Read phase off a picture.

    Parameters
    ----------
    options
        ``wheel``, ``zero``, ``direction`` and ``brightness`` as in :class:`PairFiles`.

    Returns
    -------
    phase, quality
        float32 (y, x) radians, NaN where black, transparent or off the wheel; bits and colour distance
        for the metadata.

    Raises
    ------
    InputError
        If the file is no coloured picture, or was painted with another wheel.
    """
    colors, palette = _pixels(path)
    values, quality = _phase(path, colors, palette, options)
    placed = wrap(values - np.float32(2 * np.pi * options["zero"])) * np.float32(options["direction"])
    return placed.astype(np.float32), quality


def read_colors(path: Path) -> NDArray[np.uint8]:
    """Read a picture's colours, uint8 (y, x, 3); errors as :func:`invert`."""
    colors, palette = _pixels(path)
    return colors if palette is None else _look_up(path, colors, palette)


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Refuse: colours repeat, so a picture cannot hold unwrapped phase."""
    raise InputError(f"{path}: found a picture, expected unwrapped phase in radians; name the numeric file.")


def _own_place(path: Path) -> tuple[Grid, list[str]]:
    """Size and, where the format carries one, georeference of a picture, north up; and what was turned for it."""
    with path.open("rb") as stream:
        is_sun = stream.read(4) == sunraster.MAGIC
    if is_sun:
        height, width = sunraster.read_size(path)
        return Grid(width, height, None, None, (1.0, 1.0)), []
    with open_raster(path, _driver(path)) as source:
        lies = orientation(source, path)
        return lies.grid, lies.notes(path)


def _pixels(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Colours (y, x, 3), or indices (y, x) and their palette (n, 3); north up; what is transparent is black."""
    checks.reject_unreadable(path)
    with path.open("rb") as stream:
        is_sun = stream.read(4) == sunraster.MAGIC
    if is_sun:
        return _require_color(path, *sunraster.read(path))
    _require_end(path)
    with open_raster(path, _driver(path)) as source:
        lies = orientation(source, path)
        if set(source.dtypes) != {"uint8"}:
            raise InputError(f"{path}: found {source.dtypes[0]} pixels, expected an 8-bit picture; save it as PNG.")
        if source.count >= 3:
            colors = np.moveaxis(source.read([1, 2, 3]), 0, -1)
            if source.count == 4 and source.colorinterp[3].name == "alpha":
                colors[source.read(4) == 0] = 0
            return lies.turned_pixels(colors), None
        palette = None
        if source.colorinterp[0].name == "palette":
            entries = source.colormap(1)
            palette = np.array([entries[i][:3] if entries[i][3] else (0, 0, 0) for i in range(len(entries))], np.uint8)
        return _require_color(path, lies.turned_pixels(source.read(1)), palette)


def _require_end(path: Path) -> None:
    """E03: refuse a PNG or JPEG without its end."""
    mark = _ENDS.get(_driver(path), b"")
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        if mark not in stream.read():
            raise InputError(
                f"{path}: found no end of the picture, expected one; it is truncated; copy it again (E03)."
            )


def _require_color(
    path: Path, pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Refuse grey pictures, whose phase folds or has a seam nobody can place."""
    if pixels.ndim == 2 and palette is None:
        raise InputError(f"{path}: found a grey picture, expected colours; give the coloured or the numeric phase.")
    return pixels, palette


def _phase(
    path: Path, colors: NDArray[np.uint8], palette: NDArray[np.uint8] | None, options: Mapping[str, Any]
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Invert the wheel: by palette index if it is the known palette, else by colour."""
    if palette is not None and options["wheel"] == "rmg" and phase_color.is_palette(palette):
        return phase_color.from_palette(colors), {"depth": 8, "levels": 16, "max_error_rad": round(np.pi / 16, 3)}
    rgb = _look_up(path, colors, palette) if palette is not None else colors
    if options["wheel"] == "rmg":
        values, distance = phase_color.from_rgb(rgb)
    else:
        table = color_tables.color_table(str(options["wheel"]))
        values, distance = color_tables.from_table(rgb, table, modulated=options["brightness"] == "modulated")
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


def _loss(path: Path) -> list[str]:
    """Say that colours were read, and where the numbers lie that they were painted from."""
    numeric = path.with_suffix("")
    beside = f"; {numeric.name} beside it may hold the numbers, name that" if numeric.is_file() else ""
    return [f"{path.name}: phase read from colours{beside}"]


def _dense_fringes(path: Path, values: NDArray[np.float32]) -> list[str]:
    """Warn of fringes so dense that a picture which was ever resampled holds wrong phase there."""
    dense = [_steep_share(lines[:: max(1, len(lines) // _SAMPLE_ROWS)]) for lines in (values, values.T)]
    if max(dense) <= _MAX_DENSE_SHARE:
        return []
    return [
        f"{path.name}: {max(dense):.0%} of the picture has more than one fringe in {round(2 * np.pi / _DENSE_RAD_PX)} "
        "px; phase there is right only if the picture was never scaled"
    ]


def _steep_share(lines: NDArray[np.float32]) -> float:
    """Share of runs along lines whose phase moves steadily and faster than dense fringes do."""
    steps = np.exp(1j * np.diff(lines, axis=1))
    count = steps.shape[1] // _RUN_PX
    means = np.nan_to_num(steps[:, : count * _RUN_PX]).reshape(len(steps), count, _RUN_PX).mean(-1)
    steady = np.abs(means) > 0.7
    return float(np.mean(steady & (np.abs(np.angle(means)) > _DENSE_RAD_PX))) if means.size else 0.0

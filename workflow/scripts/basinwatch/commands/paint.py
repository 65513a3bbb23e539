"""Paint wrapped phase as GAMMA's rasmph programs do: hue is phase, brightness is coherence or backscatter.

Phase 0 is cyan and grows away from the satellite through magenta and yellow back to cyan; black is no data. The
picture can be read back: in 24 bits to 0.015 rad where it is bright, in 8 bits to one of 16 phases.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from basinwatch import phase_color
from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.inspection.names import dated
from basinwatch.inspection.sight import NO_DATES
from basinwatch.interferogram import Interferogram
from basinwatch.provenance import atomic_path
from basinwatch.rasters import write_raster
from basinwatch.readers import PairFiles, gamma, geotiff, read_interferogram, sunraster

SUMMARY = "paint wrapped phase in the colours of GAMMA's rasmph"
EXAMPLES = """\
  python workflow/scripts/basinwatch paint 20200101_20200113.diff picture.ras --intensity 20200101.mli
  python workflow/scripts/basinwatch paint phase.tif picture.png --coherence coherence.tif --bits 8"""
_MAX_INDEX_BITS = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("phase", type=Path, metavar="PHASE", help="an interferogram the workflow can read")
    parser.add_argument("picture", type=Path, metavar="PICTURE", help="what to write: .ras, .png, .bmp or .tif")
    parser.add_argument("--header", type=Path, metavar="FILE", help="header of the phase, where it needs one")
    parser.add_argument("--coherence", type=Path, metavar="FILE", help="coherence for the brightness")
    parser.add_argument("--intensity", type=Path, metavar="FILE", help="backscatter (power) for the brightness instead")
    parser.add_argument("--bits", type=int, choices=(8, 24), default=24, help="8 for 16 phases (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Write the picture."""
    suffix = arguments.picture.suffix.lower()
    if suffix not in _WRITERS or (suffix == ".tif" and arguments.bits == _MAX_INDEX_BITS):
        raise InputError(
            f"{arguments.picture}: found '{suffix}' for {arguments.bits} bits, expected .ras, .png or .bmp, or .tif "
            "for 24 bits; give the picture another name."
        )
    found = dated(arguments.phase)
    days = (found.first, found.second) if found else NO_DATES
    pair = read_interferogram(PairFiles(*days, arguments.phase, arguments.coherence, arguments.header))
    brightness = _brightness(pair, arguments.intensity)
    if arguments.bits == _MAX_INDEX_BITS:
        pixels = phase_color.to_palette(pair.phase, brightness)
    else:
        pixels = phase_color.to_rgb(pair.phase, brightness)
    _WRITERS[suffix](arguments.picture, pixels, pair.grid)
    return 0


def _brightness(pair: Interferogram, intensity: Path | None) -> NDArray[np.float32] | None:
    """Brightness from backscatter, else from coherence; None without either."""
    if intensity is not None:
        return phase_color.brightness_of_intensity(_read_intensity(intensity, pair.grid))
    return None if pair.coherence is None else phase_color.brightness_of_coherence(pair.coherence)


def _read_intensity(path: Path, grid: Grid) -> NDArray[np.float32]:
    """Backscatter on the phase's pixels, from a GeoTIFF or GAMMA's binary."""
    if path.is_file() and geotiff.is_tiff(path):
        rows = geotiff.read_band(path).rows
    else:
        rows = gamma.read_real("intensity", path, grid, allow_truncated=False)[0]
    if rows.shape != grid.shape:
        raise InputError(
            f"{path}: found {rows.height}x{rows.width} px, expected the phase's {grid.height}x{grid.width}; name the "
            "intensity that belongs to it."
        )
    return rows.whole()


def _write_sun(path: Path, pixels: NDArray[np.uint8], grid: Grid) -> None:
    """Write a SUN raster."""
    sunraster.write(path, pixels, phase_color.palette() if pixels.ndim == 2 else None)


def _write_picture(path: Path, pixels: NDArray[np.uint8], grid: Grid) -> None:
    """Write a PNG or BMP, with the palette where there is one."""
    image = Image.fromarray(pixels)
    if pixels.ndim == 2:
        image = image.convert("P")
        image.putpalette(phase_color.palette().tobytes())
    with atomic_path(path) as part:
        image.save(part)


def _write_tiff(path: Path, pixels: NDArray[np.uint8], grid: Grid) -> None:
    """Write a GeoTIFF in the place of the phase."""
    write_raster(path, np.moveaxis(pixels, -1, 0), grid, bands=["red", "green", "blue"])


_WRITERS: dict[str, Callable[[Path, NDArray[Any], Grid], None]] = {
    ".ras": _write_sun, ".png": _write_picture, ".bmp": _write_picture, ".tif": _write_tiff,
}  # fmt: skip

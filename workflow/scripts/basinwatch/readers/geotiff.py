"""GeoTIFF: complex or real phase, coherence as share or uint8; north up, NaN = no data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import grid_of, open_raster
from basinwatch.readers import checks, gamma_headers
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry

TIFF_MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_ROWS_PER_BLOCK = 512
_WAVELENGTH_TAGS = ("WAVELENGTH_M", "WAVELENGTH_METRES")
_INCIDENCE_TAGS = ("INCIDENCE_DEGREES",)


@dataclass(frozen=True)
class Band:
    """One band: float32 values (angle of complex numbers), NaN where not finite, declared no-data or 0+0j."""

    values: NDArray[np.float32]
    grid: Grid
    dtype: str
    nodata: float | None
    tags: Mapping[str, str]

    @property
    def is_complex(self) -> bool:
        """Whether the values are angles of complex numbers."""
        return self.dtype.startswith("complex")

    @property
    def nodata_rule(self) -> str | None:
        """How no-data pixels were told; None if the file declares none."""
        if self.is_complex:
            return "z==0"
        return None if self.nodata is None or math.isnan(self.nodata) else f"declared {self.nodata:g}"


def is_tiff(path: Path) -> bool:
    """Whether a file starts like a TIFF."""
    with path.open("rb") as stream:
        return stream.read(4) in TIFF_MAGICS


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the phase without reading pixels."""
    checks.reject_unreadable(files.phase)
    with open_raster(files.phase) as source:
        return place(files, _north_up_grid(source, files.phase))[0]


def read(files: PairFiles, name: str | None = None) -> RawPhase:
    """Read phase, with wavelength and incidence where the file's tags give them; `name` as in :func:`read_band`."""
    band = read_band(files.phase, name)
    if band.dtype == "uint8":
        raise InputError(
            f"{files.phase}: found bytes, expected phase in radians or complex numbers; if it is a coloured picture "
            "set format: color_raster."
        )
    grid, facts, warnings = place(files, band.grid)
    return RawPhase(
        band.values,
        grid,
        kind="wrapped" if band.is_complex else "unknown",
        source=source_entry("phase", files.phase, band.dtype),
        nodata_rule=band.nodata_rule,
        facts=_tag_facts(band.tags) | facts,
        warnings=warnings,
    )


def read_unwrapped(path: Path, files: PairFiles) -> tuple[NDArray[np.float32], Grid]:
    """Read real unwrapped phase; exact zeros count as no data only if declared or too many for chance."""
    band = read_band(path)
    if band.is_complex:
        raise InputError(
            f"{path}: found complex numbers, expected unwrapped phase in radians; name the unwrapped file."
        )
    if checks.zeros_are_nodata(path, band.values):
        band.values[band.values == 0] = np.nan
    return band.values, place(files, band.grid)[0]


def read_coherence(path: Path, grid: Grid, name: str | None = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Read coherence that must lie on the phase's grid; bytes are divided by 255, floats as stored."""
    band = read_band(path, name)
    both_placed = band.grid.transform is not None and grid.transform is not None
    if band.grid.shape != grid.shape or (both_placed and not _same_place(grid, band.grid)):
        raise InputError(
            f"{path}: coherence of {band.grid.height}x{band.grid.width} px does not lie on the phase's "
            f"{grid.height}x{grid.width} px; expected the same grid; name the file that belongs to the phase."
        )
    values = band.values / np.float32(255) if band.dtype == "uint8" else band.values
    return values, source_entry("coherence", path, band.dtype)


def _same_place(grid: Grid, other: Grid) -> bool:
    """Whether two grids of one shape cover the same pixels (to 1 % of a pixel)."""
    return grid.aligned_with(other) and all(round(v) == 0 for v in grid.offset_of(other))


def read_band_grid(path: Path, name: str | None = None) -> Grid:
    """Return the grid of :func:`read_band` without reading pixels."""
    checks.reject_unreadable(path)
    with open_raster(name or path) as source:
        return _north_up_grid(source, path)


def read_band(path: Path, name: str | None = None) -> Band:
    """Read a raster of one band by blocks of rows.

    Parameters
    ----------
    path
        The file.
    name
        GDAL's name of a part of it: an archive's member, a netCDF variable.
    """
    checks.reject_unreadable(path)
    with open_raster(name or path) as source:
        if source.count != 1:
            raise InputError(f"{path}: found {source.count} bands, expected one; export phase or coherence alone.")
        grid, values = _north_up_grid(source, path), np.empty(source.shape, np.float32)
        for top in range(0, source.height, _ROWS_PER_BLOCK):
            window = Window(0, top, source.width, min(_ROWS_PER_BLOCK, source.height - top))
            values[top : top + _ROWS_PER_BLOCK] = _numbers(source, source.read(1, window=window))
        south_up = _is_south_up(source)
        return Band(values[::-1] if south_up else values, grid, source.dtypes[0], source.nodata, source.tags())


def _numbers(source: rasterio.DatasetReader, block: NDArray[Any]) -> NDArray[np.float32]:
    """Angle of complex numbers or scaled real numbers; NaN where there is no data."""
    if np.iscomplexobj(block):
        valid, values = (block != 0) & np.isfinite(block), np.angle(block)
    else:
        valid = np.isfinite(block)
        if source.nodata is not None:
            valid &= block != source.nodata
        values = block
        if (source.scales[0], source.offsets[0]) != (1.0, 0.0):
            values = block * np.float32(source.scales[0]) + np.float32(source.offsets[0])
    return np.where(valid, values, np.nan).astype(np.float32)


def _is_south_up(source: rasterio.DatasetReader) -> bool:
    """Whether the first row of a georeferenced raster is the southernmost (E16)."""
    return source.crs is not None and not source.transform.is_identity and source.transform.e > 0


def _north_up_grid(source: rasterio.DatasetReader, path: Path) -> Grid:
    """Grid of a raster after putting north up; refuse rotated and mirrored rasters."""
    transform = source.transform
    if source.crs is not None and (transform.b or transform.d or transform.a < 0):
        raise InputError(f"{path}: the raster is rotated or mirrored, expected north up; warp it with gdalwarp.")
    if not 0 < abs(transform.determinant) < math.inf:
        raise InputError(f"{path}: found pixels without extent, expected a size in the georeference; copy it again.")
    if not _is_south_up(source):
        return grid_of(source)
    top = transform.f + transform.e * source.height
    flipped = Affine(transform.a, 0, transform.c, 0, -transform.e, top)
    return Grid.from_map(source.width, source.height, flipped, source.crs.to_wkt())


def place(files: PairFiles, grid: Grid) -> tuple[Grid, dict[str, Any], list[str]]:
    """Give a raster without georeference the grid of the header the user names."""
    if grid.transform is not None:
        return grid, {}, []
    if files.header is None:
        return grid, {}, [f"{files.phase.name}: no georeference and no header; pixel spacing unknown, 1 m assumed"]
    header = next(gamma_headers.candidates(files.phase, (), files.header))
    placed, looks = _reduce_to(gamma_headers.grid_of(header), grid.shape, files)
    facts = gamma_headers.radar_facts(files.phase, (files.date1, files.date2), header)
    if "looks" in facts:
        facts["looks"] = [own * more for own, more in zip(facts["looks"], looks, strict=True)]
    return placed, facts | {"header": header.summary()}, []


def _reduce_to(grid: Grid, shape: tuple[int, int], files: PairFiles) -> tuple[Grid, tuple[int, int]]:
    """Grid of a raster averaged by whole numbers of columns and rows, and these numbers.

    Raises
    ------
    InputError
        If `shape` (rows, columns) is not that of `grid` divided by whole numbers.
    """
    across, along = max(1, grid.width // shape[1]), max(1, grid.height // shape[0])
    if (grid.height // along, grid.width // across) != shape:
        raise InputError(
            f"{files.phase}: {shape[0]}x{shape[1]} px are no whole fraction of the {grid.height}x{grid.width} px of "
            f"{files.header}; expected the header of this image; correct the header's name."
        )
    spacing = (grid.pixel_spacing_m[0] * across, grid.pixel_spacing_m[1] * along)
    transform = None
    if grid.transform is not None:
        a, b, c, d, e, f = grid.transform
        transform = (a * across, b * along, c, d * across, e * along, f)
    reduced = Grid(shape[1], shape[0], transform, grid.crs_wkt, spacing)
    return reduced, (across, along)


def _tag_facts(tags: Mapping[str, str]) -> dict[str, Any]:
    """Wavelength and incidence from the tags some processors write."""
    facts: dict[str, Any] = {}
    for fact, names in (("wavelength_m", _WAVELENGTH_TAGS), ("incidence_deg", _INCIDENCE_TAGS)):
        for name in names:
            try:
                number = float(tags[name])
            except (KeyError, ValueError):
                continue
            facts |= {fact: number} if math.isfinite(number) else {}
    return facts

"""GeoTIFF, or raw numbers with an ENVI header: complex or real phase, coherence; north up, NaN = no data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import open_raster
from basinwatch.readers import checks, gamma_facts, gamma_headers, gamma_map, raw_binary
from basinwatch.readers.north_up import orientation
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.readers.survey import survey
from basinwatch.rows import Read, Rows, joined

TIFF_MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_WAVELENGTH_TAGS = ("WAVELENGTH_M", "WAVELENGTH_METRES")
_INCIDENCE_TAGS = ("INCIDENCE_DEGREES",)


@dataclass(frozen=True)
class Band:
    """One band: float32 numbers (angle of complex ones), NaN where not finite, declared no-data or 0+0j."""

    rows: Rows
    grid: Grid
    dtype: str
    nodata: float | None
    tags: Mapping[str, str]
    notes: list[str]

    @property
    def is_complex(self) -> bool:
        """Whether the values are angles of complex numbers."""
        return self.dtype.startswith("complex")

    @property
    def nodata_rule(self) -> str | None:
        """How no-data pixels were told; None if the file declares none."""
        rules = ["z==0"] if self.is_complex else []
        if self.nodata is not None and not math.isnan(self.nodata):
            rules.append(f"declared {self.nodata:g}")
        return ", ".join(rules) or None


def is_tiff(path: Path) -> bool:
    """Whether a file starts like a TIFF."""
    with path.open("rb") as stream:
        return stream.read(4) in TIFF_MAGICS


def has_envi_header(path: Path) -> bool:
    """Whether an ENVI header lies beside a file, which then is one of GDAL's rasters like a GeoTIFF."""
    for header in (path.with_name(f"{path.name}.hdr"), path.with_suffix(".hdr")):
        if header.is_file():
            with header.open("rb") as stream:
                return stream.read(4) == b"ENVI"
    return False


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the phase without reading pixels."""
    checks.reject_unreadable(files.phase)
    with open_raster(files.phase, driver_of(files.phase)) as source:
        return place(files, orientation(source, files.phase).grid)[0]


def read(files: PairFiles, name: str | None = None) -> RawPhase:
    """Read phase, with wavelength and incidence where the file's tags give them; `name` as in :func:`read_band`."""
    band = read_band(files.phase, name, files.options.get("bands"))
    if band.dtype == "uint8":
        raise InputError(
            f"{files.phase}: found bytes, expected phase in radians or complex numbers; if it is a coloured picture "
            "set format: color_raster."
        )
    grid, facts, warnings = place(files, band.grid)
    return RawPhase(
        band.rows,
        grid,
        kind="wrapped" if band.is_complex else "unknown",
        source=source_entry("phase", files.phase, band.dtype),
        nodata_rule=band.nodata_rule,
        facts=_tag_facts(band.tags) | facts,
        warnings=band.notes + warnings,
    )


def read_unwrapped(path: Path, files: PairFiles, name: str | None = None) -> RawPhase:
    """Read real unwrapped phase; exact zeros count as no data only if declared or too many for chance.

    Parameters and errors are those of :func:`read_band`.
    """
    band = read_band(path, name)
    if band.is_complex:
        raise InputError(
            f"{path}: found complex numbers, expected unwrapped phase in radians; name the unwrapped file."
        )
    zeros = checks.zeros_are_nodata(path, survey(band.rows))
    rows = band.rows.through(without_zeros) if zeros else band.rows
    source = source_entry("unwrapped", path, band.dtype)
    return RawPhase(
        rows, place(files, band.grid)[0], "unwrapped", source, band.nodata_rule, warnings=band.notes + zeros
    )


def without_zeros(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """NaN where 0."""
    return np.where(values == 0, np.float32(np.nan), values)


def read_coherence(path: Path, grid: Grid, name: str | None = None) -> tuple[Rows, dict[str, Any]]:
    """Read coherence that must lie on the phase's grid, its numbers as stored."""
    band = read_band(path, name)
    both_placed = band.grid.transform is not None and grid.transform is not None
    if band.grid.shape != grid.shape or (both_placed and not _same_place(grid, band.grid)):
        raise InputError(
            f"{path}: coherence of {band.grid.height}x{band.grid.width} px does not lie on the phase's "
            f"{grid.height}x{grid.width} px; expected the same grid; name the file that belongs to the phase."
        )
    return band.rows, source_entry("coherence", path, band.dtype)


def _same_place(grid: Grid, other: Grid) -> bool:
    """Whether two grids of one shape cover the same pixels (to 1 % of a pixel)."""
    return grid.aligned_with(other) and all(round(v) == 0 for v in grid.offset_of(other))


def read_band_grid(path: Path, name: str | None = None) -> Grid:
    """Return the grid of :func:`read_band` without reading pixels."""
    checks.reject_unreadable(path)
    with open_raster(name or path, driver_of(path, name)) as source:
        return orientation(source, path).grid


def driver_of(path: Path, name: str | None = None) -> str:
    """GDAL's driver of a file or of a part of it; only what is called a virtual raster may be one."""
    if name is not None and name.startswith("netcdf:"):
        return "netCDF"
    if name is None and path.suffix == ".vrt":
        return "VRT"
    return "ENVI" if name is None and has_envi_header(path) else "GTiff"


def read_band(
    path: Path, name: str | None = None, bands: Sequence[int] | None = None, *, is_part: bool = False
) -> Band:
    """Open one band of a raster, or two that are the parts of complex numbers.

    Parameters
    ----------
    path
        The file.
    name
        GDAL's name of a part of it: an archive's member, a netCDF variable.
    bands
        Numbers from 1: of the band, or of real and imaginary part; None where the raster has one band alone.
    is_part
        Whether the band is real or imaginary part itself, as in :func:`to_numbers`.

    Raises
    ------
    InputError
        If the raster cannot be read or has no such bands.
    """
    checks.reject_unreadable(path)
    driver = driver_of(path, name)
    with open_raster(name or path, driver) as source:
        wanted = _require_bands(path, source, bands)
        lies = orientation(source, path)
        is_complex = len(wanted) == 2
        parts = [
            raster_rows(name or path, driver, source, band).through(
                to_numbers(source, band, is_part=is_part or is_complex)
            )
            for band in wanted
        ]
        rows = joined(angle, *parts) if is_complex else parts[0]
        dtype, nodata = source.dtypes[wanted[0] - 1], source.nodatavals[wanted[0] - 1]
        return Band(
            lies.turned(rows), lies.grid, "complex64" if is_complex else dtype, nodata, source.tags(), lies.notes(path)
        )


def _require_bands(path: Path, source: rasterio.DatasetReader, bands: Sequence[int] | None) -> Sequence[int]:
    """Numbers of the bands to read."""
    if bands is None:
        if source.count != 1:
            raise InputError(
                f"{path}: found {source.count} bands, expected one; export phase or coherence alone, or set bands to "
                "the number of the band, or to those of real and imaginary part."
            )
        return [1]
    if not 1 <= len(bands) <= 2 or not all(1 <= band <= source.count for band in bands):
        raise InputError(
            f"bands: found {list(bands)}, expected one or two of the {source.count} of {path}; correct the numbers."
        )
    return bands


def angle(real: NDArray[Any], imaginary: NDArray[Any]) -> NDArray[np.float32]:
    """Angle of complex numbers in two parts; NaN where 0 or not finite."""
    with np.errstate(over="ignore", invalid="ignore"):  # of damaged numbers
        return raw_binary.radians(real + 1j * imaginary)


def raster_rows(name: str | Path, driver: str, source: rasterio.DatasetReader, band: int) -> Rows:
    """Rows of a band as stored, of a raster that is open now and will be opened again."""

    @contextmanager
    def opened() -> Iterator[Read]:
        with open_raster(name, driver) as again:
            yield lambda first, last: again.read(band, window=Window(0, first, again.width, last - first))

    return Rows(source.height, source.width, opened)


def to_numbers(
    source: rasterio.DatasetReader, band: int, *, is_part: bool = False
) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """How the stored numbers of an open raster become radians, or what else they mean, with NaN.

    Parameters
    ----------
    is_part
        Whether they are one part of complex numbers, of which either may be 0 though that is the no-data value.
    """
    nodata, scale, offset = source.nodatavals[band - 1], source.scales[band - 1], source.offsets[band - 1]
    told = None if is_part and nodata == 0 else nodata
    return lambda block: _numbers(block, told, scale, offset)


def _numbers(block: NDArray[Any], nodata: float | None, scale: float, offset: float) -> NDArray[np.float32]:
    """Angle of complex numbers or scaled real numbers; NaN where there is no data."""
    with np.errstate(over="ignore", invalid="ignore"):  # of damaged numbers; beyond float32 there is no phase
        values = raw_binary.radians(block) if np.iscomplexobj(block) else block.astype(np.float32)
        if not np.iscomplexobj(block) and (scale, offset) != (1.0, 0.0):
            values = values * np.float32(scale) + np.float32(offset)
        known = np.isfinite(values) & (block != nodata)
    return np.where(known, values, np.float32(np.nan))


def place(files: PairFiles, grid: Grid) -> tuple[Grid, dict[str, Any], list[str]]:
    """Give a raster without georeference the grid of the header the user names."""
    if grid.transform is not None:
        return grid, {}, []
    if files.header is None:
        return grid, {}, [f"{files.phase.name}: no georeference and no header; pixel spacing unknown, 1 m assumed"]
    header = next(gamma_headers.candidates(files.phase, (), files.header))
    placed, looks = _reduce_to(gamma_map.grid_of(header, files.options.get("crs")), grid.shape, files)
    facts = gamma_facts.radar_facts(files.phase, (files.date1, files.date2), header)
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

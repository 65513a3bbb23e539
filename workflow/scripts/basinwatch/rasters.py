"""One way to write and read a GeoTIFF: tiled, compressed, atomic, NaN or 0 as no-data."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import MemoryFile
from rasterio.windows import Window

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.provenance import atomic_path, software

BLOCK_PX = 512
SHARE_TAGS = {"encoding": "share = (DN - 1) / 254, DN 0 = no data"}
_SHARES = np.array([np.nan, *np.arange(255, dtype=np.float32) / np.float32(254)], np.float32)


def encode_share(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Code numbers in 0…1 (coherence, probability) as uint8 1…255; NaN becomes 0."""
    scaled = np.clip(values, 0, 1)
    scaled *= 254
    np.rint(scaled, out=scaled)
    scaled += 1
    np.copyto(scaled, 0, where=~np.isfinite(values))
    return scaled.astype(np.uint8)


def decode_share(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Undo :func:`encode_share`; 0 becomes NaN."""
    decoded: NDArray[np.float32] = _SHARES.take(codes)
    return decoded


@lru_cache
def can_compress(codec: str) -> bool:
    """Whether this build of GDAL writes GeoTIFF with a codec; conda's and the wheels' do."""
    size = {"width": 16, "height": 16, "count": 1, "dtype": "float32"}
    with quiet_radar_geometry(), MemoryFile() as memory:
        try:
            memory.open(driver="GTiff", compress=codec, **size).close()
        except RasterioError:
            return False
        with memory.open() as written:  # GDAL passes over a codec it does not know
            return bool(written.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION") == codec)


def profile(grid: Grid, dtype: str, count: int = 1, lerc_error: float | None = None) -> dict[str, Any]:
    """Creation options of a tiled GeoTIFF on `grid`.

    `lerc_error` limits the loss of float rasters (None keeps every bit); it bounds file size of noisy
    phase at a third of a lossless one. Where GDAL was built without a codec, the next one that loses
    less is taken.
    """
    is_float = dtype.startswith("float")
    lossy = lerc_error is not None and is_float and can_compress("LERC_ZSTD")
    options: dict[str, Any] = {
        "driver": "GTiff", "width": grid.width, "height": grid.height, "count": count, "dtype": dtype,
        "tiled": True, "blockxsize": BLOCK_PX, "blockysize": BLOCK_PX, "BIGTIFF": "IF_SAFER",
        "nodata": 0 if dtype == "uint8" else (float("nan") if is_float else None),
    }  # fmt: skip
    if lossy:
        options |= {"compress": "LERC_ZSTD", "zstd_level": 1, "max_z_error": lerc_error}
    elif can_compress("ZSTD"):
        options |= {"compress": "ZSTD", "zstd_level": 1, "predictor": 3 if is_float else 2}
    else:
        options |= {"compress": "DEFLATE", "predictor": 3 if is_float else 2}
    if grid.geometry == "map":
        options |= {"crs": grid.crs_wkt, "transform": grid.affine}
    return options


@contextmanager
def quiet_radar_geometry() -> Iterator[None]:
    """Silence rasterio's warning that a radar-geometry raster has no georeference: it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def write_raster(
    path: str | Path,
    data: NDArray[Any],
    grid: Grid,
    *,
    bands: Sequence[str],
    units: str | Sequence[str] = "",
    tags: Mapping[str, str] | None = None,
    lerc_error: float | None = None,
) -> None:
    """Write an array as GeoTIFF.

    Parameters
    ----------
    data
        (y, x) or (band, y, x); float (NaN = no data) or uint8 (0 = no data) or another integer type.
    bands
        One description per band.
    units
        Unit of all bands or of each, as written into the file.
    """
    cube = data[None] if data.ndim == 2 else data
    if cube.shape[1:] != grid.shape or len(bands) != cube.shape[0]:
        raise ValueError(f"array {cube.shape} with {len(bands)} band names does not fit grid {grid.shape}")
    with create_raster(
        path, grid, str(cube.dtype), bands=bands, units=units, tags=tags, lerc_error=lerc_error
    ) as target:
        target.write(cube)


def write_layers(
    path: str | Path,
    layers: Sequence[NDArray[Any]],
    grid: Grid,
    dtype: str,
    *,
    bands: Sequence[str],
    units: str | Sequence[str] = "",
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write arrays (y, x) of any types as the bands of a GeoTIFF of one type, without a copy of them all.

    The other parameters are those of :func:`write_raster`.
    """
    with create_raster(path, grid, dtype, bands=bands, units=units, tags=tags) as target:
        for row in range(0, grid.height, BLOCK_PX):
            rows = slice(row, min(row + BLOCK_PX, grid.height))
            strip = np.stack([layer[rows].astype(dtype) for layer in layers])
            target.write(strip, window=Window(0, row, grid.width, rows.stop - row))


@contextmanager
def create_raster(
    path: str | Path,
    grid: Grid,
    dtype: str,
    *,
    bands: Sequence[str],
    units: str | Sequence[str] = "",
    tags: Mapping[str, str] | None = None,
    lerc_error: float | None = None,
) -> Iterator[rasterio.io.DatasetWriter]:
    """Open a new GeoTIFF to be written in windows; it appears under its name when the block succeeds.

    The parameters are those of :func:`write_raster`.
    """
    with new_raster(path, profile(grid, dtype, len(bands), lerc_error)) as target:
        target.update_tags(SOFTWARE=software(), **(tags or {}))
        named = zip(bands, [units] * len(bands) if isinstance(units, str) else units, strict=True)
        for index, (name, unit) in enumerate(named, start=1):
            target.set_band_description(index, name)
            target.set_band_unit(index, unit)
        yield target


@contextmanager
def new_raster(path: str | Path, options: Mapping[str, Any]) -> Iterator[rasterio.io.DatasetWriter]:
    """Open a new raster to be written; it appears under its name when the block succeeds and all of it is stored.

    Parameters
    ----------
    options
        As for ``rasterio.open``.

    Raises
    ------
    OSError
        If the file is not whole when it is closed.
    """
    with atomic_path(path) as part, quiet_radar_geometry():
        try:
            with rasterio.open(part, "w", **options) as target:
                yield target
        except RasterioIOError as error:
            if not str(error).startswith("Write failed"):
                raise
            raise _no_room(part) from error
        require_whole(part)


def require_whole(path: Path) -> None:
    """Check that every block of a GeoTIFF lies within the file: GDAL tells nobody what fails while it closes one.

    Raises
    ------
    OSError
        If one does not, as on a full disk.
    """
    size = path.stat().st_size
    try:
        with quiet_radar_geometry(), rasterio.open(path) as written:
            ends = [_block_end(written, band, row, column) for band in written.indexes
                    for (row, column), _ in written.block_windows(band)]  # fmt: skip
        whole = all(0 < end <= size for end in ends)
    except RasterioIOError:
        whole = False
    if not whole:
        raise _no_room(path)


def _no_room(path: Path) -> OSError:
    """Tell of a file that is not whole."""
    return OSError(errno.ENOSPC, "could not be stored whole", str(path))


def _block_end(written: rasterio.DatasetReader, band: int, row: int, column: int) -> int:
    """Byte after a block; 0 if the file does not tell of it."""
    begin, size = (
        written.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=band) for what in ("OFFSET", "SIZE")
    )
    return 0 if begin is None or size is None else int(begin) + int(size)


@contextmanager
def open_raster(path: str | Path, driver: str | None = None) -> Iterator[rasterio.DatasetReader]:
    """Open a raster for reading.

    Parameters
    ----------
    driver
        GDAL's driver, so that a file from elsewhere is not taken for one that points to others (a virtual raster);
        None tries all.

    Raises
    ------
    InputError
        If GDAL cannot read the file.
    """
    try:
        with quiet_radar_geometry(), rasterio.open(path, driver=driver) as source:
            yield source
    except (RasterioIOError, CRSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a raster ({error}); check that the file is complete.") from error


def grid_of(source: rasterio.DatasetReader) -> Grid:
    """Return the grid of an open raster; identity transform means radar geometry."""
    if source.crs is None or source.transform.is_identity:
        return Grid(source.width, source.height, None, None, (1.0, 1.0))
    return Grid.from_map(source.width, source.height, source.transform, source.crs.to_wkt())


def read_raster(path: str | Path, window: Window | None = None) -> NDArray[Any]:
    """Read all bands as stored: (y, x) for one band, else (band, y, x)."""
    with open_raster(path) as source:
        data: NDArray[Any] = source.read(window=window)
    return data[0] if len(data) == 1 else data


def read_share(path: str | Path, window: Window | None = None) -> NDArray[np.float32]:
    """Read a raster written with :func:`encode_share` as float32 with NaN."""
    return decode_share(read_raster(path, window))


def read_bands(path: str | Path, *names: str) -> list[NDArray[Any]]:
    """Read bands (y, x) by their descriptions.

    Raises
    ------
    InputError
        If a band is missing.
    """
    with open_raster(path) as source:
        found = [str(name) for name in source.descriptions]
        missing = [name for name in names if name not in found]
        if missing:
            raise InputError(f"{path}: holds bands {found}, expected {missing} too; delete the file and run again.")
        return [source.read(found.index(name) + 1) for name in names]

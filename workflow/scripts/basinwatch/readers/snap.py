"""SNAP products: BEAM-DIMAP (``.dim`` with a ``.data`` folder) and GeoTIFF with several bands, 0 = no data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import grid_of, open_raster
from basinwatch.readers import raw_binary
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.readers.raw_binary import Layout
from basinwatch.readers.snap_product import BandEntry, Product, is_dimap, read_embedded, read_product

_ROWS_PER_BLOCK = 512


@dataclass(frozen=True)
class _Opened:
    """A product, and how to read a band of it by its entry."""

    product: Product
    grid: Grid
    values_of: Callable[[BandEntry], NDArray[Any]]


def is_product(path: Path) -> bool:
    """Whether a file is a ``.dim``, or a GeoTIFF that SNAP wrote with more than one band."""
    if is_dimap(path):
        return True
    product = read_embedded(path) if path.suffix.lower() in (".tif", ".tiff") else None
    return product is not None and len(product.bands) > 1


def read_grid(files: PairFiles) -> Grid:
    """Return the grid of the phase from its headers."""
    return _open(files.phase).grid


def read(files: PairFiles) -> RawPhase:
    """Read the angle of the bands i and q; the physical band Phase only where they are missing."""
    opened, dates = _open(files.phase), (files.date1, files.date2)
    real, imaginary = (_band(opened, f"{part}_ifg", dates) for part in ("i", "q"))
    is_complex, warnings = real is not None and imaginary is not None, []
    if real is not None and imaginary is not None:
        name, phase = real, _angle(opened.values_of(real), opened.values_of(imaginary))
    else:
        found = _band(opened, "Phase_ifg", dates)
        if found is None:
            raise _absent(opened, "i_ifg and q_ifg", dates)
        name, phase = found, raw_binary.radians(opened.values_of(found))
        warnings = [
            f"{files.phase.name}: the bands i and q are missing; a Phase band that terrain correction interpolated "
            "has streaks at fringe edges; export i and q"
        ]
    if _is_reversed(name, dates):
        warnings.append(f"{files.phase.name}: {name.name} names the dates in the other order than the file; conjugated")
    return RawPhase(
        _in_order(phase, name, dates),
        opened.grid,
        kind="wrapped" if is_complex else "unknown",
        source=source_entry("phase", files.phase, "complex64" if is_complex else "float32"),
        nodata_rule="z==0" if is_complex else "0",
        facts=opened.product.facts,
        warnings=warnings,
    )


def _angle(real: NDArray[Any], imaginary: NDArray[Any]) -> NDArray[np.float32]:
    """Angle of complex numbers by blocks of rows, which saves memory; NaN where 0 or not finite."""
    phase = np.empty(real.shape, np.float32)
    for top in range(0, len(real), _ROWS_PER_BLOCK):
        rows = slice(top, top + _ROWS_PER_BLOCK)
        phase[rows] = raw_binary.radians(real[rows] + 1j * imaginary[rows])
    return phase


def read_unwrapped(path: Path, files: PairFiles) -> tuple[NDArray[np.float32], Grid]:
    """Read ``Unw_Phase_ifg``: radians, NaN where 0."""
    opened, dates = _open(path), (files.date1, files.date2)
    found = _band(opened, "Unw_Phase_ifg", dates)
    if found is None:
        raise _absent(opened, "Unw_Phase_ifg", dates)
    return _in_order(raw_binary.radians(opened.values_of(found)), found, dates), opened.grid


def read_coherence(
    path: Path, grid: Grid, dates: tuple[date, date]
) -> tuple[NDArray[np.float32], dict[str, Any]] | None:
    """Read ``coh_…`` of a pair, NaN where 0; None if the product has no such band."""
    opened = _open(path)
    found = _band(opened, "coh", dates)
    if found is None:
        return None
    if opened.grid.shape != grid.shape:
        raise InputError(
            f"{path}: found {opened.grid.height}x{opened.grid.width} px, expected the phase's "
            f"{grid.height}x{grid.width} px; name the product that belongs to it."
        )
    values = raw_binary.radians(opened.values_of(found))
    return values, source_entry("coherence", path, "float32")


def _band(opened: _Opened, prefix: str, dates: tuple[date, date]) -> BandEntry | None:
    """Band with numbers whose name begins so and that is of this pair; None if there is none.

    Raises
    ------
    InputError
        If several are.
    """
    start = re.compile(rf"{prefix}(_|$)", re.IGNORECASE)
    named = [b for b in opened.product.bands if start.match(b.name) and not b.is_virtual]
    own = [b for b in named if b.dates is None or set(b.dates) == set(dates)]
    if len(own) > 1:
        names = ", ".join(b.name for b in own)
        raise InputError(f"{opened.product.path}: found {names}, expected one band of the pair; merge or subset it.")
    return own[0] if own else None


def _absent(opened: _Opened, wanted: str, dates: tuple[date, date]) -> InputError:
    """Say which bands there are instead."""
    names = ", ".join(b.name for b in opened.product.bands[:12]) or "no band"
    pair = " and ".join(f"{day:%Y-%m-%d}" for day in dates)
    return InputError(f"{opened.product.path}: found {names}; expected {wanted} of {pair}; export these bands.")


def _in_order(values: NDArray[np.float32], band: BandEntry, dates: tuple[date, date]) -> NDArray[np.float32]:
    """Phase with the sign of the file name's order of dates; the band's name says which one is the reference."""
    return -values if _is_reversed(band, dates) else values


def _is_reversed(band: BandEntry, dates: tuple[date, date]) -> bool:
    """Whether a band's name has the dates in the other order than the file's."""
    return band.dates is not None and band.dates != dates


def _open(path: Path) -> _Opened:
    """Open a product of either form."""
    if is_dimap(path):
        product = read_product(path)
        return _Opened(product, product.grid, lambda band: _dimap_band(product, band))
    embedded = read_embedded(path)
    if embedded is None:
        raise InputError(f"{path}: found no description by SNAP; expected a .dim, or a GeoTIFF that SNAP exported.")
    with open_raster(path) as source:
        grid, count = grid_of(source), source.count
        if source.shape != embedded.grid.shape:
            raise InputError(f"{path}: size and description by SNAP differ; expected the exported file; export again.")
    stored = [b for b in embedded.bands if len(embedded.bands) == count or not b.is_virtual]
    if len(stored) != count:
        raise InputError(f"{path}: found {count} bands, expected the {len(stored)} SNAP describes; export again.")
    placed = embedded.grid if grid.geometry == "radar" else grid
    return _Opened(embedded, placed, lambda band: _tiff_band(path, stored.index(band) + 1))


def _dimap_band(product: Product, band: BandEntry) -> NDArray[Any]:
    """Numbers of a band, big-endian unless its ENVI header says otherwise."""
    if band.path is None or not band.path.is_file():
        raise InputError(
            f"{product.path}: the numbers of {band.name} are missing; expected {band.path or 'a file'}; copy the "
            ".data folder along with the .dim."
        )
    header = band.path.with_suffix(".hdr")
    text = header.read_text(encoding="latin-1") if header.is_file() else ""
    is_little = re.search(r"^\s*byte order\s*=\s*0", text, re.MULTILINE | re.IGNORECASE)
    dtype = band.dtype.newbyteorder("<" if is_little else ">")
    layout = Layout(product.grid.width, product.grid.height, 1, dtype, "BSQ", product.path)
    return raw_binary.read_band(band.path, layout, 1)


def _tiff_band(path: Path, index: int) -> NDArray[Any]:
    """Numbers of a band of a GeoTIFF."""
    with open_raster(path) as source:
        values: NDArray[Any] = source.read(index)
    return values

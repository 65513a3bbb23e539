"""SNAP products: BEAM-DIMAP (``.dim`` with a ``.data`` folder) and GeoTIFF with several bands, 0 = no data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rasters import open_raster
from basinwatch.readers import raw_binary
from basinwatch.readers.acquisition import baseline_between
from basinwatch.readers.geotiff import angle, raster_rows
from basinwatch.readers.north_up import orientation
from basinwatch.readers.pair import PairFiles, RawPhase, source_entry
from basinwatch.readers.raw_binary import Layout
from basinwatch.readers.snap_product import BandEntry, Product, is_dimap, read_embedded, read_product
from basinwatch.rows import Rows, joined

_TIFF = "GTiff"


@dataclass(frozen=True)
class _Opened:
    """A product, how to read a band of it by its entry, and what was turned."""

    product: Product
    grid: Grid
    rows_of: Callable[[BandEntry], Rows]
    notes: list[str]


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
    is_complex, warnings = real is not None and imaginary is not None, list(opened.notes)
    if real is not None and imaginary is not None:
        entry, rows = real, joined(angle, opened.rows_of(real), opened.rows_of(imaginary))
    else:
        found = _band(opened, "Phase_ifg", dates)
        if found is None:
            raise _absent(opened, "i_ifg and q_ifg", dates)
        entry, rows = found, opened.rows_of(found).through(raw_binary.radians)
        warnings.append(
            f"{files.phase.name}: the bands i and q are missing; a Phase band that terrain correction interpolated "
            "has streaks at fringe edges; export i and q"
        )
    if entry.dates not in (None, dates):
        warnings.append(f"{files.phase.name}: {entry.name} names the dates in the other order than the file; it counts")
    return RawPhase(
        rows,
        opened.grid,
        kind="wrapped" if is_complex else "unknown",
        source=source_entry("phase", files.phase, "complex64" if is_complex else "float32"),
        nodata_rule="z==0" if is_complex else "0",
        facts=opened.product.facts
        | {"product": entry.name, "bperp_m": baseline_between(opened.product.baselines_m, entry.dates or dates)},
        warnings=warnings,
        dates=entry.dates,
    )


def read_unwrapped(path: Path, files: PairFiles) -> RawPhase:
    """Read ``Unw_Phase_ifg``: radians, NaN where 0."""
    opened, dates = _open(path), (files.date1, files.date2)
    found = _band(opened, "Unw_Phase_ifg", dates)
    if found is None:
        raise _absent(opened, "Unw_Phase_ifg", dates)
    rows, source = opened.rows_of(found).through(raw_binary.radians), source_entry("unwrapped", path, "float32")
    return RawPhase(rows, opened.grid, "unwrapped", source, nodata_rule="0", warnings=opened.notes, dates=found.dates)


def read_coherence(path: Path, grid: Grid, dates: tuple[date, date]) -> tuple[Rows, dict[str, Any]] | None:
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
    return opened.rows_of(found).through(raw_binary.radians), source_entry("coherence", path, "float32")


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


def _open(path: Path) -> _Opened:
    """Open a product of either form."""
    if is_dimap(path):
        product = read_product(path)
        return _Opened(product, product.grid, lambda band: _dimap_rows(product, band), [])
    embedded = read_embedded(path)
    if embedded is None:
        raise InputError(f"{path}: found no description by SNAP; expected a .dim, or a GeoTIFF that SNAP exported.")
    with open_raster(path, _TIFF) as source:
        lies, count = orientation(source, path), source.count
        if source.shape != embedded.grid.shape:
            raise InputError(f"{path}: size and description by SNAP differ; expected the exported file; export again.")
        stored = [b for b in embedded.bands if len(embedded.bands) == count or not b.is_virtual]
        if len(stored) != count:
            raise InputError(f"{path}: found {count} bands, expected the {len(stored)} SNAP describes; export again.")
        rows = [lies.turned(raster_rows(path, _TIFF, source, band)) for band in range(1, count + 1)]
    placed = embedded.grid if lies.grid.geometry == "radar" else lies.grid
    return _Opened(embedded, placed, lambda band: rows[stored.index(band)], lies.notes(path))


def _dimap_rows(product: Product, band: BandEntry) -> Rows:
    """Rows of a band, big-endian unless its ENVI header says otherwise."""
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
    return raw_binary.band_rows(band.path, layout, 1)

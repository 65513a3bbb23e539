"""Rasters on another grid: cut and padded where the pixels agree, resampled where they do not.

Wrapped phase is resampled as the complex number of length 1 that has it for its angle, for a mean of angles on both
sides of ±π is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.enums import Resampling
from rasterio.transform import array_bounds
from rasterio.warp import reproject, transform_bounds

from basinwatch.errors import InputError
from basinwatch.grid import Grid
from basinwatch.rows import Read, Rows

Kind = Literal["phase", "number"]
_MAX_RADAR_DIFFERENCE_PX = 2
_KERNEL_PX = 2
_MIN_WEIGHT = 0.5
_TOLERANCE_PX = 0.01


def placed(rows: Rows, own: Grid, grid: Grid, kind: Kind, source: str) -> tuple[Rows, list[str]]:
    """Place a raster on another grid; NaN beyond it.

    Parameters
    ----------
    rows
        Numbers on their `own` grid.
    kind
        ``phase`` is wrapped radians; a ``number`` may be averaged as it is.
    source
        File that errors and warnings are about.

    Returns
    -------
    rows, warnings
        One sentence where pixels were moved or resampled.

    Raises
    ------
    InputError
        If one of both has no map coordinates and the sizes differ by more than two pixels, or both lie apart.
    """
    if own == grid:
        return rows, []
    if "radar" in (own.geometry, grid.geometry):
        return _cropped(rows, 0, 0, grid), _radar_warning(own, grid, source)
    if grid.aligned_with(own):
        column, row = (round(v) for v in grid.offset_of(own))
        _require_overlap(row < grid.height and column < grid.width, own, grid, source)
        _require_overlap(row + own.height > 0 and column + own.width > 0, own, grid, source)
        return _cropped(rows, row, column, grid), []
    _require_overlap(_own_rows(own, grid, 0, grid.height) is not None, own, grid, source)
    said = "as complex numbers " if kind == "phase" else ""
    moved = f"grid ({_placement(own)}) is not its stack's ({_placement(grid)}); resampled {said}(E14)"
    return _resampled(rows, own, grid, kind), [f"{Path(source).name}: {moved}"]


def _radar_warning(own: Grid, grid: Grid, source: str) -> list[str]:
    """E14: radar grids of pairs processed apart may differ by a row; more, and nothing tells where pixels lie."""
    difference = max(abs(own.height - grid.height), abs(own.width - grid.width))
    if own.geometry != grid.geometry or difference > _MAX_RADAR_DIFFERENCE_PX:
        raise InputError(
            f"{source}: grid of {_placement(own)} does not fit its stack's grid of {_placement(grid)}; expected the "
            "same pixels, since radar geometry has no coordinates to resample by; process the pair like the others, "
            "or put it into its own stack (E14)."
        )
    if not difference:
        return []
    name = Path(source).name
    return [f"{name}: {_placement(own)} instead of {_placement(grid)}; its last rows or columns cut or padded (E14)"]


def _require_overlap(overlaps: bool, own: Grid, grid: Grid, source: str) -> None:
    """Refuse a raster that lies elsewhere."""
    if not overlaps:
        raise InputError(
            f"{source}: grid of {_placement(own)} does not overlap its stack's grid of {_placement(grid)}; expected "
            "the same area; put the pair into a stack of its own (E14)."
        )


def _placement(grid: Grid) -> str:
    """Describe a grid in a few words."""
    size = f"{grid.height}x{grid.width} px"
    if grid.transform is None:
        return f"{size} in radar geometry"
    crs = CRS.from_wkt(str(grid.crs_wkt))
    place = f"EPSG:{crs.to_epsg()}" if crs.to_epsg() else crs.name
    return f"{size}, {place}, origin {grid.transform[2]:.6g}, {grid.transform[5]:.6g}, step {grid.transform[0]:.6g}"


def _cropped(rows: Rows, row: int, column: int, grid: Grid) -> Rows:
    """Rows of `grid`, in which the origin of the given rows lies at (row, column)."""
    left, right = max(column, 0), min(column + rows.width, grid.width)

    @contextmanager
    def opened() -> Iterator[Read]:
        with rows.open() as read:

            def cut(first: int, last: int) -> NDArray[np.float32]:
                target = np.full((last - first, grid.width), np.nan, np.float32)
                top, bottom = max(first, row), min(last, row + rows.height)
                if top < bottom:
                    part = read(top - row, bottom - row)
                    target[top - first : bottom - first, left:right] = part[:, left - column : right - column]
                return target

            yield cut

    return Rows(grid.height, grid.width, opened)


def _resampled(rows: Rows, own: Grid, grid: Grid, kind: Kind) -> Rows:
    """Rows of `grid`, bilinear between pixels, or their weighted mean where those of `grid` are coarser."""
    warp = _warp_phase if kind == "phase" else _warp_numbers

    @contextmanager
    def opened() -> Iterator[Read]:
        with rows.open() as read:

            def moved(first: int, last: int) -> NDArray[np.float32]:
                span = _own_rows(own, grid, first, last)
                target = grid.part(slice(first, last), slice(0, grid.width))
                if span is None:
                    return np.full(target.shape, np.nan, np.float32)
                return warp(read(*span), own.part(slice(*span), slice(0, own.width)), target)

            yield moved

    return Rows(grid.height, grid.width, opened)


def _own_rows(own: Grid, grid: Grid, first: int, last: int) -> tuple[int, int] | None:
    """First and last row of `own` that some rows of `grid` are made of; None where it does not reach."""
    part = grid.part(slice(first, last), slice(0, grid.width))
    bounds = array_bounds(part.height, part.width, part.affine)
    west, south, east, north = transform_bounds(part.crs_wkt, own.crs_wkt, *bounds)
    inverse = ~own.affine
    corners = ((west, north), (east, north), (west, south), (east, south))
    columns = [inverse.a * x + inverse.b * y + inverse.c for x, y in corners]
    lines = [inverse.d * x + inverse.e * y + inverse.f for x, y in corners]
    # a coarser grid averages over its own pixel
    margin = _KERNEL_PX * (1 + (max(lines) - min(lines)) / (last - first))
    top, bottom = max(0, int(min(lines) - margin)), min(own.height, int(max(lines) + margin) + 1)
    return (top, bottom) if top < bottom and max(columns) > 0 and min(columns) < own.width else None


def _warp_phase(values: NDArray[np.float32], own: Grid, grid: Grid) -> NDArray[np.float32]:
    """Angle of the resampled unit phasors, NaN where less than half of the weight is known."""
    valid = np.isfinite(values)
    phasors = np.where(valid, np.exp(1j * np.nan_to_num(values)), 0).astype(np.complex64)
    angles = np.angle(_warped(phasors, own, grid))
    return np.where(_warped(valid.astype(np.float32), own, grid) >= _MIN_WEIGHT, angles, np.nan).astype(np.float32)


def _warp_numbers(values: NDArray[np.float32], own: Grid, grid: Grid) -> NDArray[np.float32]:
    """Weighted mean of the known numbers, NaN where they are less than half of the weight."""
    valid = np.isfinite(values)
    weight = _warped(valid.astype(np.float32), own, grid)
    total = _warped(np.where(valid, values, 0).astype(np.float32), own, grid)
    known = weight >= _MIN_WEIGHT
    return np.where(known, total / np.where(known, weight, 1), np.nan).astype(np.float32)


def _warped(values: NDArray[Any], own: Grid, grid: Grid) -> NDArray[Any]:
    """Resample an array; 0 beyond it."""
    target = np.zeros(grid.shape, values.dtype)
    reproject(
        values, target, src_transform=own.affine, src_crs=own.crs_wkt, dst_transform=grid.affine, dst_crs=grid.crs_wkt,
        resampling=Resampling.bilinear, tolerance=_TOLERANCE_PX,
    )  # fmt: skip
    return target

"""Pictures of any bands: each brought to 0…255, and read around the places that matter."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window
from scipy import ndimage

from basinwatch.encoding import MOST_BANDS
from basinwatch.errors import InputError
from basinwatch.obia.segmentation import Read
from basinwatch.rasters import BLOCK_PX, SHARE_TAGS, create_raster, encode_share, grid_of, open_raster

logger = logging.getLogger(__name__)
_SAMPLED_ROWS = 64
_TAGS = SHARE_TAGS | {"share": "(value - lowest) / (highest - lowest) of the limits in the summary"}


@dataclass(frozen=True)
class PictureSettings:
    """Which bands are looked at, and how they are stretched.

    Parameters
    ----------
    bands
        Numbers from 1 on; None takes all.
    wrapped_bands
        Those that hold wrapped phase in radians; each becomes its sine and cosine.
    percentiles
        Of every band, become 0 and 255; what lies beyond is cut.
    limits
        Lowest and highest value per band of the result instead of the percentiles, e.g. those a model was trained with.
    """

    bands: Sequence[int] | None = None
    wrapped_bands: Sequence[int] = ()
    percentiles: tuple[float, float] = (2.0, 98.0)
    limits: Sequence[tuple[float, float]] | None = None


def chosen_bands(path: Path, count: int, settings: PictureSettings) -> list[int]:
    """Numbers of the bands to look at.

    Raises
    ------
    InputError
        If one of them is missing, or they are more than a model takes.
    """
    wanted = list(settings.bands or range(1, count + 1))
    missing = [band for band in (*wanted, *settings.wrapped_bands) if not 1 <= band <= count]
    if missing:
        raise InputError(
            f"{path}: found {count} bands, expected band {missing[0]} too; correct patches.bands and wrapped_bands."
        )
    total = len(wanted) + len(set(settings.wrapped_bands) & set(wanted))
    if total > MOST_BANDS:
        raise InputError(f"{path}: found {total} bands, expected at most {MOST_BANDS}; name fewer in patches.bands.")
    return wanted


def _rows(source: rasterio.DatasetReader, bands: Sequence[int], wrapped: Sequence[int], window: Window) -> NDArray[Any]:
    """Read bands (bands, y, x) as float32, NaN without data; wrapped phase becomes sine and cosine."""
    raw = source.read(list(bands), window=window)
    found = np.where(_known(source, bands, raw, window), raw, np.nan).astype(np.float32)
    layers: list[NDArray[Any]] = []
    for band, values in zip(bands, found, strict=True):
        layers += [np.sin(values), np.cos(values)] if band in wrapped else [values]
    return np.stack(layers)


def _known(
    source: rasterio.DatasetReader, bands: Sequence[int], raw: NDArray[Any], window: Window
) -> NDArray[np.bool_]:
    """Where bands have data (bands, y, x).

    The fourth band of an orthophoto is called alpha by many writers though it is near infrared, so a band that is
    looked at never masks the others.
    """
    if all(source.colorinterp[band - 1] != ColorInterp.alpha for band in bands):
        return np.asarray(source.read_masks(list(bands), window=window) > 0)
    empty = [source.nodatavals[band - 1] for band in bands]
    return np.stack([np.isfinite(own) if none is None else own != none for own, none in zip(raw, empty, strict=True)])


def _strips(source: rasterio.DatasetReader) -> Iterator[Window]:
    """Rows of blocks from top to bottom."""
    for row in range(0, source.height, BLOCK_PX):
        yield Window(0, row, source.width, min(BLOCK_PX, source.height - row))


def measure_limits(
    source: rasterio.DatasetReader, bands: Sequence[int], settings: PictureSettings
) -> list[tuple[float, float]]:
    """Percentiles of every band over evenly spaced rows.

    Raises
    ------
    InputError
        If a band has no data or a single value.
    """
    rows = np.unique(np.linspace(0, source.height - 1, _SAMPLED_ROWS).astype(int))
    lines = [_rows(source, bands, settings.wrapped_bands, Window(0, int(row), source.width, 1)) for row in rows]
    values = np.concatenate(lines, axis=2)[:, 0]
    limits = []
    for number, band in enumerate(values):
        known = band[np.isfinite(band)]
        low, high = np.percentile(known, settings.percentiles) if known.size else (np.nan, np.nan)
        if not low < high:
            raise InputError(
                f"{source.name}: found no contrast in layer {number + 1} ({known.size} sampled pixels with data), "
                "expected several values; leave the band out or give limits."
            )
        limits.append((float(low), float(high)))
    return limits


def prepare(path: Path, target: Path, settings: PictureSettings) -> dict[str, Any]:
    """Stretch the bands of a picture and write them as shares, uint8; where one has no data, none has.

    Returns
    -------
    dict
        ``bands`` as numbers of the source, ``limits``, and the ``grid``.

    Raises
    ------
    InputError
        If the raster cannot be read, is not on a map, lacks a band, or the limits do not suit its bands.
    """
    with open_raster(path) as source:
        grid, bands = grid_of(source), chosen_bands(path, source.count, settings)
        if grid.geometry == "radar":
            raise InputError(f"{path}: found no coordinate system, expected a raster on a map; geocode it.")
        limits = (
            [tuple(pair) for pair in settings.limits] if settings.limits else measure_limits(source, bands, settings)
        )
        names = [f"band_{band}{part}" for band in bands for part in _parts(band in settings.wrapped_bands)]
        if len(limits) != len(names) or any(not low < high for low, high in limits):
            raise InputError(
                f"{path}: found limits {limits}, expected a lower and a higher number for each of {len(names)} layers; "
                "correct patches.limits."
            )
        low, high = (np.array(side, np.float32)[:, None, None] for side in zip(*limits, strict=True))
        with create_raster(target, grid, "uint8", bands=names, tags=_TAGS) as written:
            for window in _strips(source):
                values = _rows(source, bands, settings.wrapped_bands, window)
                values[:, ~np.isfinite(values).all(axis=0)] = np.nan
                written.write(encode_share((values - low) / (high - low)), window=window)
    return {"bands": bands, "limits": [list(pair) for pair in limits], "grid": grid.to_dict()}


def _parts(is_wrapped: bool) -> tuple[str, ...]:
    """Return the endings of the names of a band's layers."""
    return ("_sin", "_cos") if is_wrapped else ("",)


def picture_reader(path: Path, near: NDArray[np.bool_] | None = None) -> Read:
    """Read windows of a prepared picture for the segmentation, in 0…254.

    Parameters
    ----------
    near
        (y, x) pixels to segment; None takes all with data.
    """
    with open_raster(path) as source:
        bands = source.count

    def read(rows: slice, columns: slice) -> tuple[NDArray[np.floating[Any]], NDArray[np.bool_]]:
        shape = rows.stop - rows.start, columns.stop - columns.start
        wanted = np.ones(shape, bool) if near is None else near[rows, columns]
        if not wanted.any():
            return np.zeros((*shape, bands), np.float32), wanted
        with open_raster(path) as source:
            codes = source.read(window=Window(columns.start, rows.start, shape[1], shape[0]))
        return np.moveaxis(codes, 0, -1) - np.float32(1), wanted & (codes > 0).all(axis=0)

    return read


def boxes_around(mask: NDArray[np.bool_], distance_px: float) -> NDArray[np.bool_]:
    """Rectangles around the parts of a mask (y, x), with a border of `distance_px`, as one mask."""
    parts, _ = ndimage.label(mask, structure=np.ones((3, 3), bool))
    border, near = int(np.ceil(distance_px)), np.zeros(mask.shape, bool)
    for rows, columns in ndimage.find_objects(parts):
        near[
            max(rows.start - border, 0) : rows.stop + border, max(columns.start - border, 0) : columns.stop + border
        ] = True
    return near


@dataclass(frozen=True)
class Sheet:
    """Parts of a picture under each other on one sheet, with rows without data between them.

    Parameters
    ----------
    values
        float32 (bands, y, x), NaN where there is nothing.
    references
        int32 (y, x): number of the reference patch, 0 outside.
    """

    values: NDArray[np.float32]
    references: NDArray[np.int32]


def contact_sheet(path: Path, near: NDArray[np.bool_], references: NDArray[np.int32]) -> Sheet:
    """Cut the parts of `near` out of a prepared picture and of the references."""
    parts, _ = ndimage.label(near)
    boxes = ndimage.find_objects(parts)
    height = sum(rows.stop - rows.start + 1 for rows, _ in boxes)
    width = max((columns.stop - columns.start for _, columns in boxes), default=0)
    with open_raster(path) as source:
        values = np.full((source.count, height, width), np.nan, np.float32)
        kept = np.zeros((height, width), np.int32)
        top = 0
        for number, (rows, columns) in enumerate(boxes, 1):
            size = rows.stop - rows.start, columns.stop - columns.start
            codes = source.read(window=Window(columns.start, rows.start, size[1], size[0])).astype(np.float32)
            inside = (codes > 0).all(axis=0) & (parts[rows, columns] == number)
            values[:, top : top + size[0], : size[1]] = np.where(inside, codes - 1, np.nan)
            kept[top : top + size[0], : size[1]] = np.where(inside, references[rows, columns], 0)
            top += size[0] + 1
    return Sheet(values, kept)

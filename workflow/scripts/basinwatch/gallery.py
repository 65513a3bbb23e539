"""Pictures of labelled tiles side by side, with and without the outlines of their labels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_dilation

from basinwatch.datasets.tiles import LabelledTile
from basinwatch.phase_color import to_rgb

_LEVELS = 64
_PAPER, _INK, _NO_DATA, _FOUND, _IGNORED = range(_LEVELS, _LEVELS + 5)
_COLORS = ((255, 255, 255), (30, 36, 42), (170, 178, 186), (0, 0, 0), (255, 255, 255))
_GAP_PX = 8
_CAPTION_PX = 22
_OUTLINE_PX = 2


@dataclass(frozen=True)
class Strip:
    """Tiles in a row under a caption; outlines are black where a basin is to be found, white where it may be."""

    caption: str
    tiles: Sequence[LabelledTile]
    outlines: bool = False


def gallery(strips: Sequence[Strip]) -> bytes:
    """Draw strips below each other, one pixel per pixel of the tiles.

    Phase is painted in 64 colours of the wheel of :mod:`basinwatch.phase_color`, which keeps the file small.

    Returns
    -------
    PNG file.
    """
    rows = [_strip(strip) for strip in strips]
    width = max(row.shape[1] for row in rows)
    canvas = np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1])), constant_values=_PAPER) for row in rows])
    picture = Image.fromarray(canvas)
    picture.putpalette(_palette().tobytes())
    pen, top = ImageDraw.Draw(picture), 0
    for strip, row in zip(strips, rows, strict=True):
        pen.text((_GAP_PX, top + 3), strip.caption, fill=_INK, font=ImageFont.load_default(14))
        top += len(row)
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _palette() -> NDArray[np.uint8]:
    """Colours of the phase levels, then of everything else, (n, 3)."""
    wheel = to_rgb(2 * np.pi * (np.arange(_LEVELS)[None] + 0.5) / _LEVELS)[0]
    return np.concatenate([wheel, np.array(_COLORS, np.uint8)])


def _strip(strip: Strip) -> NDArray[np.uint8]:
    """Lay the tiles of a strip on paper, with room for the caption above."""
    height = max(tile.phase.shape[0] for tile in strip.tiles)
    cells = [
        np.pad(
            _painted(tile, strip.outlines),
            ((_CAPTION_PX, height - tile.phase.shape[0] + _GAP_PX), (_GAP_PX, 0)),
            constant_values=_PAPER,
        )
        for tile in strip.tiles
    ]
    return np.hstack(cells)


def _painted(tile: LabelledTile, outlines: bool) -> NDArray[np.uint8]:
    """Palette indices of one tile."""
    level = np.floor(np.mod(np.nan_to_num(tile.phase) / (2 * np.pi), 1) * _LEVELS)
    painted = np.where(np.isfinite(tile.phase), np.minimum(level, _LEVELS - 1), _NO_DATA).astype(np.uint8)
    for label in tile.labels if outlines else ():
        edge = binary_dilation(label.mask, iterations=_OUTLINE_PX) & ~label.mask
        painted[edge] = _IGNORED if label.ignore else _FOUND
    return painted

"""What a detector extracted of a picture, before its outlines are mended."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from basinwatch.obia.pictures import boxes_around
from basinwatch.rasters import read_raster

SEGMENTED_WIDTHS, CHOSEN_BY_WIDTHS = 3.0, 1.0


def extracted(probability: Path, threshold: float, min_area_px: int) -> NDArray[np.bool_]:
    """Pixels (y, x) from the threshold on, without parts smaller than `min_area_px`.

    Parameters
    ----------
    probability
        Raster as :func:`basinwatch.inference.search.search` writes it; its first band counts.
    """
    inside = _codes(probability) >= 1 + 254 * threshold
    parts, count = ndimage.label(inside)
    large = np.bincount(parts.ravel(), minlength=count + 1) >= min_area_px
    large[0] = False
    return large[parts]


def searched(probability: Path) -> NDArray[np.bool_]:
    """Pixels (y, x) the detector looked at: those with data, of pictures that do not fill their frame."""
    return _codes(probability) > 0


def _codes(probability: Path) -> NDArray[np.uint8]:
    """First band of a detector's answer, as coded."""
    codes: NDArray[np.uint8] = read_raster(probability)
    return codes if codes.ndim == 2 else codes[0]


def surroundings(
    found: NDArray[np.bool_], references: NDArray[np.int32], widths: float = SEGMENTED_WIDTHS
) -> NDArray[np.bool_]:
    """Rectangles around what was extracted, by some typical patch widths wider on every side.

    Parameters
    ----------
    references
        (y, x) numbered reference patches, whose median area is typical; without any that of the extracted parts.
    """
    typical = references if references.any() else ndimage.label(found)[0]
    areas = np.bincount(typical.ravel())[1:]
    width = math.sqrt(float(np.median(areas[areas > 0]))) if areas.any() else 0.0
    return boxes_around(found, widths * width)

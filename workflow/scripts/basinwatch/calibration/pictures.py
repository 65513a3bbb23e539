"""Real labelled tiles read into the form of simulated ones."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from basinwatch.datasets.tiles import Label, LabelledTile
from basinwatch.errors import InputError
from basinwatch.rasters import read_raster
from basinwatch.readers import PairFiles, read_interferogram
from basinwatch.simulation.labels import SMALLEST_AREA_PX

_log = logging.getLogger(__name__)
# Pictures of single tiles name no dates, and no figure depends on them.
_DATES = (date(2020, 1, 1), date(2020, 1, 13))
_TOUCHING = np.ones((3, 3))


def read_tiles(pairs: Sequence[tuple[str, str]], format: str = "auto") -> list[LabelledTile]:
    """Read pictures and their labels; what cannot be read or has no basin is left out and logged.

    Parameters
    ----------
    pairs
        Phase file and label raster of every tile; in a label raster (first band) every group of touching
        pixels that are not 0 is one basin, if it has at least 12.
    format
        One of :data:`~basinwatch.readers.FORMATS`.

    Raises
    ------
    InputError
        If a label raster differs in size from its picture, or no tile is left.
    """
    tiles = []
    for number, (image, label) in enumerate(pairs, start=1):
        try:
            phase = read_interferogram(PairFiles(*_DATES, Path(image)), format).phase
        except InputError as error:
            _log.warning("left out: %s", error)
            continue
        labels = [Label(mask) for mask in _basins(Path(label), phase.shape)]
        if labels:
            tiles.append(LabelledTile(number, phase, None, labels, Path(image).name))
        else:
            _log.warning("left out: %s: the label %s holds no basin of %d px.", image, label, SMALLEST_AREA_PX)
    _log.info("%d of %d labelled tiles can be used", len(tiles), len(pairs))
    if not tiles:
        raise InputError(
            f"calibration: none of {len(pairs)} labelled tiles can be used, expected readable phase and a label with a "
            "basin; see the lines above in this log and set or correct calibration.images, labels and format."
        )
    return tiles


def _basins(path: Path, shape: tuple[int, ...]) -> list[NDArray[np.bool_]]:
    """Masks of the basins in a label raster."""
    drawn: NDArray[Any] = read_raster(path)
    drawn = drawn[0] if drawn.ndim == 3 else drawn
    if drawn.shape != shape:
        raise InputError(
            f"{path}: found a label of {drawn.shape[1]} x {drawn.shape[0]} px, expected {shape[1]} x {shape[0]} as "
            "its picture; use labels drawn on the same pixels."
        )
    numbers, count = ndimage.label(np.nan_to_num(drawn) != 0, _TOUCHING)
    masks = [numbers == number for number in range(1, count + 1)]
    return [mask for mask in masks if mask.sum() >= SMALLEST_AREA_PX]

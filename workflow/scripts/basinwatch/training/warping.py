"""Turns, zoom, shear and shifts of wrapped tiles: phasors are resampled, never angles or colours."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

Arrays = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]
Matrix = NDArray[np.float64]

# Incoherent ground still shows some phase.
_FAINTEST = 0.02
_SEEN_SHARE = 0.5


def warp_matrix(turn_deg: float, zoom: float, shear: float) -> Matrix:
    """Matrix (2, 2) from places in the new tile to places in the old one, row and column about the centre.

    Parameters
    ----------
    turn_deg
        Turn of the picture against the clock.
    zoom
        By how much larger things become.
    shear
        Columns that the picture moves to the right per row upwards, before it is turned.
    """
    sine, cosine = np.sin(np.radians(turn_deg)), np.cos(np.radians(turn_deg))
    unturn = np.array([[cosine, sine], [-sine, cosine]])
    unshear = np.array([[1.0, 0.0], [shear, 1.0]])
    matrix: Matrix = unshear @ unturn / zoom
    return matrix


def warp(arrays: Arrays, matrix: Matrix, shift_px: tuple[float, float]) -> Arrays:
    """Move phase, coherence and target alike.

    Phase is that of the bilinear mean of γ exp(jφ), so nothing is invented across a wrap; noise becomes smoother, as
    in any resampling. Ground that was not in the tile has no data and no basin. Targets come from the nearest pixel.

    Parameters
    ----------
    arrays
        Phase (y, x) in radians with NaN, coherence (y, x) with NaN, target (y, x).
    matrix
        See :func:`warp_matrix`.
    shift_px
        Rows and columns by which what was in the middle is then moved.
    """
    phase, coherence, target = arrays
    centre = (np.array(phase.shape) - 1) / 2
    place = {"matrix": matrix, "offset": centre - matrix @ (centre + np.array(shift_px)), "mode": "constant"}
    mean: partial[Any] = partial(affine_transform, order=1, output=np.float32, **place)
    valid = np.isfinite(phase)
    known = valid & np.isfinite(coherence)
    weight = np.maximum(np.where(known, coherence, 1), _FAINTEST) * valid
    angle = np.where(valid, phase, 0)
    moved = np.arctan2(mean(weight * np.sin(angle)), mean(weight * np.cos(angle)))
    share = mean(known.astype(np.float32))
    level = mean(np.where(known, coherence, 0)) / np.maximum(share, _SEEN_SHARE)
    return (
        np.where(mean(valid.astype(np.float32)) >= _SEEN_SHARE, moved, np.nan).astype(np.float32),
        np.where(share >= _SEEN_SHARE, level, np.nan).astype(np.float32),
        affine_transform(target, order=0, output=target.dtype, **place),
    )

"""How many fringes a basin has: cycles of wrapped phase between its rim and its middle.

Along a ray, phase adds up from pixel to pixel as long as it changes by less than half a cycle between neighbours
(Itoh 1982). Noise breaks single rays, so the median over rays of all directions counts. Where the ground is steeper
than half a cycle per pixel the count is too low; where coherence is lost it means nothing and is not given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from basinwatch.phase import wrap

RAYS = 32
_SMOOTHING_PX, _STEP_PX = 0.5, 0.5
_WINDOW_PX = 5
# Gradients of pure noise agree less than this in most windows.
_LEAST_AGREEMENT = 0.4
_LEAST_CLEAR_SHARE = 0.6


def count_fringes(phase: NDArray[np.floating[Any]], inside: NDArray[np.bool_]) -> float:
    """Count the cycles between rim and middle of one basin.

    Parameters
    ----------
    phase
        (y, x) wrapped phase in radians, NaN without data.
    inside
        (y, x) pixels of the basin.

    Returns
    -------
    float
        Cycles, to a fraction; NaN where too much of the basin is noise.
    """
    if not inside.any():
        return float("nan")
    known = np.isfinite(phase)
    phasors = np.where(known, np.exp(1j * np.where(known, phase, 0).astype(float)), 0)
    if (_agreement(phasors)[inside] >= _LEAST_AGREEMENT).mean() < _LEAST_CLEAR_SHARE:
        return float("nan")
    phasors = ndimage.gaussian_filter(phasors, _SMOOTHING_PX)
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
    angles = np.arange(RAYS) * 2 * np.pi / RAYS
    cycles = [_along(phasors, inside, (int(row), int(column)), angle) for angle in angles]
    return float(np.median(np.abs(cycles)))


def _agreement(phasors: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Length of the mean step of phase, down and across, in a window: 1 on an even slope, near 0 in noise."""
    steps = [phasors * np.conj(ndimage.shift(phasors, offset, order=0, mode="nearest")) for offset in ((1, 0), (0, 1))]
    found: NDArray[np.float64] = np.mean([np.abs(ndimage.uniform_filter(step, _WINDOW_PX)) for step in steps], axis=0)
    return found


def _along(phasors: NDArray[np.complex128], inside: NDArray[np.bool_], middle: tuple[int, int], angle: float) -> float:
    """Cycles gained from the middle to where a ray leaves the basin."""
    steps = np.arange(0, sum(inside.shape), _STEP_PX)
    places = np.stack([middle[0] + steps * np.sin(angle), middle[1] + steps * np.cos(angle)])
    within = ndimage.map_coordinates(inside.astype(float), places, order=1, cval=0.0) >= 0.5
    end = max(2, int(np.argmin(within)))
    phase = np.angle(ndimage.map_coordinates(phasors, places[:, :end], order=1, mode="nearest"))
    return float(wrap(np.diff(phase)).sum() / (2 * np.pi))

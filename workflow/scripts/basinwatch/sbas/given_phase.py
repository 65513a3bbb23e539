"""Whether the producer's unwrapped phase belongs to the interferogram it comes with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from basinwatch.errors import InputError

Float = NDArray[np.float32]

_MAX_SPREAD_RAD = 0.3
_SAMPLE_PX, _MIN_PX = 1_000_000, 100


def doubts(unwrapped: Float, wrapped: Float, source: str) -> list[str]:
    """Compare unwrapped with wrapped phase of one grid, which should differ by a constant and whole cycles.

    Parameters
    ----------
    unwrapped, wrapped
        (y, x) radians with NaN, both positive away from the satellite.
    source
        File of the unwrapped phase, that error and warning are about.

    Returns
    -------
    One sentence where they differ by more than noise, as they do when one of them was filtered more.

    Raises
    ------
    InputError
        If they agree only with the sign of one of them turned.
    """
    step = max(1, unwrapped.size // _SAMPLE_PX)
    one, other = unwrapped.ravel()[::step], wrapped.ravel()[::step]
    known = np.isfinite(one) & np.isfinite(other)
    if np.count_nonzero(known) < _MIN_PX:
        return []
    same, turned = (_spread_rad(sign * one[known] - other[known]) for sign in (1, -1))
    if turned < _MAX_SPREAD_RAD < same:
        raise InputError(
            f"{source}: found unwrapped phase of the other sign than the interferogram's, expected phase that differs "
            "from it by whole cycles; correct sign, or name the files of one product."
        )
    if same <= _MAX_SPREAD_RAD:
        return []
    return [
        f"{source}: unwrapped and wrapped phase differ by {same:.2f} rad (circular standard deviation) besides whole "
        "cycles; from another filter, or of another pair?"
    ]


def _spread_rad(angles: Float) -> float:
    """Circular standard deviation, (−2 ln R)^½ with R the length of the mean phasor."""
    length = np.abs(np.exp(1j * angles.astype(np.float64)).mean())
    return float(np.sqrt(-2 * np.log(np.clip(length, 1e-12, 1))))
